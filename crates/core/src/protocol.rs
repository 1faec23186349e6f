//! What the cluster's writer and a node say to each other, in plain data. The agent stream carries these; in
//! simulation they are passed as they are, delayed, lost and doubled.
//!
//! Level-triggered both ways: after every (re)connection the node sends all it has and gets all it should have, and
//! every report tells a task's whole state. Numbered messages are only an optimisation over that.

use crate::command::RegisterContainerInstance;
use plimsoll_model::{
    ClusterKey, Container, Epoch, InstanceId, Reserved, SessionId, TaskDefinition, TaskId, TaskOverrides, TaskStatus,
    Timestamp,
};
use std::sync::Arc;

/// From a node to its cluster.
#[derive(Clone, PartialEq, Debug)]
pub enum FromNode {
    Hello(Box<Hello>),
    Report(Report),
    Heartbeat(Heartbeat),
    /// The node noticed a gap in the command numbers: send the whole desired set again.
    Resync {
        session: SessionId,
    },
}

/// Opens a session.
#[derive(Clone, PartialEq, Debug)]
pub struct Hello {
    pub registration: RegisterContainerInstance,
    /// All tasks the node knows, STOPPED ones that were not acknowledged included.
    pub inventory: Vec<TaskReport>,
    /// The highest epoch the node has obeyed. A lower one of ours means our state went back in time (F-9).
    pub epoch: Epoch,
}

/// The observed state of some tasks, whole. Sent again until acknowledged.
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    pub session: SessionId,
    /// Counts up within the session.
    pub sequence: u64,
    pub tasks: Vec<TaskReport>,
}

/// Observed state of one task. Applying it twice, or an older one late, changes nothing (I-17).
#[derive(Clone, PartialEq, Debug)]
pub struct TaskReport {
    pub task: TaskId,
    pub status: TaskStatus,
    pub containers: Vec<Container>,
    /// Why it stopped, when the node knows better than the control plane.
    pub stop: Option<StopCause>,
    pub pull_started_at: Option<Timestamp>,
    pub pull_stopped_at: Option<Timestamp>,
    pub execution_stopped_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StopCause {
    /// It never ran; the reason as in TL-8 ("CannotPullContainerError: ...").
    FailedToStart {
        reason: Arc<str>,
    },
    EssentialContainerExited,
    /// The control plane said so.
    Requested,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    pub session: SessionId,
    /// The highest command number received. Behind what was sent for two heartbeats: the desired set is sent again.
    pub received: u64,
}

/// From a cluster to one of its nodes.
#[derive(Clone, PartialEq, Debug)]
pub enum ToNode {
    Welcome(Box<Welcome>),
    /// The hello was refused for good (changed hardware, ...): a person must act.
    Refused {
        reason: Arc<str>,
    },
    Commands(Commands),
    /// Reports up to this number are committed.
    Acknowledge {
        session: SessionId,
        sequence: u64,
    },
}

/// Answers a hello or a resync.
#[derive(Clone, PartialEq, Debug)]
pub struct Welcome {
    pub cluster: ClusterKey,
    pub instance: InstanceId,
    pub epoch: Epoch,
    pub session: SessionId,
    /// Command numbers continue from here.
    pub sequence: u64,
    /// Every task the node should have. Anything else it has must stop.
    pub desired: Vec<Assignment>,
}

/// A step from the last desired set to the next.
#[derive(Clone, PartialEq, Debug)]
pub struct Commands {
    pub epoch: Epoch,
    pub session: SessionId,
    /// One more than the message before; a gap asks for a resync.
    pub sequence: u64,
    pub start: Vec<Assignment>,
    pub stop: Vec<TaskId>,
}

/// A task a node should run.
#[derive(Clone, PartialEq, Debug)]
pub struct Assignment {
    pub task: TaskId,
    pub definition: Arc<TaskDefinition>,
    pub overrides: Option<Arc<TaskOverrides>>,
    pub reserved: Reserved,
    pub group: Arc<str>,
    /// What the control plane knows: a task known as RUNNING whose containers are gone has stopped and is not
    /// started again.
    pub last_status: TaskStatus,
    /// True: it should be stopped (again), nothing of it may start.
    pub stopping: bool,
    /// Of each container by position, how often it was started again. A node that starts anew counts on from there.
    pub restart_counts: Vec<u32>,
}
