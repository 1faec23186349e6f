//! How often a run reached what it is there to reach. A counter that stays at 0 over all seeds means that the world
//! lost the ability to test something.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    counters: BTreeMap<String, u64>,
}

impl Coverage {
    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.counters.entry(what.into()).or_default() += 1;
    }

    pub fn add(&mut self, other: &Coverage) {
        for (what, times) in &other.counters {
            *self.counters.entry(what.clone()).or_default() += times;
        }
    }

    pub fn of(&self, what: &str) -> u64 {
        self.counters.get(what).copied().unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counters.iter().map(|(what, times)| (what.as_str(), *times))
    }
}

/// What every suite of some hundred seeds must reach.
pub fn expected_coverage() -> Vec<&'static str> {
    let mut expected = Vec::new();
    expected.extend(COMMANDS);
    expected.extend(FAULTS);
    expected.extend(EDGES);
    expected
}

const COMMANDS: &[&str] = &[
    "command CreateCluster ok",
    "command RegisterContainerInstance ok",
    "command DeregisterContainerInstance ok",
    "command UpdateContainerInstancesState ok",
    "command PutAttributes ok",
    "command DeleteAttributes ok",
    "command CreateService ok",
    "command CreateService refused",
    "command UpdateService ok",
    "command UpdateService refused",
    "command DeleteService ok",
    "command RunTask ok",
    "command StartTask ok",
    "command StopTask ok",
    "command SubmitTaskStateChange ok",
    "token replayed",
];

const FAULTS: &[&str] = &[
    "fault message lost",
    "fault message doubled",
    "fault messages reordered",
    "fault connection broken",
    "fault partition",
    "fault core crash before commit",
    "fault core crash after commit",
    "fault core crash while idle",
    "fault commit failed",
    "fault commit unknown",
    "fault node crash",
    "fault identity lost",
    "fault container exit",
    "fault container removed",
    "fault start failed",
    "fault stop lost",
    "fault runtime event doubled",
    "fault unhealthy",
];

const EDGES: &[&str] = &[
    "task created",
    "task PENDING -> RUNNING",
    "task PENDING -> STOPPED",
    "task RUNNING -> STOPPING",
    "task RUNNING -> STOPPED",
    "task STOPPING -> STOPPED",
    "task stop TaskFailedToStart",
    "task stop EssentialContainerExited",
    "task stop UserInitiated",
    "task stop ServiceSchedulerInitiated",
    "task stop TerminationNotice",
    "rollout IN_PROGRESS -> COMPLETED",
    "rollout IN_PROGRESS -> FAILED",
    "rollout COMPLETED -> IN_PROGRESS",
    "rollback",
    "rollback completed",
    "rollback failed",
    "deployment PRIMARY -> ACTIVE",
    "deployment ACTIVE -> INACTIVE",
    "deployment ACTIVE -> PRIMARY",
    "deployment INACTIVE -> PRIMARY",
    "deployment forgotten",
    "service ACTIVE -> DRAINING",
    "service DRAINING -> INACTIVE",
    "instance lost",
    "instance connected",
    "instance disconnected",
    "daemon task created",
    "daemon left a draining instance",
    "node adopted a running container",
    "node adopted an exited container",
    "node adopted a created container",
    "node resync",
    "node restarted a container",
    "rows forgotten",
];
