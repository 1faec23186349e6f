//! Instants at which something is due although nothing happens.

use plimsoll_model::{DeploymentId, InstanceId, ServiceName, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// At most one deadline per value. Kinds are in the order in which they run when due together: tasks are forgotten
/// before the instance they were on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// The silence of an instance has outlasted the grace.
    Grace(InstanceId),
    /// It is the turn of a silent instance to be declared lost (D-8).
    Lose(InstanceId),
    /// An instance whose sessions broke over and over has been stable for a while (F-16).
    Trust(InstanceId),
    /// A task may count as healthy, or its grace period is over.
    TaskHealth(TaskId),
    /// The protection of a task is over (PROT-1).
    Protection(TaskId),
    /// The back-off of a deployment is over, or a message may be repeated: look at the service again.
    StartAgain(ServiceName),
    Repeat(ServiceName),
    /// A task has waited long enough for an instance (RUN-12).
    GiveUpPlacing(TaskId),
    ForgetTask(TaskId),
    ForgetService(ServiceName),
    ForgetServiceDeployment(DeploymentId),
    ForgetInstance(InstanceId),
    ForgetToken(Arc<str>, Arc<str>),
}

impl Timer {
    /// Whether the deadline follows from a row alone.
    pub fn follows_from_a_row(&self) -> bool {
        matches!(
            self,
            Timer::Protection(_)
                | Timer::GiveUpPlacing(_)
                | Timer::ForgetTask(_)
                | Timer::ForgetService(_)
                | Timer::ForgetServiceDeployment(_)
                | Timer::ForgetInstance(_)
                | Timer::ForgetToken(..)
        )
    }
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    queue: BTreeSet<(Timestamp, Timer)>,
    deadlines: BTreeMap<Timer, Timestamp>,
}

impl Timers {
    /// Replaces an earlier deadline of the same timer.
    pub fn set(&mut self, timer: Timer, at: Timestamp) {
        if let Some(before) = self.deadlines.insert(timer.clone(), at) {
            if before == at {
                return;
            }
            self.queue.remove(&(before, timer.clone()));
        }
        self.queue.insert((at, timer));
    }

    /// Keeps an earlier deadline: several causes share the timer, and each is looked at when it is due.
    pub fn set_no_later(&mut self, timer: Timer, at: Timestamp) {
        if self.deadlines.get(&timer).is_none_or(|before| at < *before) {
            self.set(timer, at);
        }
    }

    pub fn cancel(&mut self, timer: &Timer) {
        if let Some(at) = self.deadlines.remove(timer) {
            self.queue.remove(&(at, timer.clone()));
        }
    }

    pub fn first(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    pub fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, _) = self.queue.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.queue.pop_first()?;
        self.deadlines.remove(&timer);
        Some(timer)
    }

    pub fn deadlines(&self) -> impl Iterator<Item = (&Timer, Timestamp)> {
        self.deadlines.iter().map(|(timer, at)| (timer, *at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_has_one_deadline() {
        let mut timers = Timers::default();
        let timer = Timer::Grace(InstanceId::from_u128(1));
        timers.set(timer.clone(), Timestamp::from_millis(10));
        timers.set(timer.clone(), Timestamp::from_millis(20));
        assert_eq!(timers.first(), Some(Timestamp::from_millis(20)));
        assert_eq!(timers.pop_due(Timestamp::from_millis(19)), None);
        assert_eq!(timers.pop_due(Timestamp::from_millis(20)), Some(timer.clone()));
        timers.set(timer.clone(), Timestamp::from_millis(30));
        timers.set_no_later(timer.clone(), Timestamp::from_millis(40));
        assert_eq!(timers.first(), Some(Timestamp::from_millis(30)));
        timers.set_no_later(timer.clone(), Timestamp::from_millis(25));
        assert_eq!(timers.first(), Some(Timestamp::from_millis(25)));
        timers.cancel(&timer);
        assert_eq!(timers.first(), None);
    }
}
