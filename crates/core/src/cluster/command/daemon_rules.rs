//! SVC-9: what nobody can ask of a daemon service. The instances decide how many tasks it has and where they go.

use crate::CommandError;
use crate::command::{CreateService, StrategyChoice, UpdateService};
use plimsoll_model::{LaunchType, SchedulingStrategy};

/// Two tasks of a daemon never share an instance (SVC-43).
const MAXIMUM_PERCENT: u32 = 100;

/// The members of a request that decide it; absent means unchanged.
pub(super) struct Wishes {
    desired_count: Option<u32>,
    maximum_percent: Option<u32>,
    has_strategies: bool,
    launch_type: Option<LaunchType>,
    has_capacity_providers: bool,
    moves_between_zones: bool,
}

impl Wishes {
    pub fn of_creation(request: &CreateService) -> Self {
        Wishes {
            desired_count: (request.desired_count > 0).then_some(request.desired_count),
            maximum_percent: Some(request.deployment_configuration.maximum_percent),
            has_strategies: !request.placement_strategy.is_empty(),
            launch_type: Some(request.launch_type),
            has_capacity_providers: matches!(request.capacity_provider_strategy, StrategyChoice::Given(_)),
            moves_between_zones: request.availability_zone_rebalancing,
        }
    }

    pub fn of_update(request: &UpdateService) -> Self {
        Wishes {
            desired_count: request.desired_count,
            maximum_percent: request.maximum_percent,
            has_strategies: request.placement_strategy.as_ref().is_some_and(|list| !list.is_empty()),
            launch_type: None,
            has_capacity_providers: request.capacity_provider_strategy.as_ref().is_some_and(|list| !list.is_empty()),
            moves_between_zones: request.availability_zone_rebalancing == Some(true),
        }
    }

    pub fn check(&self, scheduling: SchedulingStrategy) -> Result<(), CommandError> {
        if scheduling == SchedulingStrategy::Replica {
            return Ok(());
        }
        let refusal = if self.desired_count.is_some() {
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count \
             value and try again"
        } else if self.maximum_percent.is_some_and(|percent| percent > MAXIMUM_PERCENT) {
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a deployment \
             configuration. Change the maximumPercent value to 100, and try again"
        } else if self.has_strategies {
            "The daemon scheduling strategy does not support placement strategies."
        } else if self.launch_type == Some(LaunchType::Fargate) {
            "The daemon scheduling strategy is not supported with launch type FARGATE."
        } else if self.has_capacity_providers {
            // It runs on every instance, whosever that is: there is nothing to share out.
            "The daemon scheduling strategy does not support capacity provider strategies."
        } else if self.moves_between_zones {
            "The daemon scheduling strategy does not support Availability Zone rebalancing."
        } else {
            return Ok(());
        };
        Err(CommandError::InvalidParameter(refusal.to_owned()))
    }
}
