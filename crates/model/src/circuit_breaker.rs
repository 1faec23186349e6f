//! When a deployment that gets nowhere is given up (DEP-40).

use crate::task::ecs_enum;
use serde::{Deserialize, Serialize};

/// However small the service, so many failures are no accident yet.
const BOUNDED_THRESHOLD_MIN: u64 = 3;
/// However big the service, so many failures are enough.
const BOUNDED_THRESHOLD_MAX: u64 = 200;
const DEFAULT_PERCENT: u32 = 50;

ecs_enum!(
    /// How a threshold follows from its value.
    ThresholdKind {
        /// The value itself.
        Count = "COUNT",
        /// That percentage of the desired count, but at least 3 and at most 200.
        BoundedPercent = "BOUNDED_PERCENT",
        /// That percentage of the desired count.
        UnboundedPercent = "UNBOUNDED_PERCENT",
    }
);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FailureThreshold {
    pub kind: ThresholdKind,
    pub value: u32,
}

impl FailureThreshold {
    /// Failures that end a deployment of so many tasks; never 0, or it would end before it began.
    pub fn failures(self, desired_count: u32) -> u32 {
        let share = (u64::from(self.value) * u64::from(desired_count)).div_ceil(100);
        let failures = match self.kind {
            ThresholdKind::Count => u64::from(self.value),
            ThresholdKind::BoundedPercent => share.clamp(BOUNDED_THRESHOLD_MIN, BOUNDED_THRESHOLD_MAX),
            ThresholdKind::UnboundedPercent => share,
        };
        u32::try_from(failures.max(1)).unwrap_or(u32::MAX)
    }
}

impl Default for FailureThreshold {
    fn default() -> Self {
        FailureThreshold { kind: ThresholdKind::BoundedPercent, value: DEFAULT_PERCENT }
    }
}

/// Stored beside the percentages of [`crate::DeploymentConfiguration`], hence the longer names there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CircuitBreaker {
    #[serde(rename = "circuit_breaker_enable")]
    pub enable: bool,
    #[serde(rename = "circuit_breaker_rollback")]
    pub rollback: bool,
    #[serde(default, rename = "circuit_breaker_threshold")]
    pub threshold: FailureThreshold,
    /// A task that becomes healthy makes the failures before it forgotten (DEP-42).
    #[serde(default = "reset_by_default", rename = "circuit_breaker_reset_on_healthy_task")]
    pub reset_on_healthy_task: bool,
}

impl CircuitBreaker {
    /// What a service has that says nothing about it.
    pub const fn off() -> Self {
        CircuitBreaker {
            enable: false,
            rollback: false,
            threshold: FailureThreshold { kind: ThresholdKind::BoundedPercent, value: DEFAULT_PERCENT },
            reset_on_healthy_task: true,
        }
    }
}

fn reset_by_default() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DEP-40.
    #[test]
    fn the_threshold_is_half_the_service_between_3_and_200() {
        let half = FailureThreshold::default();
        for (desired, failures) in
            [(0, 3), (1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (401, 200), (800, 200), (u32::MAX, 200)]
        {
            assert_eq!(half.failures(desired), failures, "desired {desired}");
        }
    }

    #[test]
    fn other_thresholds_are_taken_as_they_are() {
        use ThresholdKind::{BoundedPercent, Count, UnboundedPercent};
        for (kind, value, desired, failures) in [
            (Count, 1, 100, 1),
            (Count, 500, 1, 500),
            (Count, 0, 10, 1),
            (BoundedPercent, 10, 100, 10),
            (BoundedPercent, 10, 10, 3),
            (BoundedPercent, 100, 1_000, 200),
            (UnboundedPercent, 10, 10, 1),
            (UnboundedPercent, 10, 11, 2),
            (UnboundedPercent, 100, 1_000, 1_000),
            (UnboundedPercent, 50, 0, 1),
        ] {
            let threshold = FailureThreshold { kind, value };
            assert_eq!(threshold.failures(desired), failures, "{kind:?} {value} of {desired}");
        }
    }

    #[test]
    fn a_row_of_before_has_the_usual_threshold() {
        let old = r#"{"maximum_percent":200,"minimum_healthy_percent":100,
            "circuit_breaker_enable":true,"circuit_breaker_rollback":false}"#;
        let read: crate::DeploymentConfiguration = serde_json::from_str(old).unwrap();
        let breaker = CircuitBreaker { enable: true, ..CircuitBreaker::off() };
        assert_eq!(read.circuit_breaker, breaker);
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<crate::DeploymentConfiguration>(&written).unwrap(), read);
    }
}
