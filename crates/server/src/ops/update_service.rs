//! UpdateService (SVC-12 to SVC-14). Whether a deployment starts is the core's to decide.

use super::definitions::{self, UsedBy};
use super::input::{echo, invalid, unexpected, unsigned, unsupported};
use super::service::{self, DaemonWishes, Extras, Percentages, Rebalancing};
use super::{capacity, launch, placement};
use crate::Context;
use crate::error_map::command_error;
use crate::resolve;
use plimsoll_core::{Command, CommandError, Output, command};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{
    CapacityProviderStrategyItem, DeploymentController, PlacementConstraint, PlacementStrategy, PropagateTags, Service,
    TaskDefinition,
};
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    request: types::UpdateServiceRequest,
) -> Result<types::UpdateServiceResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let name = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let changes = Changes::read(context, &request)?;
    let reference = match &request.task_definition {
        Some(given) => Some(definitions::reference(context, Some(given))?),
        None => None,
    };
    let cluster = resolve::active_cluster(context, arns)?;
    let row = cluster.read(|image| {
        let row = image.services.get(&name)?;
        let definition = row.definition.as_ref().and_then(|id| image.definitions.get(id));
        Some((Arc::clone(row), definition.cloned()))
    })?;
    let Some((row, current)) = row else {
        return Err(command_error(&cluster.arns, CommandError::ServiceNotFound { service: name }));
    };
    let definition = match reference {
        Some(reference) => {
            let used_by = row.definition.as_ref().map_or(UsedBy::Service, UsedBy::ServiceOn);
            Some(definitions::usable(context, reference.as_ref(), used_by).await?)
        }
        None => None,
    };
    let effective = definition.as_ref().or(current.as_ref());
    let rebalancing = changes.check(&request, &row, effective.map(|definition| &**definition))?;
    let command = command::UpdateService {
        service: name,
        definition,
        desired_count: request.desired_count.map(unsigned),
        capacity_provider_strategy: changes.capacity_providers,
        maximum_percent: changes.percentages.maximum,
        minimum_healthy_percent: changes.percentages.minimum_healthy,
        circuit_breaker: changes.percentages.circuit_breaker,
        placement_constraints: changes.constraints,
        placement_strategy: changes.strategies,
        availability_zone_rebalancing: rebalancing,
        health_check_grace_period_seconds: request.health_check_grace_period_seconds.map(unsigned),
        propagate_tags: request.propagate_tags.as_deref().and_then(PropagateTags::parse),
        enable_ecs_managed_tags: request.enable_ecs_managed_tags,
        enable_execute_command: request.enable_execute_command,
        force_new_deployment: request.force_new_deployment == Some(true),
        echo: kept(&request),
    };
    match cluster.submit(Command::UpdateService(Box::new(command))).await? {
        Output::Service(name) => Ok(types::UpdateServiceResponse { service: Some(service::shown(&cluster, &name)?) }),
        other => Err(unexpected("UpdateService", &other)),
    }
}

/// What the request says by itself.
struct Changes {
    controller: Option<DeploymentController>,
    percentages: Percentages,
    /// Absent means unchanged, empty means none (SVC-12).
    constraints: Option<Vec<PlacementConstraint>>,
    strategies: Option<Vec<PlacementStrategy>>,
    /// An empty one goes back to launch type EC2.
    capacity_providers: Option<Vec<CapacityProviderStrategyItem>>,
}

impl Changes {
    fn read(context: &Context, request: &types::UpdateServiceRequest) -> Result<Self, ApiError> {
        let strategy = request.capacity_provider_strategy.as_deref();
        if request.platform_version.as_deref().is_some_and(|version| !version.is_empty()) {
            return Err(invalid("The platform version must be null when specifying an EC2 launch type."));
        }
        Extras {
            service_connect: request.service_connect_configuration.as_ref(),
            volumes: request.volume_configurations.as_ref(),
            lattice: request.vpc_lattice_configurations.as_ref(),
            gateways: request.gateway_connectors.as_ref(),
            monitoring: request.monitoring.as_ref(),
        }
        .check()?;
        Ok(Changes {
            controller: service::controller(request.deployment_controller.as_ref())?,
            percentages: service::deployment_configuration(request.deployment_configuration.as_ref())?,
            constraints: request.placement_constraints.as_deref().map(placement::constraints).transpose()?,
            capacity_providers: strategy.map(|items| capacity::strategy(context, items)).transpose()?,
            strategies: request.placement_strategy.as_deref().map(placement::strategies).transpose()?,
        })
    }

    /// What depends on the service as it is. Gives back the value of `availabilityZoneRebalancing` to keep, if given.
    fn check(
        &self,
        request: &types::UpdateServiceRequest,
        row: &Service,
        definition: Option<&TaskDefinition>,
    ) -> Result<Option<bool>, ApiError> {
        let scheduling = row.scheduling_strategy;
        if self.controller.is_some_and(|controller| controller != row.controller) {
            return Err(unsupported("Changing the deployment controller is not supported by this server."));
        }
        service::check_daemon(
            scheduling,
            &DaemonWishes {
                desired_count: request.desired_count,
                percentages: &self.percentages,
                strategies: self.strategies.as_ref(),
                launch_type: None,
                capacity_providers: self.capacity_providers.as_ref().is_some_and(|items| !items.is_empty()),
                controller: None,
            },
        )?;
        if let Some(definition) = definition {
            launch::check_compatible(row.launch_type, definition)?;
            self.check_network(request, row, definition)?;
            service::check_load_balancers(request.load_balancers.as_ref(), definition)?;
        }
        let rebalancing = Rebalancing {
            controller: row.controller,
            scheduling,
            maximum_percent: self.percentages.maximum.unwrap_or(row.deployment_configuration.maximum_percent),
            constraints: self.constraints.as_ref().unwrap_or(&row.placement_constraints),
            strategies: self.strategies.as_ref().unwrap_or(&row.placement_strategy),
        };
        let given = request.availability_zone_rebalancing.as_deref();
        given.map(|given| rebalancing.setting(Some(given))).transpose()
    }

    /// The network of before stays in force when the request brings none.
    fn check_network(
        &self,
        request: &types::UpdateServiceRequest,
        row: &Service,
        definition: &TaskDefinition,
    ) -> Result<(), ApiError> {
        let given = given_network(request);
        if given.is_none() && row.echo.contains_key("networkConfiguration") {
            return Ok(());
        }
        launch::check_network(definition.network_mode, given)
    }
}

/// An empty object names no network and changes none.
fn given_network(request: &types::UpdateServiceRequest) -> Option<&types::NetworkConfiguration> {
    request.network_configuration.as_ref().filter(|network| network.awsvpc_configuration.is_some())
}

/// Members that are described back and decide nothing but whether a deployment starts.
fn kept(request: &types::UpdateServiceRequest) -> Map<String, Value> {
    let mut kept = Map::new();
    service::echo_list(&mut kept, "loadBalancers", request.load_balancers.as_ref());
    service::echo_list(&mut kept, "serviceRegistries", request.service_registries.as_ref());
    echo(&mut kept, "networkConfiguration", given_network(request));
    echo(&mut kept, "serviceConnectConfiguration", request.service_connect_configuration.as_ref());
    kept
}
