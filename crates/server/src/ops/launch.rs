//! Where and how tasks are launched: launch type and network, the same for RunTask, StartTask and services
//! (RUN-2, RUN-3, RUN-6, SVC-5).

use super::capacity;
use super::input::{invalid, unsupported};
use crate::Context;
use plimsoll_core::command::StrategyChoice;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{LaunchType, NetworkMode, TaskDefinition};

/// The members of a request that choose what kind of capacity its tasks run on.
pub(super) struct Capacity<'a> {
    pub(super) launch_type: Option<&'a str>,
    pub(super) capacity_provider_strategy: Option<&'a Vec<types::CapacityProviderStrategyItem>>,
    pub(super) platform_version: Option<&'a str>,
    /// Constraints or strategies were given.
    pub(super) places: bool,
}

/// Where the tasks of a request run.
pub(super) struct Chosen {
    /// Of tasks that a strategy shares out too: those are the user's own instances.
    pub(super) launch_type: LaunchType,
    pub(super) strategy: StrategyChoice,
}

/// EC2 unless the request says otherwise, and the cluster's default strategy when it says neither (RUN-2). What depends
/// on the task definition comes in [`check_compatible`].
pub(super) fn choose(context: &Context, capacity: &Capacity<'_>) -> Result<Chosen, ApiError> {
    let strategy = capacity.capacity_provider_strategy.filter(|strategy| !strategy.is_empty());
    let given = capacity.launch_type.filter(|text| !text.is_empty());
    if given.is_some() && strategy.is_some() {
        return Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        ));
    }
    let launch_type = match given {
        None => LaunchType::Ec2,
        Some(given) => LaunchType::parse(given).ok_or_else(|| {
            unsupported(format!("Launch type {given} is not supported by this server: use EC2 or EXTERNAL."))
        })?,
    };
    if launch_type == LaunchType::Fargate && capacity.places {
        return Err(invalid("Placement constraints and strategies are not supported with launch type FARGATE."));
    }
    if launch_type != LaunchType::Fargate && capacity.platform_version.is_some_and(|version| !version.is_empty()) {
        let message =
            format!("The platform version must be null when specifying an {} launch type.", launch_type.as_str());
        return Err(invalid(message));
    }
    let strategy = match (strategy, given) {
        (Some(items), _) => StrategyChoice::Given(capacity::strategy(context, items)?),
        (None, Some(_)) => StrategyChoice::LaunchType,
        (None, None) => StrategyChoice::ClusterDefault,
    };
    Ok(Chosen { launch_type, strategy })
}

/// There is no Fargate here, and a definition need not run on external instances.
pub(super) fn check_compatible(launch_type: LaunchType, definition: &TaskDefinition) -> Result<(), ApiError> {
    if !definition.compatibilities.contains(&launch_type) {
        return Err(invalid(format!("Task definition does not support launch_type {}.", launch_type.as_str())));
    }
    match launch_type {
        LaunchType::Ec2 | LaunchType::External => Ok(()),
        LaunchType::Fargate => Err(unsupported(
            "Launch type FARGATE is not supported by this server: tasks run on registered container instances.",
        )),
    }
}

/// RUN-3
pub(super) fn check_network(
    mode: NetworkMode,
    configuration: Option<&types::NetworkConfiguration>,
) -> Result<(), ApiError> {
    let awsvpc = configuration.and_then(|configuration| configuration.awsvpc_configuration.as_ref());
    match (mode, awsvpc) {
        (NetworkMode::Awsvpc, None) => {
            Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."))
        }
        (NetworkMode::Awsvpc, Some(awsvpc)) if awsvpc.assign_public_ip.as_deref() == Some("ENABLED") => {
            Err(invalid("Assign public IP is not supported for this launch type."))
        }
        (NetworkMode::Awsvpc, Some(_)) => Ok(()),
        (NetworkMode::Bridge | NetworkMode::Host | NetworkMode::None, Some(_)) => {
            Err(invalid("Network Configuration is not valid for the given networkMode of this task definition."))
        }
        (NetworkMode::Bridge | NetworkMode::Host | NetworkMode::None, None) => Ok(()),
    }
}
