//! Silent nodes: disconnected is not dead (D-7). After the grace an instance is lost, its tasks STOPPED and replaced;
//! when many go silent together, that is slowed down (D-8).

use super::timers::Timer;
use super::{ClusterCore, Outbox};
use plimsoll_model::{DesiredStatus, InstanceId, InstanceStatus, StopCode, Task, TaskStatus, Timestamp};
use plimsoll_placement::mutant;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// While the brake is on, one instance is declared lost per this time (D-8).
const BRAKE_INTERVAL_MS: u64 = 10_000;
/// This many silent instances are no mass loss, however small the cluster (D-8).
const SILENT_WITHOUT_BRAKE_MIN: usize = 3;
/// More than one in this many silent is a mass loss: 20 % (D-8).
const SILENT_SHARE: usize = 5;
/// After a load nobody has said hello yet (D-8).
const GRACE_FACTOR_AFTER_LOAD: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Losses {
    /// Disconnected and not lost yet.
    silent: BTreeSet<InstanceId>,
    /// When instances were declared lost, for the length of one grace.
    recent: VecDeque<Timestamp>,
    /// The next instant at which the brake lets an instance be lost.
    next_slot: Timestamp,
}

impl ClusterCore {
    pub(super) fn start_grace(&mut self, instance: InstanceId, from: Timestamp) {
        self.losses.silent.insert(instance);
        if let Some(grace_ms) = self.config.disconnect_grace_ms {
            self.timers.set(Timer::Grace(instance), from.plus_millis(grace_ms));
        }
    }

    pub(super) fn start_grace_after_load(&mut self, instance: InstanceId) {
        let once = self.config.disconnect_grace_ms.unwrap_or(0);
        let anew = self.now.plus_millis(once * (GRACE_FACTOR_AFTER_LOAD - 1));
        let from = mutant!(GraceFromStoredTime => self.image.instances[&instance].registered_at, anew);
        self.start_grace(instance, from);
    }

    pub(super) fn end_grace(&mut self, instance: InstanceId) {
        self.losses.silent.remove(&instance);
        self.timers.cancel(&Timer::Grace(instance));
        self.timers.cancel(&Timer::Lose(instance));
    }

    /// The grace is over: lost at once, or in its turn when many are silent.
    pub(super) fn grace_is_over(&mut self, instance: InstanceId, out: &mut Outbox) {
        // One that flaps and has no tasks has nothing to be replaced: saying that it is lost each time it goes would
        // only make noise (F-16).
        if self.image.instance_counts(instance).not_stopped == 0
            && let Some(at) = self.flapping.trusted_at(instance).filter(|at| *at > self.now)
        {
            return self.timers.set(Timer::Grace(instance), at);
        }
        if !self.is_mass_loss() {
            return self.declare_lost(instance, out);
        }
        let slot = self.losses.next_slot.max(self.now);
        self.losses.next_slot = slot.plus_millis(BRAKE_INTERVAL_MS);
        if slot == self.now {
            self.declare_lost(instance, out);
        } else {
            self.timers.set(Timer::Lose(instance), slot);
        }
    }

    fn is_mass_loss(&mut self) -> bool {
        let grace_ms = self.config.disconnect_grace_ms.unwrap_or(0);
        while self.losses.recent.front().is_some_and(|at| at.plus_millis(grace_ms) < self.now) {
            self.losses.recent.pop_front();
        }
        let gone = self.losses.silent.len() + self.losses.recent.len();
        let share = self.image.registered_instances() as usize / SILENT_SHARE;
        mutant!(NoBrake => false, gone > SILENT_WITHOUT_BRAKE_MIN.max(share))
    }

    pub(super) fn declare_lost(&mut self, instance: InstanceId, out: &mut Outbox) {
        self.losses.silent.remove(&instance);
        let Some(row) = self.image.instances.get(&instance).cloned() else { return };
        if row.agent_connected || row.lost || row.status == InstanceStatus::Inactive {
            return;
        }
        self.losses.recent.push_back(self.now);
        self.update_instance(instance, |row| row.lost = true, out);
        let reason: Arc<str> = format!("Host EC2 (instance {}) terminated.", row.ec2_instance_id).into();
        self.stop_all_at_once(instance, StopCode::TerminationNotice, &reason, out);
    }

    /// Without asking the node: it is gone, or no longer ours.
    pub(super) fn stop_all_at_once(
        &mut self,
        instance: InstanceId,
        code: StopCode,
        reason: &Arc<str>,
        out: &mut Outbox,
    ) {
        let tasks: Vec<Arc<Task>> =
            self.image.tasks_of_instance(instance).filter(|task| !task.is_stopped()).cloned().collect();
        for task in tasks {
            let mut row = Task::clone(&task);
            row.desired_status = DesiredStatus::Stopped;
            if row.stop_code.is_none() {
                row.stop_code = Some(code);
                row.stopped_reason = Some(Arc::clone(reason));
            }
            row.stopping_at = row.stopping_at.or(Some(self.now));
            row.last_status = TaskStatus::Stopped;
            row.stopped_at = Some(self.now);
            for container in &mut row.containers {
                container.last_status = TaskStatus::Stopped;
            }
            self.update_task(&task, row, out);
        }
    }
}
