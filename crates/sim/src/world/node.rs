//! Machines: an agent process around a `NodeCore`, its state file, and the containers, which outlive it.

use super::runtime::Runtime;
use super::{Event, World};
use crate::violation::Broken;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::node::{Identity, Input, NodeConfig, NodeCore, Outbox, RuntimeEvent};
use plimsoll_core::protocol::ToNode;
use plimsoll_model::{Attribute, Resources, TaskId, Timestamp, VersionInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const NODE_CPU_UNITS: u32 = 1024;
pub(crate) const NODE_MEMORY_MIB: u32 = 512;
pub(crate) const ZONE: &str = "ecs.availability-zone";

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
    pub runtime: Runtime,
    /// Tasks this agent process asked the runtime to stop.
    pub stopped_here: BTreeSet<TaskId>,
}

impl Node {
    pub fn new(index: usize) -> Self {
        Node {
            index,
            agent: None,
            incarnation: 0,
            identity: Identity::default(),
            connection: None,
            cut_off_ms: 0,
            tick_at: None,
            runtime: Runtime::default(),
            stopped_here: BTreeSet::new(),
        }
    }

    fn registration(&self) -> RegisterContainerInstance {
        let zone: Arc<str> = ["a", "b", "c"][self.index % 3].into();
        RegisterContainerInstance {
            instance: None,
            resources: resources(),
            attributes: BTreeMap::from([(ZONE.into(), Attribute { value: Some(zone), custom: false })]),
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
        this.stopped_here.clear();
        let config = NodeConfig {
            registration: this.registration(),
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
        this.runtime.agent_died(&mut self.dice.runtime);
        if let Some(connection) = self.nodes[node].connection.take() {
            self.node_drops_connection(connection);
        }
        let delay = self.dice.faults.between(10, 10_000);
        self.schedule(delay, Event::NodeStart(node));
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
        self.node_input(node, Input::Control(message))
    }

    pub(super) fn node_ticks(&mut self, node: usize) -> Result<(), Broken> {
        self.nodes[node].tick_at = None;
        self.node_input(node, Input::Tick)
    }

    pub(super) fn node_observes(&mut self, node: usize, event: RuntimeEvent) -> Result<(), Broken> {
        self.node_input(node, Input::Runtime(event))
    }

    fn node_input(&mut self, node: usize, input: Input) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        let Some(agent) = &mut this.agent else { return Ok(()) };
        let mut out = Outbox::default();
        agent.step(self.now, input, &mut out);
        let wakeup = agent.next_wakeup().map(|at| at.max(self.now));
        if let Some(identity) = out.identity {
            this.identity = identity;
        }
        if wakeup != this.tick_at {
            this.tick_at = wakeup;
            let incarnation = this.incarnation;
            if let Some(at) = wakeup {
                self.schedule_at(at, Event::NodeTick { node, incarnation });
            }
        }
        if let Some(connection) = self.nodes[node].connection {
            for message in out.messages {
                self.send_to_core(connection, message);
            }
        }
        for action in out.actions {
            self.run(node, action)?;
        }
        Ok(())
    }
}
