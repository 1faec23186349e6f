//! Whether a deployment is given up: because it failed often enough (DEP-40..44), or because somebody asked (DEP-53).

use super::super::rollback::Because;
use super::super::timers::Timer;
use super::super::{ClusterCore, Outbox};
use super::Pass;
use plimsoll_model::{RolloutState, ServiceDeploymentStatus, ServiceName};

/// Rounds that find no place count at most this often, however often something about the fleet changes; and as often
/// something is tried although nothing changes, so that a deployment for which there is no room fails in the end.
const PLACEMENT_ROUND_MS: u64 = 60_000;

impl ClusterCore {
    /// Before a pass, so that a deployment at its threshold starts nothing more (DEP-44).
    pub(super) fn judge(&mut self, name: &ServiceName, out: &mut Outbox) {
        let Some(service) = self.image.services.get(name).cloned() else { return };
        let Some(primary) = self.image.primary_deployment(name).cloned() else { return };
        self.deployment_is_looked_at(primary.id, out);
        if primary.rollout_state != RolloutState::InProgress {
            return;
        }
        let asked = self.image.service_deployments.get(&primary.id).is_some_and(|entry| {
            matches!(entry.status, ServiceDeploymentStatus::StopRequested | ServiceDeploymentStatus::RollbackRequested)
        });
        let breaker = service.deployment_configuration.circuit_breaker;
        let threshold = breaker.threshold.failures(service.desired_count);
        if asked {
            self.give_up(&service, &primary, Because::Asked, out);
        } else if breaker.enable && primary.failed_tasks >= threshold {
            self.give_up(&service, &primary, Because::TooManyFailures, out);
        }
    }

    /// After a pass: a round that placed nothing is a failure too, if there is nothing to wait for that may make room
    /// and none of the deployment has run yet (DEP-41). Counting ends at the threshold whether the breaker is on or
    /// not: a service without room must come to rest (I-14).
    pub(super) fn count_round(&mut self, pass: &Pass, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        let moves = numbers.pending + numbers.stopping > 0 || !pass.started.is_empty() || !pass.stopped.is_empty();
        if pass.unplaced.is_none() || moves {
            return;
        }
        let mut row = self.image.deployments[&pass.primary.id].clone();
        let breaker = pass.service.deployment_configuration.circuit_breaker;
        let threshold = breaker.threshold.failures(pass.service.desired_count);
        if row.rollout_state != RolloutState::InProgress || row.has_run || row.failed_tasks >= threshold {
            return;
        }
        let now = self.now;
        let next_round_at = now.plus_millis(PLACEMENT_ROUND_MS);
        if row.next_round_at.is_none_or(|at| at <= now) {
            row = self.update_deployment(
                row.id,
                |row| {
                    row.failed_tasks += 1;
                    row.next_round_at = Some(next_round_at);
                    row.updated_at = now;
                },
                out,
            );
        }
        let name = &pass.service.name;
        if row.failed_tasks < threshold {
            self.timers.set(Timer::StartAgain(name.clone()), row.next_round_at.unwrap_or(next_round_at));
        } else if breaker.enable {
            self.work.mark(name);
        }
    }
}
