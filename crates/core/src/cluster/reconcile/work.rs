//! Which services have to be looked at.

use plimsoll_model::ServiceName;
use plimsoll_placement::mutant;
use std::collections::BTreeSet;
use std::ops::Bound;

/// How much has changed since it was last tried to place the tasks that wait (RUN-12).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(in super::super) enum Look {
    #[default]
    Nowhere,
    /// Tasks came or went: instances may be other places for those that mind other tasks, and for nobody else.
    ForThoseThatMindTasks,
    /// There may be more capacity.
    ForAll,
}

#[derive(Debug, Default)]
pub(in super::super) struct Work {
    dirty: BTreeSet<ServiceName>,
    /// Wanted more placements than this step allows.
    postponed: BTreeSet<ServiceName>,
    /// Could not place a task: worth trying again when anything about the fleet changes, and not before (I-14).
    waiting_for_capacity: BTreeSet<ServiceName>,
    /// The last service that placed tasks; the next step begins after it, so that a big one does not starve others.
    last_placed: Option<ServiceName>,
    waiting_tasks: Look,
}

impl Work {
    pub fn mark(&mut self, service: &ServiceName) {
        if !self.dirty.contains(service) {
            self.dirty.insert(service.clone());
        }
    }

    pub fn postpone(&mut self, service: &ServiceName) {
        self.postponed.insert(service.clone());
    }

    pub fn wait_for_capacity(&mut self, service: &ServiceName) {
        let waiting = mutant!(AsksAgainAtOnce => &mut self.postponed, &mut self.waiting_for_capacity);
        waiting.insert(service.clone());
    }

    pub fn capacity_changed(&mut self) {
        mutant!(NeverLooksAgain => (), self.dirty.append(&mut self.waiting_for_capacity));
        mutant!(WaitingTasksStay => (), self.look_at_waiting_tasks(Look::ForAll));
    }

    /// A task was placed, or is told to stop.
    pub fn tasks_changed(&mut self) {
        self.look_at_waiting_tasks(Look::ForThoseThatMindTasks);
    }

    pub fn look_at_waiting_tasks(&mut self, look: Look) {
        self.waiting_tasks = self.waiting_tasks.max(look);
    }

    pub fn look(&self) -> Look {
        self.waiting_tasks
    }

    pub fn take_look(&mut self) -> Look {
        std::mem::take(&mut self.waiting_tasks)
    }

    pub fn placed(&mut self, service: &ServiceName) {
        self.last_placed = Some(service.clone());
    }

    pub fn next(&mut self) -> Option<ServiceName> {
        let after = self
            .last_placed
            .as_ref()
            .and_then(|last| self.dirty.range::<ServiceName, _>((Bound::Excluded(last), Bound::Unbounded)).next());
        let name = after.or_else(|| self.dirty.first())?.clone();
        self.dirty.remove(&name);
        Some(name)
    }

    pub fn end_step(&mut self) {
        self.dirty.append(&mut self.postponed);
    }

    pub fn len(&self) -> usize {
        self.dirty.len()
    }

    pub fn is_pending(&self) -> bool {
        !self.dirty.is_empty()
    }
}
