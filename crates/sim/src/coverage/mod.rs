//! How often a run reached what it is there to reach. A point that stays at 0 over some hundred seeds means that the
//! world lost the ability to test something, and fails the run.

pub(crate) mod commands;
mod edges;
mod faults;

pub(crate) use edges::Stage;
pub(crate) use faults::Mishap;

use plimsoll_model::{DeploymentStatus, InstanceStatus, RolloutState, ServiceStatus, StopCode, TaskStatus};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Something a run can reach.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    Command(&'static str, Outcome),
    Fault(Mishap),
    /// An agent died while a container of its machine was there.
    AgentDiedAt(Stage),
    Container(Stage, Stage),
    Task(TaskStatus, TaskStatus),
    Stop(StopCode),
    Rollout(RolloutState, RolloutState),
    Deployment(DeploymentStatus, DeploymentStatus),
    Service(ServiceStatus, ServiceStatus),
    Instance(InstanceStatus, InstanceStatus),
    Named(Cow<'static, str>),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    Ok,
    Refused,
}

impl From<&'static str> for Point {
    fn from(name: &'static str) -> Self {
        Point::Named(Cow::Borrowed(name))
    }
}

impl From<String> for Point {
    fn from(name: String) -> Self {
        Point::Named(Cow::Owned(name))
    }
}

impl From<Mishap> for Point {
    fn from(mishap: Mishap) -> Self {
        Point::Fault(mishap)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Command(name, Outcome::Ok) => write!(f, "command {name} ok"),
            Point::Command(name, Outcome::Refused) => write!(f, "command {name} refused"),
            Point::Fault(mishap) => write!(f, "fault {}", mishap.as_str()),
            Point::AgentDiedAt(stage) => write!(f, "agent died beside a container {}", stage.as_str()),
            Point::Container(from, to) => write!(f, "container {} -> {}", from.as_str(), to.as_str()),
            Point::Task(from, to) => write!(f, "task {} -> {}", from.as_str(), to.as_str()),
            Point::Stop(code) => write!(f, "task stop {}", code.as_str()),
            Point::Rollout(from, to) => write!(f, "rollout {} -> {}", from.as_str(), to.as_str()),
            Point::Deployment(from, to) => write!(f, "deployment {} -> {}", from.as_str(), to.as_str()),
            Point::Service(from, to) => write!(f, "service {} -> {}", from.as_str(), to.as_str()),
            Point::Instance(from, to) => write!(f, "instance {} -> {}", from.as_str(), to.as_str()),
            Point::Named(name) => f.write_str(name),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    counters: BTreeMap<Point, u64>,
}

impl Coverage {
    pub(crate) fn count(&mut self, point: impl Into<Point>) {
        *self.counters.entry(point.into()).or_default() += 1;
    }

    pub fn add(&mut self, other: &Coverage) {
        for (point, times) in &other.counters {
            *self.counters.entry(point.clone()).or_default() += times;
        }
    }

    pub fn of(&self, point: &Point) -> u64 {
        self.counters.get(point).copied().unwrap_or_default()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Point, u64)> {
        self.counters.iter().map(|(point, times)| (point, *times))
    }

    /// What every suite of some hundred seeds must reach and this one did not.
    pub fn missing(&self) -> Vec<Point> {
        expected().into_iter().filter(|point| self.of(point) == 0).collect()
    }
}

fn expected() -> Vec<Point> {
    let mut points = commands::expected();
    points.extend(Mishap::ALL.iter().copied().map(Point::Fault));
    points.extend(edges::expected());
    points.extend(NAMED.iter().copied().map(Point::from));
    points
}

/// What is neither a command, nor a fault, nor an edge of a state machine.
const NAMED: &[&str] = &[
    "agent told of a lower epoch",
    "cluster revived",
    "daemon left a draining instance",
    "daemon task created",
    "definition deregistered",
    "definition registered",
    "deployment forgotten",
    "history PENDING",
    "history IN_PROGRESS",
    "history SUCCESSFUL",
    "history STOPPED",
    "history STOP_REQUESTED",
    "history ROLLBACK_REQUESTED",
    "history ROLLBACK_IN_PROGRESS",
    "history ROLLBACK_SUCCESSFUL",
    "history ROLLBACK_FAILED",
    "instance connected",
    "instance disconnected",
    "instance lost",
    "late welcome",
    "node adopted a created container",
    "node adopted a running container",
    "node adopted an exited container",
    "node restarted a container",
    "node resync",
    "rollback",
    "rollback completed",
    "rollback failed",
    "rows forgotten",
    "scale-in chose among several",
    "service of a strategy at rest",
    "stale report",
    "task created",
    "task placed by a strategy",
    "task set ACTIVE -> PRIMARY",
    "task set PRIMARY -> ACTIVE",
    "task set ACTIVE -> DRAINING",
    "task set PRIMARY -> DRAINING",
    "task set STABILIZING -> STEADY_STATE",
    "task set STEADY_STATE -> STABILIZING",
    "task set replayed",
    "token replayed",
    "unhealthy at the end",
    "wish fulfilled",
];
