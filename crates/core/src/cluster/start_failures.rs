//! Counting tasks that fail to start, and waiting longer after each (SVC-23, DEP-41..43).

use super::events::{Speaker, consistently_failing};
use super::{ClusterCore, Outbox};
use plimsoll_model::{Deployment, DeploymentId, RolloutState, ServiceName, Task};
use plimsoll_placement::mutant;

/// The back-off begins with this failure in a row.
const FAILURES_BEFORE_BACK_OFF: u32 = 3;
const BACK_OFF_FIRST_MS: u64 = 10_000;
const BACK_OFF_MAX_MS: u64 = 900_000;

/// How long a deployment waits after so many failures in a row.
pub(super) fn back_off_ms(failures: u32) -> u64 {
    match failures.checked_sub(FAILURES_BEFORE_BACK_OFF) {
        None => 0,
        Some(doublings) => {
            let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
            BACK_OFF_FIRST_MS.saturating_mul(factor).min(BACK_OFF_MAX_MS)
        }
    }
}

impl ClusterCore {
    /// A task of the deployment stopped by itself without having been RUNNING.
    pub(super) fn count_start_failure(&mut self, task: &Task, out: &mut Outbox) {
        let Some((service, deployment)) = self.deployment_of(task) else { return };
        let now = self.now;
        let row = self.update_deployment(
            deployment,
            |row: &mut Deployment| {
                row.failed_tasks += u32::from(!row.has_run && row.rollout_state != RolloutState::Failed);
                row.consecutive_start_failures += mutant!(CountsFailuresTwice => 2, 1);
                let wait_ms = mutant!(NoBackOff => 0, back_off_ms(row.consecutive_start_failures));
                row.next_start_at = (wait_ms > 0).then(|| now.plus_millis(wait_ms));
                row.updated_at = now;
            },
            out,
        );
        if row.consecutive_start_failures == FAILURES_BEFORE_BACK_OFF {
            // One that starts in between is no end of it: only a steady state is, or another deployment.
            self.add_event_once(&service, consistently_failing(Speaker::of(&row)), out);
        }
    }

    /// A task of the deployment reached RUNNING: the back-off is over (SVC-23). The first one ends the first stage of
    /// counting (DEP-42).
    pub(super) fn count_start(&mut self, task: &Task, out: &mut Outbox) {
        let Some((service, deployment)) = self.deployment_of(task) else { return };
        let row = &self.image.deployments[&deployment];
        if row.consecutive_start_failures == 0 && row.has_run {
            return;
        }
        let (now, resets) = (self.now, self.resets_on_healthy_task(&service));
        self.update_deployment(
            deployment,
            |row| {
                row.consecutive_start_failures = 0;
                row.next_start_at = None;
                row.next_round_at = None;
                if !row.has_run && resets && row.rollout_state != RolloutState::Failed {
                    row.failed_tasks = 0;
                }
                row.has_run = true;
                row.updated_at = now;
            },
            out,
        );
        self.work.mark(&service);
    }

    /// A task was stopped because its health checks failed (DEP-42, stage 2).
    pub(super) fn count_health_failure(&mut self, task: &Task, out: &mut Outbox) {
        let Some((_, deployment)) = self.deployment_of(task) else { return };
        if self.image.deployments[&deployment].rollout_state == RolloutState::Failed {
            return;
        }
        let now = self.now;
        self.update_deployment(
            deployment,
            |row| {
                row.failed_tasks += 1;
                row.updated_at = now;
            },
            out,
        );
    }

    /// The health checks of a task succeed: what failed before is forgotten, unless the service says otherwise (DEP-42).
    pub(super) fn count_healthy(&mut self, task: &Task, out: &mut Outbox) {
        let Some((service, deployment)) = self.deployment_of(task) else { return };
        let row = &self.image.deployments[&deployment];
        let counts = row.failed_tasks > 0 && row.rollout_state != RolloutState::Failed;
        if !counts || !self.resets_on_healthy_task(&service) {
            return;
        }
        let now = self.now;
        self.update_deployment(
            deployment,
            |row| {
                row.failed_tasks = 0;
                row.updated_at = now;
            },
            out,
        );
    }

    fn resets_on_healthy_task(&self, service: &ServiceName) -> bool {
        let row = self.image.services.get(service);
        row.is_none_or(|row| row.deployment_configuration.circuit_breaker.reset_on_healthy_task)
    }

    fn deployment_of(&self, task: &Task) -> Option<(ServiceName, DeploymentId)> {
        let (service, deployment) = (task.service.clone()?, task.deployment?);
        self.image.deployments.contains_key(&deployment).then_some((service, deployment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SVC-23.
    #[test]
    fn the_delay_doubles_from_ten_seconds_up_to_fifteen_minutes() {
        for (failures, seconds) in [(0, 0), (2, 0), (3, 10), (4, 20), (5, 40), (9, 640), (10, 900), (200, 900)] {
            assert_eq!(back_off_ms(failures), seconds * 1_000, "after {failures} failures");
        }
    }
}
