//! Machines: an agent process around a `NodeCore`, its state file, and the containers, which outlive it.

use super::clock::Clock;
use super::runtime::Runtime;
use super::{Event, PROVIDERS, World};
use crate::coverage::{Mishap, Point};
use crate::invariants::Memory;
use crate::violation::Broken;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::node::{Action, Identity, Input, NodeConfig, NodeCore, Outbox, RuntimeEvent};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::{Attribute, CAPACITY_PROVIDER_ATTRIBUTE, InstanceId, Resources, Timestamp, VersionInfo};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const NODE_CPU_UNITS: u32 = 1024;
pub(crate) const NODE_MEMORY_MIB: u32 = 512;
pub(crate) const ZONE: &str = "ecs.availability-zone";
const HEALTH_CHECKS: &str = "ecs.capability.container-health-check";

#[derive(Debug)]
pub(crate) struct Node {
    index: usize,
    pub agent: Option<NodeCore>,
    /// Of the agent process.
    pub incarnation: u64,
    /// The state file.
    pub identity: Identity,
    pub connection: Option<ConnectionId>,
    /// How long the network keeps it from connecting again.
    pub cut_off_ms: u64,
    pub tick_at: Option<Timestamp>,
    /// Number of the tick that counts.
    pub ticks: u64,
    /// Of the machine.
    rate: u64,
    /// Of the agent process.
    clock: Clock,
    pub runtime: Runtime,
    /// Stopped by the machine until then.
    pub held_until: Timestamp,
    /// It went away and does not come back.
    pub is_dead: bool,
    /// What the checker knows of it.
    pub memory: Memory,
}

/// Shorter than a start may take: what has started in time must not be judged late because nobody could hear of it.
const PAUSE_MS_MAX: u64 = 12_000;

/// What an engine says of containers that were running when the machine went down.
const POWER_LOSS: i32 = 255;

/// Of each four machines three honour all that definitions require of them.
const NODES: usize = 4;
const HONOUR_ALL: usize = 3;

impl Node {
    pub fn new(index: usize, rate: u64, now: Timestamp) -> Self {
        Node {
            index,
            agent: None,
            incarnation: 0,
            identity: Identity::default(),
            connection: None,
            cut_off_ms: 0,
            tick_at: None,
            ticks: 0,
            rate,
            clock: Clock::exact(now, rate),
            runtime: Runtime::default(),
            held_until: now,
            is_dead: false,
            memory: Memory::default(),
        }
    }

    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        (self.held_until > now).then_some(self.held_until)
    }

    pub fn offers(&self, attribute: &str) -> bool {
        self.agent.is_some() && (self.index % NODES < HONOUR_ALL || attribute != HEALTH_CHECKS)
    }

    fn registration<'a>(&self, required: impl Iterator<Item = &'a Arc<str>>) -> RegisterContainerInstance {
        let zone: Arc<str> = ["a", "b", "c"][self.index % 3].into();
        let capability = |name: &Arc<str>| (Arc::clone(name), Attribute { value: None, custom: false });
        let mut attributes: BTreeMap<_, _> = required
            .filter(|name| self.index % NODES < HONOUR_ALL || ***name != *HEALTH_CHECKS)
            .map(capability)
            .collect();
        let attribute = |name: &str, value| (name.into(), Attribute { value: Some(value), custom: false });
        attributes.extend([attribute(ZONE, zone)]);
        // Every fourth node belongs to no provider.
        if self.index % 4 < 3 {
            attributes.extend([attribute(CAPACITY_PROVIDER_ATTRIBUTE, PROVIDERS[self.index % PROVIDERS.len()].into())]);
        }
        RegisterContainerInstance {
            instance: None,
            resources: resources(),
            attributes,
            version_info: VersionInfo::default(),
            ec2_instance_id: Some(format!("i-{:017x}", self.index).into()),
            tags: BTreeMap::new(),
        }
    }
}

pub(crate) fn resources() -> Resources {
    Resources { cpu_units: NODE_CPU_UNITS, memory_mib: NODE_MEMORY_MIB, ..Resources::default() }
}

impl World {
    pub(super) fn node_starts(&mut self, node: usize) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        this.incarnation += 1;
        this.memory.agent_started();
        this.clock = Clock::draw(self.now, this.rate, &self.swarm, &mut self.dice.clock, &mut self.coverage);
        let config = NodeConfig {
            registration: this.registration(self.definitions.required_attributes()),
            heartbeat_ms: self.swarm.heartbeat_ms,
            retention_ms: self.swarm.node_retention_ms,
            start_timeout_ms: 20_000,
            stop_timeout_ms: 5_000,
        };
        this.agent = Some(NodeCore::new(config, this.identity));
        let found = this.runtime.found(self.now, &mut self.coverage);
        let incarnation = this.incarnation;
        let delay = self.dice.faults.between(1, 1_000);
        self.schedule(delay, Event::NodeConnect { node, incarnation });
        // Listing containers takes a moment, and the stream may be up before it is done.
        self.node_input(node, Input::Runtime(RuntimeEvent::Adopted(found)))?;
        for (container, health) in self.nodes[node].runtime.healths() {
            self.tell(node, RuntimeEvent::Health { container, health });
        }
        Ok(())
    }

    pub(super) fn node_crashes(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        if this.agent.take().is_none() {
            return;
        }
        this.incarnation += 1;
        this.tick_at = None;
        this.held_until = self.now;
        for (_, state) in this.runtime.states() {
            self.coverage.count(Point::AgentDiedAt(state.stage()));
        }
        this.runtime.agent_died(&mut self.dice.runtime, &mut self.coverage);
        if let Some(connection) = self.nodes[node].connection.take() {
            self.node_drops_connection(connection);
        }
        let delay = self.dice.faults.between(10, 10_000);
        self.schedule(delay, Event::NodeStart(node));
    }

    /// SIGSTOP, and SIGCONT later.
    pub(super) fn node_pauses(&mut self, node: usize) {
        let pause = self.dice.faults.between(100, PAUSE_MS_MAX);
        let this = &mut self.nodes[node];
        if this.agent.is_some() && this.paused_until(self.now).is_none() {
            self.coverage.count(Mishap::NodePaused);
            this.held_until = self.now.plus_millis(pause);
        }
    }

    /// The machine goes down, and its containers with it, and comes up again.
    pub(super) fn node_reboots(&mut self, node: usize) {
        self.coverage.count(Mishap::NodeRebooted);
        self.node_crashes(node);
        let running: Vec<_> = self.nodes[node].runtime.alive().collect();
        for container in running {
            self.exit(node, container, POWER_LOSS);
        }
        self.nodes[node].runtime.machine_died();
    }

    /// The machine goes down for good.
    pub(super) fn node_dies(&mut self, node: usize) {
        self.coverage.count(Mishap::NodeDied);
        self.node_crashes(node);
        self.nodes[node].is_dead = true;
        self.nodes[node].runtime = Runtime::default();
    }

    pub(super) fn node_connects(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].connection.is_some() {
            return Ok(());
        }
        let connection = self.open_connection(node);
        self.nodes[node].connection = Some(connection);
        self.node_input(node, Input::Connected)
    }

    pub(super) fn node_loses_connection(&mut self, node: usize) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        this.connection = None;
        let incarnation = this.incarnation;
        let delay = self.reconnect_delay(node);
        self.schedule(delay, Event::NodeConnect { node, incarnation });
        self.node_input(node, Input::Disconnected)
    }

    pub(super) fn node_hears(&mut self, node: usize, message: ToNode) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        let news = this.memory.hears(&message, this.identity.epoch);
        if !news {
            self.coverage.count("late welcome");
            // What is due anyway is no answer to it.
            self.node_input(node, Input::Tick)?;
        }
        let (messages, actions) = self.step_node(node, Input::Control(message))?;
        self.i_17_late_messages_change_nothing(node, news, &actions)?;
        self.node_acts(node, messages, actions)
    }

    pub(super) fn node_ticks(&mut self, node: usize) -> Result<(), Broken> {
        self.nodes[node].tick_at = None;
        self.node_input(node, Input::Tick)
    }

    pub(super) fn node_observes(&mut self, node: usize, event: RuntimeEvent) -> Result<(), Broken> {
        self.nodes[node].memory.observes(&event);
        self.node_input(node, Input::Runtime(event))
    }

    fn node_input(&mut self, node: usize, input: Input) -> Result<(), Broken> {
        let (messages, actions) = self.step_node(node, input)?;
        self.node_acts(node, messages, actions)
    }

    fn step_node(&mut self, node: usize, input: Input) -> Result<(Vec<FromNode>, Vec<Action>), Broken> {
        let this = &mut self.nodes[node];
        let Some(agent) = &mut this.agent else { return Ok(Default::default()) };
        let mut out = Outbox::default();
        agent.step(this.clock.shows(self.now), input, &mut out);
        let wakeup = agent.next_wakeup().map(|local| this.clock.when(local).max(self.now));
        if let Some(identity) = out.identity {
            this.memory.i_30_epochs_only_rise(this.identity, identity)?;
            this.identity = identity;
        }
        if wakeup != this.tick_at {
            this.tick_at = wakeup;
            this.ticks += 1;
            let (incarnation, number) = (this.incarnation, this.ticks);
            if let Some(at) = wakeup {
                self.schedule_at(at, Event::NodeTick { node, incarnation, number });
            }
        }
        Ok((out.messages, out.actions))
    }

    fn node_acts(&mut self, node: usize, messages: Vec<FromNode>, actions: Vec<Action>) -> Result<(), Broken> {
        if let Some(connection) = self.nodes[node].connection {
            for message in messages {
                self.send_to_core(connection, message);
            }
        }
        for action in actions {
            self.run(node, action)?;
        }
        Ok(())
    }

    /// The machine a row speaks of, if it knows that it is meant.
    pub fn node_of_instance(&self, instance: InstanceId) -> Option<usize> {
        self.nodes.iter().position(|node| node.identity.instance == Some(instance))
    }
}
