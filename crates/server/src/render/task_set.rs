//! A task set as ECS shows it (SVC-50 to SVC-54).

use super::capacity_provider::{by_launch_type, by_strategy};
use super::{ShowTags, count, seconds, text};
use crate::resolve::Arns;
use plimsoll_ecs_api::types;
use plimsoll_model::{Counts, Deployment, DeploymentStatus, Image, Scale, ServiceName, TaskSet};
use serde::de::DeserializeOwned;
use std::cmp::Reverse;
use std::sync::Arc;

pub(crate) struct TaskSetView {
    row: Arc<Deployment>,
    counts: Counts,
}

impl TaskSetView {
    pub(crate) fn collect(image: &Image, row: &Arc<Deployment>) -> Self {
        TaskSetView { row: Arc::clone(row), counts: image.deployment_counts(row.id) }
    }

    /// PRIMARY first, then newest first.
    pub(crate) fn all_of(image: &Image, service: &ServiceName) -> Vec<Self> {
        let rows = image.deployments_of_service(service).filter(|row| row.task_set.is_some());
        let mut views: Vec<_> = rows.map(|row| TaskSetView::collect(image, row)).collect();
        views.sort_by_key(|view| {
            let row = &view.row;
            (row.status != DeploymentStatus::Primary, Reverse(row.created_at), row.id)
        });
        views
    }

    /// As it was before the scheduler first looked at it.
    #[must_use]
    pub(crate) fn at_creation(mut self) -> Self {
        self.counts = Counts::default();
        self
    }

    /// What the service shows of its PRIMARY set (SVC-53).
    pub(crate) fn primary_member<T: DeserializeOwned>(&self, member: &str) -> Option<T> {
        let set = self.row.task_set.as_ref().filter(|_| self.row.status == DeploymentStatus::Primary)?;
        echoed(set, member)
    }

    /// Nothing but its ids for a deployment that is no task set.
    pub(crate) fn render(&self, arns: &Arns, tags: ShowTags) -> types::TaskSet {
        let row = &*self.row;
        let common = types::TaskSet {
            id: Some(row.id.to_string()),
            task_set_arn: Some(arns.task_set(&row.service, row.id)),
            service_arn: Some(arns.service(&row.service)),
            cluster_arn: Some(arns.cluster()),
            status: Some(row.status.as_str().into()),
            task_definition: Some(arns.definition(&row.definition)),
            computed_desired_count: count(row.desired_count),
            pending_count: count(self.counts.pending),
            running_count: count(self.counts.running),
            created_at: seconds(row.created_at),
            updated_at: seconds(row.updated_at),
            ..Default::default()
        };
        let Some(set) = &row.task_set else { return common };
        types::TaskSet {
            external_id: set.external_id.as_ref().and_then(text),
            scale: Some(scale(set.scale)),
            launch_type: by_launch_type(&set.capacity_provider_strategy, set.launch_type),
            capacity_provider_strategy: by_strategy(&set.capacity_provider_strategy),
            platform_version: echoed(set, "platformVersion"),
            network_configuration: echoed(set, "networkConfiguration"),
            load_balancers: Some(echoed(set, "loadBalancers").unwrap_or_default()),
            service_registries: Some(echoed(set, "serviceRegistries").unwrap_or_default()),
            stability_status: Some(set.stability.as_str().into()),
            stability_status_at: seconds(set.stability_at),
            tags: Some(tags.of(&set.tags)),
            ..common
        }
    }
}

fn echoed<T: DeserializeOwned>(set: &TaskSet, member: &str) -> Option<T> {
    set.echo.get(member).and_then(|value| serde_json::from_value(value.clone()).ok())
}

fn scale(scale: Scale) -> types::Scale {
    types::Scale { unit: Some("PERCENT".into()), value: f64::from(scale.thousandths()) / 1_000.0 }
}
