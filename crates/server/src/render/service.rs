//! A service as ECS shows it, with its deployments and events (SVC-8, SVC-11, DEP-1, DEP-2).

use super::capacity_provider::{by_launch_type, by_strategy};
use super::service_deployment::RevisionCounts;
use super::{ShowTags, TaskSetView, count, seconds, text};
use crate::resolve::Arns;
use plimsoll_ecs_api::types;
use plimsoll_model::{
    CircuitBreaker, Counts, Deployment, DeploymentConfiguration, DeploymentController, DeploymentId, DeploymentStatus,
    Image, PlacementConstraint, PlacementStrategy, Service, ServiceEvent, SpreadField, Timestamp,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::cmp::Reverse;
use std::sync::Arc;

/// Events shown of a service; older ones are kept no longer either.
const EVENTS_MAX: usize = 100;

pub(crate) struct ServiceView {
    row: Arc<Service>,
    counts: Counts,
    /// PRIMARY first, then newest first.
    deployments: Vec<(Arc<Deployment>, Counts)>,
    /// The newest entry of its history.
    current: Option<DeploymentId>,
    /// Instead of deployments, with an EXTERNAL controller.
    task_sets: Vec<TaskSetView>,
    /// Newest first.
    events: Vec<Arc<ServiceEvent>>,
}

impl ServiceView {
    pub(crate) fn collect(image: &Image, row: &Arc<Service>) -> Self {
        let shown = |deployment: &&Arc<Deployment>| {
            deployment.status != DeploymentStatus::Inactive && deployment.task_set.is_none()
        };
        let with_counts = |one: &Arc<Deployment>| (Arc::clone(one), image.deployment_counts(one.id));
        ServiceView {
            row: Arc::clone(row),
            counts: image.service_counts(&row.name),
            deployments: image.deployments_of_service(&row.name).filter(shown).map(with_counts).collect(),
            current: image.service_deployments_of(&row.name).next().map(|entry| entry.id),
            task_sets: TaskSetView::all_of(image, &row.name),
            events: image.events_of_service(&row.name).rev().take(EVENTS_MAX).cloned().collect(),
        }
    }

    pub(crate) fn created_at(&self) -> Timestamp {
        self.row.created_at
    }

    /// As it was before the scheduler first looked at it, which may have happened in the same commit (SVC-8).
    #[must_use]
    pub(crate) fn at_creation(mut self) -> Self {
        self.counts = Counts::default();
        self.deployments.iter_mut().for_each(|(_, counts)| *counts = Counts::default());
        self.events.clear();
        self
    }

    pub(crate) fn render(mut self, arns: &Arns, tags: ShowTags) -> types::Service {
        self.deployments
            .sort_by_key(|(one, _)| (one.status != DeploymentStatus::Primary, Reverse(one.created_at), one.id));
        let row = &*self.row;
        types::Service {
            service_arn: Some(arns.service(&row.name)),
            service_name: Some(row.name.to_string()),
            cluster_arn: Some(arns.cluster()),
            status: Some(row.status.as_str().into()),
            desired_count: count(row.desired_count),
            running_count: count(self.counts.running),
            pending_count: count(self.counts.pending),
            launch_type: row.shown_launch_type().map(|launch_type| launch_type.as_str().into()),
            capacity_provider_strategy: by_strategy(&row.capacity_provider_strategy),
            task_definition: row.definition.as_ref().map(|id| arns.definition(id)),
            deployment_configuration: Some(deployment_configuration(row.deployment_configuration)),
            deployment_controller: Some(types::DeploymentController { r#type: Some(row.controller.as_str().into()) }),
            current_service_deployment: self.current.map(|id| arns.service_deployment(&row.name, id)),
            current_service_revisions: (row.controller == DeploymentController::Ecs).then(|| self.revisions(arns)),
            deployments: Some(self.deployments.iter().map(|one| self.deployment(arns, one)).collect()),
            task_sets: self.shown_task_sets(arns, tags),
            events: Some(self.events.iter().map(|one| event(one)).collect()),
            placement_constraints: Some(row.placement_constraints.iter().map(constraint).collect()),
            placement_strategy: Some(row.placement_strategy.iter().map(strategy).collect()),
            health_check_grace_period_seconds: Some(count(row.health_check_grace_period_seconds)),
            scheduling_strategy: Some(row.scheduling_strategy.as_str().into()),
            propagate_tags: Some(row.propagate_tags.as_str().into()),
            enable_ecs_managed_tags: row.enable_ecs_managed_tags,
            enable_execute_command: row.enable_execute_command,
            created_at: seconds(row.created_at),
            created_by: text(&row.created_by),
            resource_management_type: Some("CUSTOMER".into()),
            load_balancers: Some(self.echoed("loadBalancers").unwrap_or_default()),
            service_registries: Some(self.echoed("serviceRegistries").unwrap_or_default()),
            network_configuration: self.echoed("networkConfiguration"),
            role_arn: self.echoed("role"),
            availability_zone_rebalancing: Some(
                if row.availability_zone_rebalancing { "ENABLED" } else { "DISABLED" }.into(),
            ),
            tags: Some(tags.of(&row.tags)),
            ..Default::default()
        }
    }

    /// Of every deployment that is listed.
    fn revisions(&self, arns: &Arns) -> Vec<types::ServiceCurrentRevisionSummary> {
        let counts =
            self.deployments.iter().map(|(one, counts)| RevisionCounts::new(one.id, one.desired_count, *counts));
        counts.map(|one| one.current(arns, &self.row.name)).collect()
    }

    /// A deployment of before its settings were kept has those of the service, if it is the newest.
    fn deployment(&self, arns: &Arns, (row, counts): &(Arc<Deployment>, Counts)) -> types::Deployment {
        let settings = row.settings.as_deref();
        let is_primary = row.status == DeploymentStatus::Primary;
        let echo = settings.map(|kept| &kept.echo).or(Some(&self.row.echo).filter(|_| is_primary));
        let launch_type = settings.map_or(self.row.launch_type, |kept| kept.launch_type);
        types::Deployment {
            id: Some(row.id.to_string()),
            status: Some(row.status.as_str().into()),
            task_definition: Some(arns.definition(&row.definition)),
            desired_count: count(row.desired_count),
            pending_count: count(counts.pending),
            running_count: count(counts.running),
            failed_tasks: count(row.failed_tasks),
            created_at: seconds(row.created_at),
            updated_at: seconds(row.updated_at),
            launch_type: by_launch_type(row.capacity_provider_strategy(), launch_type),
            capacity_provider_strategy: by_strategy(row.capacity_provider_strategy()),
            network_configuration: echo.and_then(|echo| echoed(echo, "networkConfiguration")),
            service_connect_configuration: echo.and_then(|echo| echoed(echo, "serviceConnectConfiguration")),
            rollout_state: Some(row.rollout_state.as_str().into()),
            rollout_state_reason: text(&row.rollout_state_reason),
            ..Default::default()
        }
    }

    fn shown_task_sets(&self, arns: &Arns, tags: ShowTags) -> Option<Vec<types::TaskSet>> {
        let has_them = self.row.controller == DeploymentController::External;
        has_them.then(|| self.task_sets.iter().map(|one| one.render(arns, tags)).collect())
    }

    /// What the PRIMARY task set says comes before what the service says by itself (SVC-53).
    fn echoed<T: DeserializeOwned>(&self, member: &str) -> Option<T> {
        let of_primary = self.task_sets.iter().find_map(|set| set.primary_member(member));
        of_primary.or_else(|| echoed(&self.row.echo, member))
    }
}

pub(super) fn echoed<T: DeserializeOwned>(echo: &Map<String, Value>, member: &str) -> Option<T> {
    echo.get(member).and_then(|value| serde_json::from_value(value.clone()).ok())
}

pub(super) fn deployment_configuration(configuration: DeploymentConfiguration) -> types::DeploymentConfiguration {
    types::DeploymentConfiguration {
        maximum_percent: Some(count(configuration.maximum_percent)),
        minimum_healthy_percent: Some(count(configuration.minimum_healthy_percent)),
        deployment_circuit_breaker: Some(circuit_breaker(configuration.circuit_breaker)),
        strategy: Some("ROLLING".into()),
        ..Default::default()
    }
}

/// What was never asked for is not shown: older clients know only the two switches.
fn circuit_breaker(breaker: CircuitBreaker) -> types::DeploymentCircuitBreaker {
    let usual = CircuitBreaker::off();
    let CircuitBreaker { enable, rollback, threshold, reset_on_healthy_task } = breaker;
    let threshold_configuration = (threshold != usual.threshold).then(|| types::ThresholdConfiguration {
        r#type: Some(threshold.kind.as_str().into()),
        value: count(threshold.value),
    });
    let reset_on_healthy_task = Some(reset_on_healthy_task).filter(|resets| *resets != usual.reset_on_healthy_task);
    types::DeploymentCircuitBreaker { enable, rollback, reset_on_healthy_task, threshold_configuration }
}

fn event(row: &ServiceEvent) -> types::ServiceEvent {
    types::ServiceEvent {
        id: Some(uuid::Uuid::from_u128(row.id).to_string()),
        created_at: seconds(row.created_at),
        message: text(&row.message),
    }
}

fn constraint(constraint: &PlacementConstraint) -> types::PlacementConstraint {
    let (kind, expression) = match constraint {
        PlacementConstraint::DistinctInstance => ("distinctInstance", None),
        PlacementConstraint::MemberOf(expression) => ("memberOf", text(expression)),
    };
    types::PlacementConstraint { r#type: Some(kind.into()), expression }
}

fn strategy(strategy: &PlacementStrategy) -> types::PlacementStrategy {
    let (kind, field) = match strategy {
        PlacementStrategy::Random => ("random", None),
        PlacementStrategy::Spread(SpreadField::Instance) => ("spread", Some("instanceId".to_owned())),
        PlacementStrategy::Spread(SpreadField::Attribute(name)) => ("spread", Some(format!("attribute:{name}"))),
        PlacementStrategy::BinpackCpu => ("binpack", Some("CPU".to_owned())),
        PlacementStrategy::BinpackMemory => ("binpack", Some("MEMORY".to_owned())),
    };
    types::PlacementStrategy { r#type: Some(kind.into()), field }
}
