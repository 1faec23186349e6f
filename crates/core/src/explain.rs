//! Why tasks are where they are, or are nowhere: what is asked, and the answer.
//!
//! The answer comes from the core that schedules, not from a copy of its rows: what a copy would have to guess (which
//! nodes are connected, which are not trusted yet, what room is kept for daemons) is there. Nothing is changed by it.

use crate::Command;
use plimsoll_model::{DeploymentId, InstanceId, ServiceName, Task, TaskDefinitionId, TaskId};
use plimsoll_placement::{Demand, Explanation};
use std::sync::Arc;

#[derive(Clone, PartialEq, Debug)]
pub struct Explain {
    pub subject: Subject,
    /// Of the instances that take the task, how many are named; the best ones.
    pub candidates_max: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Subject {
    /// Where the tasks of a RunTask, CreateService or UpdateService would go, beside all that is there.
    Request(Box<Command>),
    /// Where the tasks of a service are and where those it misses, or else one more, would go.
    Service(ServiceName),
    /// Where a task is, and where it would go if it were looking for its place at this moment.
    Task(TaskId),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Explained {
    pub needs: Needs,
    /// One per capacity provider that gets a share, in the order of the strategy; one in all without a strategy.
    pub asks: Vec<Asked>,
    pub service: Option<ServiceStanding>,
    /// The tasks the question is about that are not STOPPED, in order of id.
    pub tasks: Vec<TaskStanding>,
}

/// What is looked for.
#[derive(Clone, PartialEq, Debug)]
pub struct Needs {
    pub definition: TaskDefinitionId,
    pub group: Arc<str>,
    pub demand: Demand,
    pub required_attributes: Vec<Arc<str>>,
    /// Expressions of the definition first, then of the request or service.
    pub member_of: Vec<Arc<str>>,
    pub distinct_instance: bool,
    pub external: bool,
}

/// What the instances of one capacity provider, or all of them, say to so many tasks.
#[derive(Clone, PartialEq, Debug)]
pub struct Asked {
    pub capacity_provider: Option<Arc<str>>,
    pub count: u32,
    /// Where they would go, in order of instance, with how many; fewer than `count` in all where room ends.
    pub places: Vec<(InstanceId, u32)>,
    /// Of the first of them. Its candidates are the best that were asked for.
    pub explanation: Explanation,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ServiceStanding {
    pub name: ServiceName,
    /// The one that gets tasks.
    pub deployment: DeploymentId,
    pub desired: u32,
    pub running: u32,
    pub pending: u32,
    /// Tasks that are still to be started.
    pub missing: u32,
    /// What holds them back whatever room there is.
    pub waits: Vec<Waits>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Waits {
    /// Tasks failed to start; the next one is not tried sooner (SVC-23).
    BackOff { for_ms: u64 },
    /// As many tasks as `maximumPercent` allows are there (DEP-13).
    MaximumPercent { tasks: u32, most: u32 },
    /// The deployment failed, and gets no more tasks.
    DeploymentFailed,
    /// The service is being deleted.
    Draining,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TaskStanding {
    pub task: Arc<Task>,
    /// Where its instance stands among those that take the next task of the kind, from 1; `None` where it takes none.
    pub rank: Option<u32>,
}
