//! Task sets: what a service with an EXTERNAL deployment controller consists of. A set is a deployment that somebody
//! else than the service decides about.

use crate::{CapacityProviderStrategyItem, LaunchType, Tags, Timestamp, task::ecs_enum};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

ecs_enum!(
    /// Who decides which deployments a service has: its own updates, or whoever makes task sets.
    DeploymentController { Ecs = "ECS", External = "EXTERNAL" }
);
ecs_enum!(
    /// Whether a task set is what it is to be (SVC-52).
    StabilityStatus { SteadyState = "STEADY_STATE", Stabilizing = "STABILIZING" }
);

/// The share of its service's desired count that a task set runs, in thousandths of a percent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scale(u32);

impl Scale {
    pub const ZERO: Scale = Scale(0);
    pub const FULL: Scale = Scale(100_000);

    /// None above 100 %.
    pub const fn from_thousandths(thousandths: u32) -> Option<Self> {
        if thousandths <= Scale::FULL.0 { Some(Scale(thousandths)) } else { None }
    }

    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Rounds up, as ECS does: a share of 1.2 tasks is two (SVC-51).
    pub fn of(self, desired_count: u32) -> u32 {
        let share = (u64::from(desired_count) * u64::from(self.0)).div_ceil(u64::from(Scale::FULL.0));
        u32::try_from(share).expect("a share is no more than the whole")
    }
}

/// The part of a deployment that only a task set has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskSet {
    /// The name its maker knows it by.
    pub external_id: Option<Arc<str>>,
    /// Zero once it is deleted.
    pub scale: Scale,
    pub launch_type: LaunchType,
    /// By which its tasks are shared out (SVC-56). Empty: they run by launch type.
    #[serde(default)]
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    pub stability: StabilityStatus,
    /// When `stability` last changed.
    pub stability_at: Timestamp,
    pub tags: Tags,
    /// Members that are kept and described back but decide nothing here (`networkConfiguration`, `loadBalancers`,
    /// `serviceRegistries`, ...), by their ECS names.
    pub echo: serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SVC-51.
    #[test]
    fn a_share_is_rounded_up() {
        for (percent_thousandths, desired, expected) in [
            (0, 10, 0),
            (100_000, 10, 10),
            (12_000, 10, 2),
            (50_000, 3, 2),
            (33_333, 3, 1),
            (33_334, 3, 2),
            (1, 1, 1),
            (1, 0, 0),
            (100_000, u32::MAX, u32::MAX),
        ] {
            let scale = Scale::from_thousandths(percent_thousandths).unwrap();
            assert_eq!(scale.of(desired), expected, "{percent_thousandths} of {desired}");
        }
        assert_eq!(Scale::from_thousandths(100_001), None);
    }
}
