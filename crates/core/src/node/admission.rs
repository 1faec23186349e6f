//! Whether a task may start beside what is still on the machine.
//!
//! The control plane holds resources until STOPPED is confirmed, so it rarely matters; it does when a node comes back
//! with tasks that were declared lost, next to their replacements (D-6, I-3).

use super::task::{NodeTask, Ownership};
use super::{NodeCore, Outbox};
use crate::protocol::StopCause;
use plimsoll_model::{PortClaim, Reserved, Resources, TaskId, Timestamp};
use plimsoll_placement::mutant;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the tasks on the machine hold.
#[derive(Default)]
struct Held {
    cpu_units: u64,
    memory_mib: u64,
    ports: BTreeSet<PortClaim>,
    gpus: BTreeSet<Arc<str>>,
}

impl NodeCore {
    /// Lets waiting tasks start, as far as they fit.
    pub(super) fn admit(&mut self, now: Timestamp, out: &mut Outbox) {
        self.queue.retain(|id| self.tasks.get(id).is_some_and(NodeTask::is_queued));
        if self.queue.is_empty() {
            return;
        }
        let mut held = Held::default();
        for task in self.tasks.values().filter(|task| task.admitted && !task.is_stopped()) {
            if task.spec.is_none() && task.ownership == Ownership::Disowned {
                // Nobody knows what it holds: wait for its end.
                return;
            }
            held.add(&task.reserved);
        }
        let capacity = self.config.registration.resources.clone();
        for id in std::mem::take(&mut self.queue) {
            let reserved = self.tasks.get(&id).map(|task| task.reserved.clone()).unwrap_or_default();
            if mutant!(AdmitsEverything => true, held.leaves_room(&capacity, &reserved)) {
                held.add(&reserved);
                self.touch(now, id, out, |task| task.admitted = true);
            } else if Held::default().leaves_room(&capacity, &reserved) {
                self.queue.insert(id);
            } else {
                self.refuse(now, id, out);
            }
        }
    }

    fn refuse(&mut self, now: Timestamp, id: TaskId, out: &mut Outbox) {
        let reason = "ResourceInitializationError: the task needs more than the container instance has".into();
        self.touch(now, id, out, |task| task.stop_because(StopCause::FailedToStart { reason }));
    }
}

impl Held {
    fn add(&mut self, reserved: &Reserved) {
        self.cpu_units += u64::from(reserved.cpu_units);
        self.memory_mib += u64::from(reserved.memory_mib);
        self.ports.extend(&reserved.ports);
        self.gpus.extend(reserved.gpus.iter().cloned());
    }

    fn leaves_room(&self, capacity: &Resources, wanted: &Reserved) -> bool {
        self.cpu_units + u64::from(wanted.cpu_units) <= u64::from(capacity.cpu_units)
            && self.memory_mib + u64::from(wanted.memory_mib) <= u64::from(capacity.memory_mib)
            && !wanted.ports.iter().any(|port| self.ports.contains(port))
            && wanted.gpus.iter().all(|gpu| capacity.gpus.contains(gpu) && !self.gpus.contains(gpu))
    }
}
