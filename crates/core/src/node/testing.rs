//! A node on a test bench: inputs by hand, outputs as text.

use super::{
    Action, AdoptedContainer, AdoptedState, ContainerRef, Identity, Input, NodeConfig, NodeCore, Outbox, Run,
    RuntimeEvent,
};
use crate::command::RegisterContainerInstance;
use crate::protocol::{Assignment, Commands, FromNode, TaskReport, ToNode, Welcome};
use plimsoll_model::{
    ClusterKey, ClusterName, Epoch, Family, InstanceId, Namespace, Reserved, Resources, SessionId, TaskDefinition,
    TaskDefinitionId, TaskId, TaskStatus, Timestamp, VersionInfo,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const HEARTBEAT_MS: u64 = 10_000;
pub(super) const RETENTION_MS: u64 = 60_000;
pub(super) const START_TIMEOUT_MS: u64 = 180_000;
pub(super) const STOP_TIMEOUT_MS: u64 = 30_000;

pub(super) fn definition(containers: Value) -> Arc<TaskDefinition> {
    let family = Family::parse("app").expect("a valid family");
    let document = Arc::new(json!({"family": "app", "containerDefinitions": containers}));
    let id = TaskDefinitionId { family, revision: 1 };
    Arc::new(TaskDefinition::from_document(id, document).expect("a valid document"))
}

/// One essential container named `web`.
pub(super) fn web() -> Arc<TaskDefinition> {
    definition(json!([{"name": "web", "image": "web"}]))
}

pub(super) fn task_id(number: u128) -> TaskId {
    TaskId::from_u128(number)
}

pub(super) fn at(task: u128, index: usize) -> ContainerRef {
    ContainerRef { task: task_id(task), index }
}

pub(super) fn assignment(task: u128, definition: &Arc<TaskDefinition>) -> Assignment {
    Assignment {
        task: task_id(task),
        definition: Arc::clone(definition),
        overrides: None,
        reserved: Reserved { cpu_units: 256, memory_mib: 128, ..Reserved::default() },
        group: "family:app".into(),
        last_status: TaskStatus::Pending,
        stopping: false,
        restart_counts: Vec::new(),
    }
}

pub(super) fn adopted(task: u128, index: usize, state: AdoptedState) -> AdoptedContainer {
    AdoptedContainer {
        task: task_id(task),
        index,
        name: "web".into(),
        runtime_id: format!("run-{task}-{index}").into(),
        state,
        ran_ms: 0,
        bindings: Vec::new(),
        image_digest: None,
    }
}

pub(super) struct Bench {
    pub node: NodeCore,
    pub now: Timestamp,
    pub out: Outbox,
    session: SessionId,
    commands: u64,
}

impl Bench {
    /// A node that found `found` on its machine, with a session open and nothing desired yet.
    pub fn welcomed() -> Self {
        let mut bench = Bench::started(Vec::new());
        bench.connect();
        bench.welcome(Vec::new());
        bench.take();
        bench
    }

    pub fn started(found: Vec<AdoptedContainer>) -> Self {
        let resources = Resources { cpu_units: 1024, memory_mib: 1024, ..Resources::default() };
        let registration = RegisterContainerInstance {
            instance: None,
            resources,
            attributes: BTreeMap::new(),
            version_info: VersionInfo::default(),
            ec2_instance_id: None,
            tags: BTreeMap::new(),
        };
        let config = NodeConfig {
            registration,
            heartbeat_ms: HEARTBEAT_MS,
            retention_ms: RETENTION_MS,
            start_timeout_ms: START_TIMEOUT_MS,
            stop_timeout_ms: STOP_TIMEOUT_MS,
        };
        let mut bench = Bench {
            node: NodeCore::new(config, Identity::default()),
            now: Timestamp::from_millis(1_000),
            out: Outbox::default(),
            session: SessionId(0),
            commands: 0,
        };
        bench.runtime(RuntimeEvent::Adopted(found));
        bench
    }

    pub fn step(&mut self, input: Input) {
        self.node.step(self.now, input, &mut self.out);
    }

    pub fn runtime(&mut self, event: RuntimeEvent) {
        self.step(Input::Runtime(event));
    }

    pub fn connect(&mut self) {
        self.step(Input::Connected);
    }

    /// Opens the next session, of epoch 1.
    pub fn welcome(&mut self, desired: Vec<Assignment>) {
        self.welcome_of(Epoch(1), desired);
    }

    pub fn welcome_of(&mut self, epoch: Epoch, desired: Vec<Assignment>) {
        self.session = SessionId(self.session.0 + 1);
        let welcome = self.welcome_message(epoch, desired);
        self.step(Input::Control(welcome));
    }

    pub fn welcome_message(&self, epoch: Epoch, desired: Vec<Assignment>) -> ToNode {
        let namespace = Namespace { account: "1".into(), region: "r".into() };
        ToNode::Welcome(Box::new(Welcome {
            cluster: ClusterKey { namespace, name: ClusterName::default_cluster() },
            instance: InstanceId::from_u128(7),
            epoch,
            session: self.session,
            sequence: self.commands,
            desired,
        }))
    }

    pub fn command(&mut self, start: Vec<Assignment>, stop: Vec<u128>) {
        self.commands += 1;
        let message = self.command_message(self.commands, start, stop);
        self.step(Input::Control(message));
    }

    pub fn command_message(&self, sequence: u64, start: Vec<Assignment>, stop: Vec<u128>) -> ToNode {
        let stop = stop.into_iter().map(task_id).collect();
        ToNode::Commands(Commands { epoch: Epoch(1), session: self.session, sequence, start, stop })
    }

    /// Loses a command message on the way.
    pub fn skip_command(&mut self) {
        self.commands += 1;
    }

    pub fn acknowledge(&mut self, sequence: u64) {
        self.step(Input::Control(ToNode::Acknowledge { session: self.session, sequence }));
    }

    pub fn started_container(&mut self, task: u128, index: usize) {
        self.started_again(task, index, 0);
    }

    pub fn started_again(&mut self, task: u128, index: usize, run: Run) {
        let runtime_id = format!("run-{task}-{index}").into();
        let container = at(task, index);
        self.runtime(RuntimeEvent::Started { container, run, runtime_id, bindings: Vec::new(), image_digest: None });
    }

    pub fn exited(&mut self, task: u128, index: usize, code: i32) {
        self.exited_again(task, index, 0, Some(code));
    }

    pub fn exited_again(&mut self, task: u128, index: usize, run: Run, exit_code: Option<i32>) {
        self.runtime(RuntimeEvent::Exited { container: at(task, index), run, exit_code, reason: None });
    }

    /// Moves to the next wakeup and ticks.
    pub fn tick(&mut self) {
        self.now = self.node.next_wakeup().expect("something is due");
        self.step(Input::Tick);
    }

    pub fn wait(&mut self, millis: u64) {
        let end = self.now.plus_millis(millis);
        while let Some(at) = self.node.next_wakeup().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.step(Input::Tick);
        }
        self.now = end;
    }

    pub fn take(&mut self) -> Outbox {
        std::mem::take(&mut self.out)
    }

    /// `start 1/0`, `stop 1/0 30000`, `remove 1` in order; forgets them.
    pub fn actions(&mut self) -> Vec<String> {
        let show = |container: &ContainerRef| format!("{}/{}", container.task.as_u128(), container.index);
        let actions = std::mem::take(&mut self.out.actions);
        let text = |action: &Action| match action {
            Action::Start { container, run: 0, .. } => format!("start {}", show(container)),
            Action::Start { container, run, .. } => format!("start {} again {run}", show(container)),
            Action::Stop { container, grace_ms } => format!("stop {} {grace_ms}", show(container)),
            Action::Remove { task } => format!("remove {}", task.as_u128()),
        };
        actions.iter().map(text).collect()
    }

    /// Everything reported since the last call, with the number of the last report.
    pub fn reports(&mut self) -> (u64, Vec<TaskReport>) {
        let mut sequence = 0;
        let mut tasks = Vec::new();
        for message in std::mem::take(&mut self.out.messages) {
            if let FromNode::Report(report) = message {
                sequence = report.sequence;
                tasks.extend(report.tasks);
            }
        }
        (sequence, tasks)
    }

    /// Reads reports and acknowledges them until there are none: the last one of each task.
    pub fn settled_reports(&mut self) -> BTreeMap<u128, TaskReport> {
        let mut last = BTreeMap::new();
        loop {
            let (sequence, tasks) = self.reports();
            if sequence == 0 {
                return last;
            }
            last.extend(tasks.into_iter().map(|report| (report.task.as_u128(), report)));
            self.acknowledge(sequence);
        }
    }
}
