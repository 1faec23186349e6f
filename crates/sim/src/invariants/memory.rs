//! What the checker remembers of a machine: what its agent has heard and asked for, and what really happened to its
//! containers. Kept beside the agent's own state and never read from it.

use crate::violation::{Broken, require};
use plimsoll_core::node::{ContainerRef, Identity, RuntimeEvent};
use plimsoll_core::protocol::{ToNode, Welcome};
use plimsoll_model::{Epoch, SessionId, TaskId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    newest: Option<Newest>,
    /// The last welcome that counted, and the last of an earlier epoch than that.
    last: Option<Box<Welcome>>,
    earlier: Option<Box<Welcome>>,
    /// Tasks this agent process asked the runtime to stop.
    stopped_here: BTreeSet<TaskId>,
    /// Tasks with trouble of their own: something of them ended, failed or was removed.
    troubled: BTreeSet<TaskId>,
    /// With what code a process really ended; not of those that were removed since.
    exits: BTreeMap<ContainerRef, i32>,
}

/// The newest message that counted, of those that set or change what the node should have.
#[derive(Clone, Copy, Debug)]
struct Newest {
    epoch: Epoch,
    session: SessionId,
    sequence: u64,
    /// A command went missing: the ones after it mean nothing.
    gap: bool,
}

impl Memory {
    pub fn agent_started(&mut self) {
        self.newest = None;
        self.stopped_here.clear();
    }

    /// Whether the message is news, by the rules of the protocol: a welcome of an older epoch, an older session or an
    /// earlier point of this one is not; a command is if it is the next of its session.
    pub fn hears(&mut self, message: &ToNode, obeyed: Epoch) -> bool {
        match message {
            ToNode::Welcome(welcome) => {
                let passed = self.newest.is_some_and(|newest| {
                    newest.epoch == welcome.epoch
                        && (newest.session, newest.sequence) >= (welcome.session, welcome.sequence)
                });
                if passed || welcome.epoch < obeyed {
                    return false;
                }
                let (epoch, session, sequence) = (welcome.epoch, welcome.session, welcome.sequence);
                self.newest = Some(Newest { epoch, session, sequence, gap: false });
                if let Some(last) = self.last.replace(welcome.clone())
                    && last.epoch < epoch
                {
                    self.earlier = Some(last);
                }
                true
            }
            ToNode::Commands(commands) => {
                let Some(newest) = &mut self.newest else { return false };
                if (newest.epoch, newest.session) != (commands.epoch, commands.session) || newest.gap {
                    return false;
                }
                let next = commands.sequence == newest.sequence + 1;
                newest.gap = commands.sequence > newest.sequence + 1;
                newest.sequence += u64::from(next);
                next
            }
            ToNode::Acknowledge { .. } | ToNode::Refused { .. } => true,
        }
    }

    /// What a writer that has been taken over could still say.
    pub fn welcome_of_earlier_epoch(&self, obeyed: Epoch) -> Option<ToNode> {
        self.earlier.as_ref().filter(|welcome| welcome.epoch < obeyed).map(|welcome| ToNode::Welcome(welcome.clone()))
    }

    pub fn observes(&mut self, event: &RuntimeEvent) {
        match event {
            RuntimeEvent::Exited { container, .. } | RuntimeEvent::Failed { container, .. } => {
                self.troubled.insert(container.task);
            }
            RuntimeEvent::Removed { task } => {
                self.troubled.insert(*task);
            }
            RuntimeEvent::Adopted(_)
            | RuntimeEvent::PullStarted(_)
            | RuntimeEvent::PullStopped(_)
            | RuntimeEvent::Started { .. }
            | RuntimeEvent::Health { .. } => {}
        }
    }

    pub fn exits(&mut self, container: ContainerRef, code: i32) {
        self.troubled.insert(container.task);
        self.exits.insert(container, code);
    }

    /// It never started, whether an agent is there to hear of it or not.
    pub fn fails(&mut self, container: ContainerRef) {
        self.troubled.insert(container.task);
    }

    /// By its restart policy.
    pub fn runs_again(&mut self, container: ContainerRef) {
        self.exits.remove(&container);
    }

    pub fn forgets(&mut self, container: ContainerRef) {
        self.troubled.insert(container.task);
        self.exits.remove(&container);
    }

    pub fn stops(&mut self, task: TaskId) {
        self.stopped_here.insert(task);
    }

    pub fn has_stopped(&self, task: TaskId) -> bool {
        self.stopped_here.contains(&task)
    }

    pub fn has_trouble(&self, task: TaskId) -> bool {
        self.troubled.contains(&task)
    }

    pub fn exit_code(&self, container: ContainerRef) -> Option<i32> {
        self.exits.get(&container).copied()
    }

    /// I-30: an agent that has obeyed an epoch obeys no lower one.
    pub fn i_30_epochs_only_rise(&self, before: Identity, after: Identity) -> Result<(), Broken> {
        require(after.epoch >= before.epoch, "I-30", || {
            format!("an agent obeyed epoch {} after {}", after.epoch.0, before.epoch.0)
        })
    }
}
