//! CreateService (SVC-1 to SVC-9, W-16).

use super::definitions::{self, UsedBy};
use super::input::{echo, invalid, non_empty, unexpected, unsigned};
use super::launch::{self, Capacity, Chosen};
use super::service::{self, DaemonWishes, Extras, Rebalancing};
use super::{external_service, fingerprint, placement, tags};
use crate::Context;
use crate::resolve;
use plimsoll_core::command::StrategyChoice;
use plimsoll_core::{Command, Output, command};
use plimsoll_ecs_api::{ApiError, parse, types};
use plimsoll_model::{
    CircuitBreaker, DeploymentConfiguration, DeploymentController, LaunchType, PlacementConstraint, PlacementStrategy,
    PropagateTags, SchedulingStrategy, ServiceName,
};
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) async fn run(context: &Context, input: &Value) -> Result<types::CreateServiceResponse, ApiError> {
    let request: types::CreateServiceRequest = parse(input.clone())?;
    let name = request.service_name.as_deref().unwrap_or_default();
    let name = ServiceName::parse(name).map_err(|error| invalid(error.to_string()))?;
    let plan = Plan::read(context, &request)?;
    let reference = match plan.controller {
        DeploymentController::Ecs => Some(definitions::reference(context, request.task_definition.as_deref())?),
        DeploymentController::External => None,
    };
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let definition = match reference {
        Some(reference) => {
            let definition = definitions::usable(context, reference.as_ref(), UsedBy::Service).await?;
            launch::check_compatible(plan.launch_type, &definition)?;
            launch::check_network(definition.network_mode, request.network_configuration.as_ref())?;
            service::check_load_balancers(request.load_balancers.as_ref(), &definition)?;
            Some(definition)
        }
        None => None,
    };
    let token = request.client_token.as_deref().filter(|token| !token.is_empty());
    let command = command::CreateService {
        name: name.clone(),
        definition,
        desired_count: request.desired_count.map_or(0, unsigned),
        launch_type: plan.launch_type,
        capacity_provider_strategy: plan.strategy,
        scheduling_strategy: plan.scheduling,
        deployment_configuration: plan.deployment_configuration,
        echo: kept(&request),
        placement_constraints: plan.constraints,
        placement_strategy: plan.strategies,
        availability_zone_rebalancing: plan.rebalancing,
        health_check_grace_period_seconds: request.health_check_grace_period_seconds.map_or(0, unsigned),
        propagate_tags: request.propagate_tags.as_deref().and_then(PropagateTags::parse).unwrap_or(PropagateTags::None),
        enable_ecs_managed_tags: request.enable_ecs_managed_tags == Some(true),
        enable_execute_command: request.enable_execute_command == Some(true),
        created_by: Arc::clone(&context.caller_arn),
        tags: tags::read(request.tags),
        client_token: token.map(|token| fingerprint::client_token("CreateService", token, input)),
    };
    match cluster.submit(Command::CreateService(Box::new(command))).await? {
        Output::Service(name) => {
            let shown = service::shown_created(&cluster, &name, context.now)?;
            Ok(types::CreateServiceResponse { service: Some(shown) })
        }
        other => Err(unexpected("CreateService", &other)),
    }
}

/// What the request says about scheduling, by itself.
struct Plan {
    controller: DeploymentController,
    scheduling: SchedulingStrategy,
    launch_type: LaunchType,
    strategy: StrategyChoice,
    deployment_configuration: DeploymentConfiguration,
    constraints: Vec<PlacementConstraint>,
    strategies: Vec<PlacementStrategy>,
    rebalancing: bool,
}

impl Plan {
    fn read(context: &Context, request: &types::CreateServiceRequest) -> Result<Self, ApiError> {
        let scheduling = request.scheduling_strategy.as_deref().and_then(SchedulingStrategy::parse);
        let scheduling = scheduling.unwrap_or(SchedulingStrategy::Replica);
        let constraints = placement::constraints(request.placement_constraints.as_deref().unwrap_or_default())?;
        let strategies = placement::strategies(request.placement_strategy.as_deref().unwrap_or_default())?;
        let percentages = service::deployment_configuration(request.deployment_configuration.as_ref())?;
        service::check_daemon(
            scheduling,
            &DaemonWishes {
                desired_count: request.desired_count,
                percentages: &percentages,
                strategies: Some(&strategies),
                launch_type: request.launch_type.as_deref(),
                capacity_providers: non_empty(request.capacity_provider_strategy.as_ref()),
                controller: request.deployment_controller.as_ref(),
            },
        )?;
        let controller = service::controller(request.deployment_controller.as_ref())?;
        let controller = controller.unwrap_or(DeploymentController::Ecs);
        let is_external = controller == DeploymentController::External;
        if is_external {
            external_service::check_creation(request)?;
        }
        Extras {
            service_connect: request.service_connect_configuration.as_ref(),
            volumes: request.volume_configurations.as_ref(),
            lattice: request.vpc_lattice_configurations.as_ref(),
            gateways: request.gateway_connectors.as_ref(),
            monitoring: request.monitoring.as_ref(),
        }
        .check()?;
        if scheduling == SchedulingStrategy::Replica && request.desired_count.is_none() && !is_external {
            return Err(invalid("desiredCount cannot be empty."));
        }
        let capacity = Capacity {
            launch_type: request.launch_type.as_deref(),
            capacity_provider_strategy: request.capacity_provider_strategy.as_ref(),
            platform_version: request.platform_version.as_deref(),
            places: !constraints.is_empty() || !strategies.is_empty(),
        };
        let Chosen { launch_type, strategy } = launch::choose(context, &capacity)?;
        if request.role.as_deref().is_some_and(|role| !role.is_empty()) && !non_empty(request.load_balancers.as_ref()) {
            return Err(invalid("A role needs loadBalancers."));
        }
        // SVC-4
        let (maximum, minimum_healthy) = match scheduling {
            SchedulingStrategy::Replica => (200, 100),
            SchedulingStrategy::Daemon => (100, 0),
        };
        let deployment_configuration = DeploymentConfiguration {
            maximum_percent: percentages.maximum.unwrap_or(maximum),
            minimum_healthy_percent: percentages.minimum_healthy.unwrap_or(minimum_healthy),
            circuit_breaker: match percentages.circuit_breaker {
                Some(given) => given.applied_to(CircuitBreaker::off()),
                None => CircuitBreaker::off(),
            },
        };
        let rebalancing = Rebalancing {
            controller,
            scheduling,
            maximum_percent: deployment_configuration.maximum_percent,
            constraints: &constraints,
            strategies: &strategies,
        }
        .setting(request.availability_zone_rebalancing.as_deref())?;
        Ok(Plan {
            controller,
            scheduling,
            launch_type,
            strategy,
            deployment_configuration,
            constraints,
            strategies,
            rebalancing,
        })
    }
}

/// Members that are described back and decide nothing here.
fn kept(request: &types::CreateServiceRequest) -> Map<String, Value> {
    let mut kept = Map::new();
    echo(&mut kept, "loadBalancers", request.load_balancers.as_ref().filter(|list| !list.is_empty()));
    echo(&mut kept, "serviceRegistries", request.service_registries.as_ref().filter(|list| !list.is_empty()));
    let network = request.network_configuration.as_ref().filter(|network| network.awsvpc_configuration.is_some());
    echo(&mut kept, "networkConfiguration", network);
    echo(&mut kept, "serviceConnectConfiguration", request.service_connect_configuration.as_ref());
    echo(&mut kept, "role", request.role.as_ref().filter(|role| !role.is_empty()));
    kept
}
