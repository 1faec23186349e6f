//! A cluster as ECS shows it (CL-6, CL-7).

use super::{ShowTags, count};
use crate::resolve::Arns;
use plimsoll_ecs_api::types;
use plimsoll_model::{Cluster, Counts, Image, ServiceStatus};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The parts of a cluster that are shown on request only (W-12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClusterInclude {
    pub(crate) settings: bool,
    pub(crate) configuration: bool,
    pub(crate) statistics: bool,
    pub(crate) tags: ShowTags,
}

impl ClusterInclude {
    pub(crate) const ALL: ClusterInclude =
        ClusterInclude { settings: true, configuration: true, statistics: false, tags: ShowTags::Yes };

    pub(crate) fn named(include: Option<&Vec<String>>) -> Self {
        let has = |name: &str| include.is_some_and(|include| include.iter().any(|one| one == name));
        ClusterInclude {
            settings: has("SETTINGS"),
            configuration: has("CONFIGURATIONS"),
            statistics: has("STATISTICS"),
            tags: ShowTags::included(include),
        }
    }
}

pub(crate) struct ClusterView {
    row: Arc<Cluster>,
    total: Counts,
    registered_instances: u32,
    active_services: u32,
    /// Counted only for `statistics`.
    draining_services: u32,
}

impl ClusterView {
    pub(crate) fn collect(image: &Image, row: &Arc<Cluster>, include: ClusterInclude) -> Self {
        let draining = || image.services.values().filter(|service| service.status == ServiceStatus::Draining).count();
        let draining_services = if include.statistics { draining() } else { 0 };
        ClusterView {
            row: Arc::clone(row),
            total: image.total(),
            registered_instances: image.registered_instances(),
            active_services: image.active_services(),
            draining_services: u32::try_from(draining_services).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn render(&self, arns: &Arns, include: ClusterInclude) -> types::Cluster {
        let row = &*self.row;
        types::Cluster {
            cluster_arn: Some(arns.cluster()),
            cluster_name: Some(row.key.name.to_string()),
            status: Some(row.status.as_str().into()),
            registered_container_instances_count: count(self.registered_instances),
            running_tasks_count: count(self.total.running),
            pending_tasks_count: count(self.total.pending),
            active_services_count: count(self.active_services),
            statistics: Some(if include.statistics { self.statistics() } else { Vec::new() }),
            tags: Some(include.tags.of(&row.tags)),
            settings: Some(if include.settings { self.settings() } else { Vec::new() }),
            configuration: self.echoed("configuration").filter(|_| include.configuration),
            service_connect_defaults: self.echoed("serviceConnectDefaults"),
            capacity_providers: Some(row.capacity_providers.iter().map(|name| name.to_string()).collect()),
            default_capacity_provider_strategy: Some(super::capacity_provider::strategy(
                &row.default_capacity_provider_strategy,
            )),
            ..Default::default()
        }
    }

    fn echoed<T: DeserializeOwned>(&self, member: &str) -> Option<T> {
        self.row.echo.get(member).and_then(|value| serde_json::from_value(value.clone()).ok())
    }

    /// Container insights are off unless the cluster says otherwise (ACC-2).
    fn settings(&self) -> Vec<types::ClusterSetting> {
        let off = || types::ClusterSetting { name: Some("containerInsights".into()), value: Some("disabled".into()) };
        let mut settings: Vec<types::ClusterSetting> = self.echoed("settings").unwrap_or_default();
        if settings.iter().all(|setting| setting.name.as_deref() != Some("containerInsights")) {
            settings.push(off());
        }
        settings
    }

    /// Every instance is the user's own, so all counts are on the EC2 side.
    fn statistics(&self) -> Vec<types::KeyValuePair> {
        [
            ("runningEC2TasksCount", self.total.running),
            ("runningFargateTasksCount", 0),
            ("pendingEC2TasksCount", self.total.pending),
            ("pendingFargateTasksCount", 0),
            ("activeEC2ServiceCount", self.active_services),
            ("activeFargateServiceCount", 0),
            ("drainingEC2ServiceCount", self.draining_services),
            ("drainingFargateServiceCount", 0),
        ]
        .map(|(name, number)| types::KeyValuePair { name: Some(name.into()), value: Some(number.to_string()) })
        .into()
    }
}
