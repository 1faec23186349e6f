//! Machines: an agent around a `NodeCore`, and the containers, which die with the machine.

use super::world::{Event, World};
use super::{FullSetup, Plan, units_there};
use crate::chance::{Purpose, stream_of};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::node::{Action, ContainerRef, Identity, Input, NodeConfig, NodeCore, Outbox, Run, RuntimeEvent};
use plimsoll_core::protocol::ToNode;
use plimsoll_model::{Attribute, Resources, Tags, VersionInfo};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const ZONE: &str = "ecs.availability-zone";
const HEARTBEAT_MS: u64 = 10_000;
/// A start takes as long as the experiment says, and nobody gives it up.
const START_TIMEOUT_MS: u64 = u32::MAX as u64;
const STOP_TIMEOUT_MS: u64 = 30_000;
/// What is left of a task is removed soon.
const RETENTION_MS: u64 = 1_000;
const RECONNECT_MS: u64 = 1_000;
/// What engines say of containers that were killed when asked, and that died.
const TERMINATED: i32 = 143;
const CRASHED: i32 = 1;

pub(super) struct Machine {
    config: NodeConfig,
    agent: Option<NodeCore>,
    /// Of the agent process.
    incarnation: u64,
    identity: Identity,
    connection: Option<ConnectionId>,
    tick_ms: Option<u64>,
    /// Number of the tick that counts.
    ticks: u64,
    containers: BTreeMap<ContainerRef, Container>,
    failures: ChaCha8Rng,
}

struct Container {
    run: Run,
    state: State,
    /// Changes with every turn, so that what was planned before is void.
    serial: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Starting,
    Running,
    Stopping,
    Exited(Option<i32>),
}

/// The next turn of a container's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    Starts,
    /// It is done.
    Ends,
    /// It was told to.
    Stops,
    Crashes,
}

impl Machine {
    pub fn new(setup: &FullSetup, node: usize) -> Self {
        let shape = &setup.nodes[node];
        let zone: Arc<str> = format!("zone-{}", node as u32 % setup.plan.zones).into();
        let attributes = BTreeMap::from([(ZONE.into(), Attribute { value: Some(zone), custom: false })]);
        let registration = RegisterContainerInstance {
            instance: None,
            resources: Resources {
                cpu_units: units_there(shape.cpu_milli),
                memory_mib: shape.memory_mib,
                ..Resources::default()
            },
            attributes,
            version_info: VersionInfo::default(),
            ec2_instance_id: Some(format!("i-{node:017x}").into()),
            tags: Tags::new(),
        };
        Machine {
            config: NodeConfig {
                registration,
                heartbeat_ms: HEARTBEAT_MS,
                retention_ms: RETENTION_MS,
                start_timeout_ms: START_TIMEOUT_MS,
                stop_timeout_ms: STOP_TIMEOUT_MS,
            },
            agent: None,
            incarnation: 0,
            identity: Identity::default(),
            connection: None,
            tick_ms: None,
            ticks: 0,
            containers: BTreeMap::new(),
            failures: stream_of(setup.seed, Purpose::NodeFailures, node as u64),
        }
    }

    /// From when it comes up until it goes down.
    pub fn next_failure_ms(&mut self, plan: &Plan) -> Option<u64> {
        plan.nodes_fail.as_ref().map(|fail| fail.after_s.draw(&mut self.failures).saturating_mul(1000).max(1))
    }
}

impl World<'_> {
    pub fn node_starts(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        machine.incarnation += 1;
        machine.agent = Some(NodeCore::new(machine.config.clone(), machine.identity));
        let incarnation = machine.incarnation;
        self.node_input(node, Input::Runtime(RuntimeEvent::Adopted(Vec::new())));
        self.node_connects(node, incarnation);
    }

    pub fn node_connects(&mut self, node: usize, incarnation: u64) {
        let machine = &mut self.machines[node];
        if machine.incarnation != incarnation || machine.connection.is_some() {
            return;
        }
        let connection = ConnectionId(self.connections.len() as u64);
        machine.connection = Some(connection);
        self.connections.insert(connection, node);
        self.node_input(node, Input::Connected);
    }

    /// The control plane hangs up.
    pub fn connection_closes(&mut self, connection: ConnectionId) {
        let Some(node) = self.connections.get(&connection).copied() else { return };
        let machine = &mut self.machines[node];
        if machine.connection != Some(connection) {
            return;
        }
        machine.connection = None;
        let incarnation = machine.incarnation;
        self.node_input(node, Input::Disconnected);
        self.plan(RECONNECT_MS, Event::NodeConnects { node, incarnation });
    }

    pub fn node_hears(&mut self, node: usize, connection: ConnectionId, message: ToNode) {
        if self.machines[node].connection == Some(connection) {
            self.node_input(node, Input::Control(message));
        }
    }

    pub fn node_ticks(&mut self, node: usize, incarnation: u64, number: u64) {
        let machine = &mut self.machines[node];
        if machine.incarnation == incarnation && machine.ticks == number {
            machine.tick_ms = None;
            self.node_input(node, Input::Tick);
        }
    }

    pub fn node_observes(&mut self, node: usize, incarnation: u64, event: RuntimeEvent) {
        if self.machines[node].incarnation == incarnation {
            self.node_input(node, Input::Runtime(event));
        }
    }

    /// The machine goes down, and its containers with it.
    pub fn node_fails(&mut self, node: usize) {
        let Some(fail) = &self.setup.plan.nodes_fail else { return };
        let machine = &mut self.machines[node];
        machine.agent = None;
        machine.incarnation += 1;
        machine.tick_ms = None;
        for (container, one) in std::mem::take(&mut machine.containers) {
            if matches!(one.state, State::Starting | State::Running) {
                self.ledger.lost += 1;
            }
            if matches!(one.state, State::Running | State::Stopping) {
                self.ledger.container_ended(container.task);
            }
        }
        let repair_ms = fail.repair_s.draw(&mut machine.failures).saturating_mul(1000);
        let after_ms = machine.next_failure_ms(self.setup.plan).unwrap_or(u64::MAX);
        if let Some(connection) = machine.connection.take() {
            self.plan(u64::from(fail.noticed_after_s) * 1000, Event::CoreSeesBreak(connection));
        }
        self.plan(repair_ms, Event::NodeStarts(node));
        self.plan_at(self.now_ms.saturating_add(repair_ms).saturating_add(after_ms), Event::NodeFails(node));
    }

    fn node_input(&mut self, node: usize, input: Input) {
        let now = self.now();
        let machine = &mut self.machines[node];
        let Some(agent) = &mut machine.agent else { return };
        let mut out = Outbox::default();
        agent.step(now, input, &mut out);
        let wakeup_ms = agent.next_wakeup().map(|due| due.millis_since(now) + self.now_ms);
        machine.identity = out.identity.unwrap_or(machine.identity);
        if wakeup_ms != machine.tick_ms {
            machine.tick_ms = wakeup_ms;
            machine.ticks += 1;
            let (incarnation, number) = (machine.incarnation, machine.ticks);
            if let Some(at_ms) = wakeup_ms {
                self.plan_at(at_ms, Event::NodeTicks { node, incarnation, number });
            }
        }
        if let Some(connection) = self.machines[node].connection {
            for message in out.messages {
                self.plan(self.setup.plan.message_ms.into(), Event::ToCore { connection, message });
            }
        }
        out.actions.into_iter().for_each(|action| self.act(node, action));
    }

    fn act(&mut self, node: usize, action: Action) {
        match action {
            Action::Start { container, run, .. } => self.start(node, container, run),
            Action::Stop { container, grace_ms } => self.stop(node, container, grace_ms),
            Action::Remove { task } => {
                self.machines[node].containers.retain(|container, _| container.task != task);
                self.tell(node, RuntimeEvent::Removed { task });
            }
        }
    }

    fn start(&mut self, node: usize, container: ContainerRef, run: Run) {
        match self.machines[node].containers.get(&container).map(|one| one.state) {
            Some(State::Starting | State::Stopping) => {}
            Some(State::Running) => self.tell_started(node, container),
            Some(State::Exited(exit_code)) => self.tell_exited(node, container, exit_code),
            None => {
                let fresh = Container { run, state: State::Starting, serial: 0 };
                self.machines[node].containers.insert(container, fresh);
                let key = self.ledger.key(container.task);
                let delay_ms = self.setup.plan.start_ms.draw(&mut stream_of(self.setup.seed, Purpose::Starts, key));
                self.turns_after(delay_ms, node, container, Turn::Starts);
            }
        }
    }

    fn stop(&mut self, node: usize, container: ContainerRef, grace_ms: u64) {
        match self.machines[node].containers.get(&container).map(|one| one.state) {
            None => self.tell_exited(node, container, None),
            Some(State::Exited(exit_code)) => self.tell_exited(node, container, exit_code),
            Some(State::Stopping) => {}
            Some(State::Starting) => {
                self.becomes(node, container, State::Exited(None));
                self.tell_exited(node, container, None);
            }
            Some(State::Running) => {
                self.becomes(node, container, State::Stopping);
                let key = self.ledger.key(container.task);
                let delay_ms = self.setup.plan.stop_ms.draw(&mut stream_of(self.setup.seed, Purpose::Stops, key));
                self.turns_after(delay_ms.min(grace_ms), node, container, Turn::Stops);
            }
        }
    }

    pub fn container_turns(&mut self, node: usize, container: ContainerRef, serial: u64, turn: Turn) {
        if self.machines[node].containers.get(&container).is_none_or(|one| one.serial != serial) {
            return;
        }
        match turn {
            Turn::Starts => {
                self.becomes(node, container, State::Running);
                self.ledger.container_runs(container.task);
                self.tell_started(node, container);
                if let Some(lifetime_ms) = self.lifetime_ms(container) {
                    self.turns_after(lifetime_ms, node, container, Turn::Ends);
                }
                if let Some(fail) = &self.setup.plan.tasks_fail {
                    let key = self.ledger.key(container.task);
                    let after_s = fail.after_s.draw(&mut stream_of(self.setup.seed, Purpose::TaskFailures, key));
                    self.turns_after(after_s.saturating_mul(1000).max(1), node, container, Turn::Crashes);
                }
            }
            Turn::Ends => self.exits(node, container, 0),
            Turn::Stops => self.exits(node, container, TERMINATED),
            Turn::Crashes => {
                self.ledger.lost += 1;
                self.exits(node, container, CRASHED);
            }
        }
    }

    /// Services' tasks run until they are stopped.
    fn lifetime_ms(&self, container: ContainerRef) -> Option<u64> {
        let arrival = &self.setup.workload.arrivals[self.ledger.arrival(container.task)?];
        arrival.leaves_s.map(|leaves_s| (leaves_s - arrival.at_s) * 1000)
    }

    fn exits(&mut self, node: usize, container: ContainerRef, exit_code: i32) {
        self.becomes(node, container, State::Exited(Some(exit_code)));
        self.ledger.container_ended(container.task);
        self.tell_exited(node, container, Some(exit_code));
    }

    fn becomes(&mut self, node: usize, container: ContainerRef, state: State) {
        if let Some(one) = self.machines[node].containers.get_mut(&container) {
            one.state = state;
            one.serial += 1;
        }
    }

    fn turns_after(&mut self, delay_ms: u64, node: usize, container: ContainerRef, turn: Turn) {
        let serial = self.machines[node].containers.get(&container).map(|one| one.serial);
        if let Some(serial) = serial {
            self.plan_at(self.now_ms.saturating_add(delay_ms), Event::Container { node, container, serial, turn });
        }
    }

    fn tell_started(&mut self, node: usize, container: ContainerRef) {
        let Some(one) = self.machines[node].containers.get(&container) else { return };
        let started = RuntimeEvent::Started {
            container,
            run: one.run,
            runtime_id: format!("{node}/{}", container.task).into(),
            bindings: Vec::new(),
            image_digest: None,
        };
        self.tell(node, started);
    }

    fn tell_exited(&mut self, node: usize, container: ContainerRef, exit_code: Option<i32>) {
        let run = self.machines[node].containers.get(&container).map_or(0, |one| one.run);
        self.tell(node, RuntimeEvent::Exited { container, run, exit_code, reason: None });
    }

    /// At once, but after what is being stepped.
    fn tell(&mut self, node: usize, event: RuntimeEvent) {
        let incarnation = self.machines[node].incarnation;
        self.plan(0, Event::Runtime { node, incarnation, event });
    }
}
