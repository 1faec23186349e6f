//! What CreateService and UpdateService have in common.

use super::input::{echo, invalid, non_empty, unsupported};
use crate::render::{ServiceView, ShowTags};
use crate::resolve::ActiveCluster;
use plimsoll_core::command::CircuitBreakerUpdate;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{
    DeploymentController, FailureThreshold, PlacementConstraint, PlacementStrategy, SchedulingStrategy, ServiceName,
    SpreadField, TaskDefinition, ThresholdKind, Timestamp,
};
use serde_json::{Map, Value};

const ZONE_ATTRIBUTE: &str = "ecs.availability-zone";

const DAEMON_DESIRED_COUNT: &str = "The daemon scheduling strategy does not support a desired count for \
     services. Remove the desired count value and try again";
const DAEMON_MAXIMUM_PERCENT: &str = "The daemon scheduling strategy does not support values above 100 for \
     maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again";

/// Members of both requests that belong to features this server does not have.
pub(super) struct Extras<'a> {
    pub(super) service_connect: Option<&'a types::ServiceConnectConfiguration>,
    pub(super) volumes: Option<&'a Vec<types::ServiceVolumeConfiguration>>,
    pub(super) lattice: Option<&'a Vec<types::VpcLatticeConfiguration>>,
    pub(super) gateways: Option<&'a Vec<types::GatewayConnector>>,
    pub(super) monitoring: Option<&'a types::MonitoringConfiguration>,
}

/// The controller a request asks for; None leaves it as it is.
pub(super) fn controller(
    given: Option<&types::DeploymentController>,
) -> Result<Option<DeploymentController>, ApiError> {
    let Some(kind) = given.and_then(|controller| controller.r#type.as_deref()) else { return Ok(None) };
    let controller = DeploymentController::parse(kind).ok_or_else(|| {
        unsupported(format!("Deployment controller {kind} is not supported by this server: use ECS or EXTERNAL."))
    })?;
    Ok(Some(controller))
}

impl Extras<'_> {
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let refused = [
            ("serviceConnectConfiguration", self.service_connect.is_some_and(|connect| connect.enabled)),
            ("volumeConfigurations", non_empty(self.volumes)),
            ("vpcLatticeConfigurations", non_empty(self.lattice)),
            ("gatewayConnectors", non_empty(self.gateways)),
            ("monitoring", self.monitoring.is_some_and(|given| non_empty(given.metric_configurations.as_ref()))),
        ];
        match refused.iter().find(|(_, given)| *given) {
            Some((member, _)) => Err(unsupported(format!("{member} is not supported by this server."))),
            None => Ok(()),
        }
    }
}

/// The parts of `deploymentConfiguration` that were given and are acted on.
#[derive(Default)]
pub(super) struct Percentages {
    pub(super) maximum: Option<u32>,
    pub(super) minimum_healthy: Option<u32>,
    pub(super) circuit_breaker: Option<CircuitBreakerUpdate>,
}

/// SVC-6, SVC-7. Bounds of the percentages are the model's.
pub(super) fn deployment_configuration(
    given: Option<&types::DeploymentConfiguration>,
) -> Result<Percentages, ApiError> {
    let Some(given) = given else { return Ok(Percentages::default()) };
    if let Some(strategy) = given.strategy.as_deref().filter(|strategy| *strategy != "ROLLING") {
        return Err(unsupported(format!(
            "Deployment strategy {strategy} is not supported by this server: use ROLLING."
        )));
    }
    let refused = [
        ("alarms", given.alarms.as_ref().is_some_and(|alarms| alarms.enable)),
        ("lifecycleHooks", non_empty(given.lifecycle_hooks.as_ref())),
        ("bakeTimeInMinutes", given.bake_time_in_minutes.is_some_and(|minutes| minutes > 0)),
        ("linearConfiguration", given.linear_configuration.is_some()),
        ("canaryConfiguration", given.canary_configuration.is_some()),
        ("earlySuccessCriteria", given.early_success_criteria.as_ref().is_some_and(|criteria| criteria.enable)),
    ];
    if let Some((member, _)) = refused.iter().find(|(_, given)| *given) {
        return Err(unsupported(format!("deploymentConfiguration.{member} is not supported by this server.")));
    }
    Ok(Percentages {
        maximum: given.maximum_percent.map(super::input::unsigned),
        minimum_healthy: given.minimum_healthy_percent.map(super::input::unsigned),
        circuit_breaker: given.deployment_circuit_breaker.as_ref().map(circuit_breaker).transpose()?,
    })
}

fn circuit_breaker(given: &types::DeploymentCircuitBreaker) -> Result<CircuitBreakerUpdate, ApiError> {
    Ok(CircuitBreakerUpdate {
        enable: given.enable,
        rollback: given.rollback,
        threshold: given.threshold_configuration.as_ref().map(threshold).transpose()?,
        reset_on_healthy_task: given.reset_on_healthy_task,
    })
}

/// A threshold of nothing would end every deployment before it began, one above all tasks would end none.
fn threshold(given: &types::ThresholdConfiguration) -> Result<FailureThreshold, ApiError> {
    let kind = given.r#type.as_deref().and_then(ThresholdKind::parse);
    let kind = kind.ok_or_else(|| invalid("thresholdConfiguration needs a type."))?;
    let value_max = match kind {
        ThresholdKind::Count => i32::MAX,
        ThresholdKind::BoundedPercent | ThresholdKind::UnboundedPercent => 100,
    };
    if !(1..=value_max).contains(&given.value) {
        let range = format!("at least 1{}", if value_max == 100 { " and at most 100" } else { "" });
        return Err(invalid(format!("The value of a {} threshold must be {range}.", kind.as_str())));
    }
    Ok(FailureThreshold { kind, value: super::input::unsigned(given.value) })
}

/// The members of a request that a daemon service cannot have.
pub(super) struct DaemonWishes<'a> {
    pub(super) desired_count: Option<i32>,
    pub(super) percentages: &'a Percentages,
    pub(super) strategies: Option<&'a Vec<PlacementStrategy>>,
    pub(super) launch_type: Option<&'a str>,
    pub(super) capacity_providers: bool,
    pub(super) controller: Option<&'a types::DeploymentController>,
}

/// SVC-9, in creation and update.
pub(super) fn check_daemon(scheduling: SchedulingStrategy, wishes: &DaemonWishes<'_>) -> Result<(), ApiError> {
    if scheduling == SchedulingStrategy::Replica {
        return Ok(());
    }
    if wishes.desired_count.is_some() {
        return Err(invalid(DAEMON_DESIRED_COUNT));
    }
    if wishes.percentages.maximum.is_some_and(|maximum| maximum > 100) {
        return Err(invalid(DAEMON_MAXIMUM_PERCENT));
    }
    if non_empty(wishes.strategies) {
        return Err(invalid("The daemon scheduling strategy does not support placement strategies."));
    }
    if wishes.launch_type == Some("FARGATE") {
        return Err(invalid("The daemon scheduling strategy is not supported with launch type FARGATE."));
    }
    if wishes.capacity_providers {
        return Err(invalid("The daemon scheduling strategy does not support capacity provider strategies."));
    }
    let controller = wishes.controller.and_then(|controller| controller.r#type.as_deref());
    match controller.filter(|kind| *kind != "ECS") {
        Some(other) => Err(invalid(format!(
            "The daemon scheduling strategy does not support deployment controller {other}: use ECS."
        ))),
        None => Ok(()),
    }
}

/// SVC-5: a load balancer sends to a container and port that the definition has.
pub(super) fn check_load_balancers(
    load_balancers: Option<&Vec<types::LoadBalancer>>,
    definition: &TaskDefinition,
) -> Result<(), ApiError> {
    for load_balancer in load_balancers.into_iter().flatten() {
        let Some(name) = load_balancer.container_name.as_deref() else { continue };
        let Some(container) = definition.container(name) else {
            return Err(invalid(format!("The container {name} does not exist in the task definition.")));
        };
        let Some(port) = load_balancer.container_port else { continue };
        if !container.port_mappings.iter().any(|mapping| mapping.container_port.map(i32::from) == Some(port)) {
            return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
        }
    }
    Ok(())
}

/// What decides whether zones can be rebalanced (SVC-60).
pub(super) struct Rebalancing<'a> {
    pub(super) controller: DeploymentController,
    pub(super) scheduling: SchedulingStrategy,
    pub(super) maximum_percent: u32,
    pub(super) constraints: &'a [PlacementConstraint],
    pub(super) strategies: &'a [PlacementStrategy],
}

impl Rebalancing<'_> {
    fn is_possible(&self) -> bool {
        let by_zone = |strategy: &PlacementStrategy| match strategy {
            PlacementStrategy::Spread(SpreadField::Attribute(name)) => &**name == ZONE_ATTRIBUTE,
            PlacementStrategy::Spread(SpreadField::Instance)
            | PlacementStrategy::Random
            | PlacementStrategy::BinpackCpu
            | PlacementStrategy::BinpackMemory => false,
        };
        let on_zone = |constraint: &PlacementConstraint| match constraint {
            PlacementConstraint::MemberOf(expression) => expression.contains(ZONE_ATTRIBUTE),
            PlacementConstraint::DistinctInstance => false,
        };
        self.controller == DeploymentController::Ecs
            && self.scheduling == SchedulingStrategy::Replica
            && self.maximum_percent > 100
            && self.strategies.first().is_none_or(by_zone)
            && !self.constraints.iter().any(on_zone)
    }

    /// The value to keep: as given, else on where it is possible.
    pub(super) fn setting(&self, given: Option<&str>) -> Result<bool, ApiError> {
        match given {
            Some("ENABLED") if !self.is_possible() => Err(invalid(
                "Availability Zone rebalancing needs the ECS controller, the REPLICA strategy, a maximumPercent above 100, no strategy or \
                 spread over attribute:ecs.availability-zone as the first, and no constraint on ecs.availability-zone.",
            )),
            Some(given) => Ok(given == "ENABLED"),
            None => Ok(self.is_possible()),
        }
    }
}

/// A list member that is described back; `[]` clears it on update (SVC-12).
pub(super) fn echo_list<T: serde::Serialize>(kept: &mut Map<String, Value>, member: &str, given: Option<&Vec<T>>) {
    match given {
        Some(list) if list.is_empty() => {
            kept.insert(member.to_owned(), Value::Null);
        }
        given => echo(kept, member, given),
    }
}

/// The service as it is committed.
pub(super) fn shown(cluster: &ActiveCluster, name: &ServiceName) -> Result<types::Service, ApiError> {
    Ok(view(cluster, name)?.render(&cluster.arns, ShowTags::Yes))
}

/// The answer to CreateService: a service made by this request, or one of before that its token stands for (W-16).
pub(super) fn shown_created(
    cluster: &ActiveCluster,
    name: &ServiceName,
    request_began: Timestamp,
) -> Result<types::Service, ApiError> {
    let view = view(cluster, name)?;
    let view = if view.created_at() >= request_began { view.at_creation() } else { view };
    Ok(view.render(&cluster.arns, ShowTags::Yes))
}

fn view(cluster: &ActiveCluster, name: &ServiceName) -> Result<ServiceView, ApiError> {
    let view = cluster.read(|image| image.services.get(name).map(|row| ServiceView::collect(image, row)))?;
    view.ok_or_else(|| {
        tracing::error!(service = %name, "a service that was just written is not in the committed image");
        ApiError::server("The request was carried out, but its result cannot be shown.")
    })
}
