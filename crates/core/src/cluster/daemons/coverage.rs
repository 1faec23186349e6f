//! Where one daemon service stands on each instance, in lists by what is to be done there.

use super::Rules;
use plimsoll_model::{InstanceId, Task, TaskId, TaskStatus};
use plimsoll_placement::Reason;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Where a daemon service stands on each instance that it covers or has tasks on.
#[derive(Debug)]
pub(in crate::cluster) struct Coverage {
    pub(super) rules: Rules,
    pub(super) places: BTreeMap<InstanceId, Place>,
    /// What follows is the places by how they stand.
    pub(super) eligible: u32,
    pub(super) lingering: u32,
    pub(super) vacant: BTreeSet<InstanceId>,
    pub(super) leaving: BTreeSet<InstanceId>,
    /// The last one got furthest (PL-11).
    pub(super) refused: BTreeSet<(Reason, Reverse<InstanceId>)>,
}

#[derive(Debug)]
pub(super) struct Place {
    /// Tasks of the service that are not STOPPED: one, or more where a service of the same name was deleted before.
    pub(super) tasks: BTreeMap<TaskId, Liveness>,
    pub(super) stand: Stand,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Liveness {
    Pending,
    Live,
    Stopping,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stand {
    /// Nothing is wanted here and nothing is live.
    Outside,
    /// Eligible, and one is to be started.
    Vacant,
    /// Eligible; when one was to be started, this was in the way. Tried again when anything there changes (SVC-46).
    Refused(Reason),
    /// Eligible, and there is one that is not STOPPED (SVC-43).
    Covered,
    /// There is one that is to be stopped.
    Leaving,
    /// There is one on a DRAINING instance, and it outlasts the tasks of other services there (SVC-42).
    Lingering,
}

impl Stand {
    pub(super) fn is_eligible(self) -> bool {
        matches!(self, Stand::Vacant | Stand::Refused(_) | Stand::Covered)
    }
}

impl Coverage {
    /// The instances that should have a task: the service's desiredCount (SVC-40).
    pub fn eligible(&self) -> u32 {
        self.eligible
    }

    /// Instances that should have a task, have none, and were not found to refuse one; in order of id.
    pub fn vacant(&self) -> &BTreeSet<InstanceId> {
        &self.vacant
    }

    /// Live tasks on instances that are not covered any more, and whose time has come.
    pub fn leaving(&self) -> Vec<TaskId> {
        let live = |place: &Place| place.live().collect::<Vec<_>>();
        self.leaving.iter().filter_map(|instance| self.places.get(instance)).flat_map(live).collect()
    }

    /// Whether tasks stay on DRAINING instances until the other services' tasks are gone.
    pub fn has_lingering(&self) -> bool {
        self.lingering > 0
    }

    /// The instance that came closest to taking its task, and why it did not.
    pub fn closest_refusal(&self) -> Option<(InstanceId, Reason)> {
        self.refused.last().map(|(reason, Reverse(instance))| (*instance, *reason))
    }

    /// Whether news of a task of somebody else is reason to look at its instance again.
    pub(super) fn minds(&self, task: &Task) -> bool {
        let waits = |place: &Place| matches!(place.stand, Stand::Refused(_) | Stand::Lingering);
        self.rules.looks_at_tasks
            || (task.is_stopped() && task.instance.and_then(|on| self.places.get(&on)).is_some_and(waits))
    }

    /// Files a place by how it stands; true when that is another way than before.
    pub(super) fn file(&mut self, instance: InstanceId, stand: Stand) -> bool {
        let place =
            self.places.entry(instance).or_insert_with(|| Place { tasks: BTreeMap::new(), stand: Stand::Outside });
        let before = std::mem::replace(&mut place.stand, stand);
        if stand == Stand::Outside && place.tasks.is_empty() {
            self.places.remove(&instance);
        }
        if before == stand {
            return false;
        }
        self.eligible = self.eligible - u32::from(before.is_eligible()) + u32::from(stand.is_eligible());
        match before {
            Stand::Vacant => _ = self.vacant.remove(&instance),
            Stand::Leaving => _ = self.leaving.remove(&instance),
            Stand::Lingering => self.lingering -= 1,
            Stand::Refused(reason) => _ = self.refused.remove(&(reason, Reverse(instance))),
            Stand::Outside | Stand::Covered => {}
        }
        match stand {
            Stand::Vacant => _ = self.vacant.insert(instance),
            Stand::Leaving => _ = self.leaving.insert(instance),
            Stand::Lingering => self.lingering += 1,
            Stand::Refused(reason) => _ = self.refused.insert((reason, Reverse(instance))),
            Stand::Outside | Stand::Covered => {}
        }
        true
    }

    pub(super) fn follow(&mut self, task: &Task) {
        let Some(instance) = task.instance else { return };
        let place = self.places.entry(instance);
        if task.is_stopped() {
            place.and_modify(|place| _ = place.tasks.remove(&task.id));
            return;
        }
        let liveness = match task {
            task if task.is_stopping() => Liveness::Stopping,
            task if task.last_status < TaskStatus::Running => Liveness::Pending,
            _ => Liveness::Live,
        };
        let place = place.or_insert_with(|| Place { tasks: BTreeMap::new(), stand: Stand::Outside });
        place.tasks.insert(task.id, liveness);
    }
}

impl Place {
    pub(super) fn live(&self) -> impl Iterator<Item = TaskId> {
        self.tasks.iter().filter(|(_, liveness)| **liveness != Liveness::Stopping).map(|(task, _)| *task)
    }
}
