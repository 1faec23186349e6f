//! `NodeCore`: what one node does with the tasks it is told to run.

mod admission;
mod container;
mod drive;
mod order;
mod removal;
mod restart;
mod session;
mod task;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use self::drive::earlier;
use self::removal::Removal;
use self::session::Link;
use self::task::{NodeTask, Ownership};
use crate::command::RegisterContainerInstance;
use crate::protocol::{FromNode, ToNode};
use plimsoll_model::{
    Epoch, HealthStatus, InstanceId, NetworkBinding, TaskDefinition, TaskId, TaskOverrides, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Which of a container's runs is meant, counted from 0 for the first start, or the adoption, by this agent. It goes with
/// each start and comes back with what happened, so that a late word about one run is not taken for the next one's.
pub type Run = u32;

/// A container of a task, by its position in the definition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContainerRef {
    pub task: TaskId,
    pub index: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A stream to the control plane is up: say hello.
    Connected,
    Disconnected,
    Control(ToNode),
    Runtime(RuntimeEvent),
    /// Due timers: heartbeats, retries, retention.
    Tick,
}

/// What the runtime says happened. All of them may come twice.
#[derive(Clone, PartialEq, Debug)]
pub enum RuntimeEvent {
    /// Containers found by label when the agent started, once, before anything else (design: re-adoption). The health
    /// of those that have one follows as [`RuntimeEvent::Health`].
    Adopted(Vec<AdoptedContainer>),
    PullStarted(ContainerRef),
    PullStopped(ContainerRef),
    Started {
        container: ContainerRef,
        run: Run,
        runtime_id: Arc<str>,
        bindings: Vec<NetworkBinding>,
        image_digest: Option<Arc<str>>,
    },
    /// It could not be pulled, created or started; the reason begins with its class ("CannotPullContainerError: ...").
    Failed {
        container: ContainerRef,
        reason: Arc<str>,
    },
    Exited {
        container: ContainerRef,
        run: Run,
        exit_code: Option<i32>,
        reason: Option<Arc<str>>,
    },
    Health {
        container: ContainerRef,
        health: HealthStatus,
    },
    /// All traces of the task are gone from the machine.
    Removed {
        task: TaskId,
    },
}

/// A container that outlived an earlier agent.
#[derive(Clone, PartialEq, Debug)]
pub struct AdoptedContainer {
    pub task: TaskId,
    /// Position in the definition: a label written when it was created, because the definition itself only comes with
    /// the next welcome.
    pub index: usize,
    pub name: Arc<str>,
    pub runtime_id: Arc<str>,
    pub state: AdoptedState,
    /// How long its last run has lasted, or did last.
    pub ran_ms: u64,
    pub bindings: Vec<NetworkBinding>,
    pub image_digest: Option<Arc<str>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdoptedState {
    Created,
    Running,
    Exited { exit_code: Option<i32>, reason: Option<Arc<str>> },
}

/// What the runtime should do. Doing any of them twice is harmless.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Pull if missing, create, start; answered by `Started` or `Failed`. A later run starts the same container again.
    Start { container: ContainerRef, run: Run, spec: Arc<LaunchSpec> },
    /// SIGTERM, after `grace_ms` SIGKILL; answered by `Exited`, or by `Failed` when it came before the start was done.
    /// A container that does not exist counts as exited. Sent again until answered.
    Stop { container: ContainerRef, grace_ms: u64 },
    /// Delete what is left of the task; answered by `Removed`.
    Remove { task: TaskId },
}

/// Everything a runtime needs to start any container of a task.
#[derive(Clone, PartialEq, Debug)]
pub struct LaunchSpec {
    pub task: TaskId,
    pub cluster: Arc<str>,
    pub group: Arc<str>,
    pub definition: Arc<TaskDefinition>,
    pub overrides: Option<Arc<TaskOverrides>>,
    /// Names of the GPUs the task holds.
    pub gpus: Vec<Arc<str>>,
}

#[derive(Debug, Default)]
pub struct Outbox {
    pub messages: Vec<FromNode>,
    pub actions: Vec<Action>,
    /// Identity to write down before the messages are sent.
    pub identity: Option<Identity>,
}

/// What a node remembers over restarts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    pub instance: Option<InstanceId>,
    pub epoch: Epoch,
}

/// All durations are milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeConfig {
    /// What the node registers with; its `instance` is overwritten by the remembered identity.
    pub registration: RegisterContainerInstance,
    pub heartbeat_ms: u64,
    /// How long what is left of a STOPPED task stays on the machine.
    pub retention_ms: u64,
    /// Time to RUNNING for a container without `startTimeout`, pulling not included.
    pub start_timeout_ms: u64,
    /// Between SIGTERM and SIGKILL for a container without `stopTimeout` (TL-6).
    pub stop_timeout_ms: u64,
}

#[derive(Debug)]
pub struct NodeCore {
    config: Arc<NodeConfig>,
    identity: Identity,
    /// The containers of an earlier agent are known.
    adopted: bool,
    link: Option<Link>,
    tasks: BTreeMap<TaskId, NodeTask>,
    /// Tasks whose state changed since they were last put into a report.
    unreported: BTreeSet<TaskId>,
    /// Tasks that wait until what they reserve is free.
    queue: BTreeSet<TaskId>,
    /// When to look at which task again. Invariant: exactly the `timer` of every task that has one.
    timers: BTreeSet<(Timestamp, TaskId)>,
}

impl NodeCore {
    /// Waits for [`RuntimeEvent::Adopted`] before it says hello.
    pub fn new(config: NodeConfig, identity: Identity) -> Self {
        NodeCore {
            config: Arc::new(config),
            identity,
            adopted: false,
            link: None,
            tasks: BTreeMap::new(),
            unreported: BTreeSet::new(),
            queue: BTreeSet::new(),
            timers: BTreeSet::new(),
        }
    }

    pub fn step(&mut self, now: Timestamp, input: Input, out: &mut Outbox) {
        match input {
            Input::Connected => self.connected(now, out),
            Input::Disconnected => {
                self.disconnected();
                #[cfg(feature = "mutants")]
                plimsoll_placement::mutant!(StopsWhenDisconnected => self.stop_everything(now, out), ());
            }
            Input::Control(message) => self.control(now, message, out),
            Input::Runtime(RuntimeEvent::Adopted(found)) => self.adopt(now, found, out),
            Input::Runtime(event) => self.observe(now, event, out),
            Input::Tick => {}
        }
        while let Some((_, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.touch(now, id, out, |_| {});
        }
        self.admit(now, out);
        self.heartbeat(now, out);
        self.report(now, out);
    }

    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let task = self.timers.first().map(|(at, _)| *at);
        earlier(task, self.link.as_ref().map(|link| link.heartbeat_at))
    }

    /// What the node has to remember; the same as the last [`Outbox::identity`].
    pub fn identity(&self) -> Identity {
        self.identity
    }

    fn adopt(&mut self, now: Timestamp, found: Vec<AdoptedContainer>, out: &mut Outbox) {
        if self.adopted {
            return;
        }
        self.adopted = true;
        for container in found {
            let task = self.tasks.entry(container.task).or_insert_with(|| NodeTask::adopted(container.task));
            task.adopt(container, now);
        }
        self.say_hello(out);
    }

    #[cfg(feature = "mutants")]
    fn stop_everything(&mut self, now: Timestamp, out: &mut Outbox) {
        let all: Vec<TaskId> = self.tasks.keys().copied().collect();
        for id in all {
            self.touch(now, id, out, |task| task.stop_because(crate::protocol::StopCause::Requested));
        }
    }

    fn observe(&mut self, now: Timestamp, event: RuntimeEvent, out: &mut Outbox) {
        let Some(id) = event.task() else { return };
        let config = Arc::clone(&self.config);
        let mut actions = Vec::new();
        self.touch(now, id, out, |task| task.observe(now, event, &config, &mut actions));
        out.actions.append(&mut actions);
    }

    /// The one way a task changes: applies `change`, draws the conclusions, and keeps timers and reports in step.
    fn touch(&mut self, now: Timestamp, id: TaskId, out: &mut Outbox, change: impl FnOnce(&mut NodeTask)) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        change(task);
        let driven = task.drive(now, &self.config, &mut out.actions);
        if std::mem::take(&mut task.changed) && task.ownership == Ownership::Assigned {
            task.acknowledged = false;
            self.unreported.insert(id);
        }
        let removal = task.clear_away(now, &self.config, &mut out.actions);
        let timer = earlier(driven, removal.at());
        if task.timer != timer {
            task.timer.take().map(|at| self.timers.remove(&(at, id)));
            self.timers.extend(timer.map(|at| (at, id)));
            task.timer = timer;
        }
        if removal == Removal::Forget {
            self.tasks.remove(&id);
        }
    }
}

impl RuntimeEvent {
    fn task(&self) -> Option<TaskId> {
        match self {
            RuntimeEvent::Adopted(_) => None,
            RuntimeEvent::PullStarted(container)
            | RuntimeEvent::PullStopped(container)
            | RuntimeEvent::Started { container, .. }
            | RuntimeEvent::Failed { container, .. }
            | RuntimeEvent::Exited { container, .. }
            | RuntimeEvent::Health { container, .. } => Some(container.task),
            RuntimeEvent::Removed { task } => Some(*task),
        }
    }
}
