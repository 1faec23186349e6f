//! Health checks are the engine's own: it runs them, counts and decides, and goes on while no agent is there.

use bollard::models::{ContainerInspectResponse, ContainerSummary, HealthConfig, HealthStatusEnum};
use plimsoll_model::{HealthCheck, HealthStatus};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

pub(super) fn health_config(check: &HealthCheck) -> HealthConfig {
    let nanos = |seconds: u32| Some(i64::from(seconds) * NANOS_PER_SECOND);
    HealthConfig {
        test: Some(check.test()),
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        retries: Some(i64::from(check.retries)),
        start_period: nanos(check.start_period),
        start_interval: None,
    }
}

/// UNKNOWN before the first verdict, and for containers without a check.
pub(super) fn health_of(inspected: &ContainerInspectResponse) -> HealthStatus {
    let status = inspected.state.as_ref().and_then(|state| state.health.as_ref()).and_then(|health| health.status);
    match status {
        Some(HealthStatusEnum::HEALTHY) => HealthStatus::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => HealthStatus::Unhealthy,
        Some(HealthStatusEnum::STARTING | HealthStatusEnum::NONE | HealthStatusEnum::EMPTY) | None => {
            HealthStatus::Unknown
        }
    }
}

/// A list has it in words for people only: `Up 3 seconds (healthy)`.
pub(super) fn health_in_list(summary: &ContainerSummary) -> HealthStatus {
    let words = summary.status.as_deref().unwrap_or_default();
    if words.ends_with("(healthy)") {
        HealthStatus::Healthy
    } else if words.ends_with("(unhealthy)") {
        HealthStatus::Unhealthy
    } else {
        HealthStatus::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_list_are_read() {
        for (words, health) in [
            ("Up 2 seconds (healthy)", HealthStatus::Healthy),
            ("Up 2 seconds (unhealthy)", HealthStatus::Unhealthy),
            ("Up 2 seconds (health: starting)", HealthStatus::Unknown),
            ("Up 2 seconds", HealthStatus::Unknown),
        ] {
            let summary = ContainerSummary { status: Some(words.to_owned()), ..Default::default() };
            assert_eq!(health_in_list(&summary), health, "{words}");
        }
    }
}
