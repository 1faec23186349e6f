//! What a pass has led to: deployments that are over, the steady state, or a standstill (DEP-1, DEP-17, DEP-20).

use super::super::timers::Timer;
use super::super::{ClusterCore, Outbox, events};
use super::Pass;
use super::numbers::Numbers;
use plimsoll_model::{DeploymentStatus, RolloutState, TaskId};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn settle(&mut self, pass: &Pass, out: &mut Outbox) {
        self.drop_old_deployments(pass, out);
        if pass.primary.rollout_state == RolloutState::Failed {
            return;
        }
        let numbers = self.numbers(pass);
        let name = pass.service.name.clone();
        let is_steady = self.is_steady(pass, &numbers);
        self.show_stability(pass, is_steady, out);
        let repeat_at = if is_steady {
            self.complete(pass, out);
            if !pass.is_of_task_set() && self.rebalance(pass, &numbers, out) {
                return;
            }
            self.add_event_once(&name, events::steady(pass.speaker()), out)
        } else if let Some(protected) = self.protected_in_the_way(pass, &numbers) {
            self.add_event_once(&name, events::protected(pass.speaker(), protected), out)
        } else if is_blocked(pass, &numbers) {
            self.add_event_once(&name, events::blocked(pass.speaker()), out)
        } else {
            return;
        };
        self.look_again(pass, Timer::Repeat(name), repeat_at);
    }

    /// A superseded deployment without tasks leaves the list; of the others it shows what is left (DEP-1, DEP-2). The
    /// one to go back to is kept until another is COMPLETED (DEP-45).
    fn drop_old_deployments(&mut self, pass: &Pass, out: &mut Outbox) {
        for row in self.old_deployments(pass) {
            let counts = self.image.deployment_counts(row.id);
            let gone = counts.not_stopped == 0;
            if gone && self.rollback_target(&pass.service.name).is_none_or(|target| target.id != row.id) {
                self.remove_deployment(row.id, out);
                continue;
            }
            let status = if gone { DeploymentStatus::Inactive } else { DeploymentStatus::Active };
            let wanted = if row.rollout_state == RolloutState::Failed { 0 } else { counts.live };
            if (row.status, row.desired_count) != (status, wanted) {
                let now = self.now;
                self.update_deployment(
                    row.id,
                    |row| {
                        row.status = status;
                        row.desired_count = wanted;
                        row.updated_at = now;
                    },
                    out,
                );
            }
        }
    }

    /// With the PRIMARY COMPLETED nobody goes back further.
    fn drop_inactive_deployments(&mut self, pass: &Pass, out: &mut Outbox) {
        let all = self.image.deployments_of_service(&pass.service.name);
        let inactive = all.filter(|row| row.status == DeploymentStatus::Inactive).map(|row| row.id);
        for id in inactive.collect::<Vec<_>>() {
            self.remove_deployment(id, out);
        }
    }

    /// DEP-20, DEP-21.
    fn is_steady(&self, pass: &Pass, numbers: &Numbers) -> bool {
        let counts = self.counts(pass);
        let all_healthy = numbers.new_healthy == numbers.desired && counts.live == numbers.desired;
        let nothing_else = counts.running == numbers.desired && counts.pending == 0;
        let empty_if_zero = numbers.desired > 0 || numbers.total == 0;
        all_healthy && nothing_else && empty_if_zero && self.old_deployments(pass).is_empty()
    }

    /// EV-4: how many protected tasks are all that keeps the service from its steady state.
    fn protected_in_the_way(&self, pass: &Pass, numbers: &Numbers) -> Option<u32> {
        let surplus = numbers.new_live > numbers.desired + pass.moving_in || numbers.old_live > 0;
        if !surplus || is_moving(pass, numbers) || numbers.missing() > 0 {
            return None;
        }
        let counted =
            |id: &&TaskId| !pass.is_of_task_set() || self.image.tasks[*id].deployment == Some(pass.primary.id);
        let index = self.derived.services.get(&pass.service.name);
        let protected = index.map_or(0, |index| index.protected().iter().filter(counted).count());
        u32::try_from(protected).ok().filter(|protected| *protected > 0)
    }

    /// DEP-3: once.
    fn complete(&mut self, pass: &Pass, out: &mut Outbox) {
        let id = pass.primary.id;
        if self.image.deployments[&id].rollout_state != RolloutState::InProgress {
            return;
        }
        let (now, before) = (self.now, Arc::clone(&self.image.deployments[&id]));
        self.update_deployment(
            id,
            |row| {
                row.rollout_state = RolloutState::Completed;
                row.rollout_state_reason = format!("ECS deployment {id} completed.").into();
                row.completed_at = Some(now);
                row.rolling_back = None;
                row.updated_at = now;
            },
            out,
        );
        let name = &pass.service.name;
        self.add_event(name, events::completed(name, id), out);
        self.deployment_is_completed(&before, out);
        self.drop_inactive_deployments(pass, out);
    }
}

/// DEP-17: something is left to do, nothing was done, and nothing is under way that would change that.
fn is_blocked(pass: &Pass, numbers: &Numbers) -> bool {
    let incomplete = numbers.missing() > 0 || numbers.old_live > 0 || numbers.new_unhealthy > 0;
    incomplete && !is_moving(pass, numbers)
}

fn is_moving(pass: &Pass, numbers: &Numbers) -> bool {
    let moved = !pass.started.is_empty() || !pass.stopped.is_empty();
    let under_way = numbers.pending + numbers.stopping + numbers.undecided > 0;
    moved || under_way || pass.waits
}
