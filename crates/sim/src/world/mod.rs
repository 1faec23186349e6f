//! Virtual time: a queue of events, and everything they happen to.

mod client;
mod clock;
mod control;
mod describe;
mod faults;
mod lease;
mod network;
mod node;
mod rest;
mod runtime;
mod task_sets;
mod wish;

use crate::coverage::Coverage;
use crate::definitions::Definitions;
use crate::dice::Dice;
use crate::invariants::Checker;
use crate::swarm::Swarm;
use crate::trace::{Trace, Tracing};
use crate::violation::{Broken, require};
use client::Client;
use client::PROVIDERS;
pub(crate) use client::ZONE_EXPRESSIONS;
use clock::Clock;
use control::Control;
pub(crate) use describe::short;
use describe::{describe, digest};
pub(crate) use faults::Fault;
use lease::Former;
use network::Network;
use node::Node;
pub(crate) use node::{ZONE, resources};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::Command;
use plimsoll_core::node::{ContainerRef, RuntimeEvent};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::{SessionId, Timestamp};
use runtime::Progress;
use std::collections::BTreeMap;

/// More than this at one instant is a loop; each node may have its share of what a pause held up.
const STEPS_OF_INSTANT_MAX: u64 = 400;
const STEPS_OF_INSTANT_PER_NODE: u64 = 100;

/// Something that happens at an instant.
#[derive(Debug)]
pub(crate) enum Event {
    /// A client sends its next command.
    Client,
    /// A client that never got an answer sends the same again.
    Resend(Box<Command>),
    /// With its number: only the last one planned counts.
    CoreWakeup(u64),
    /// Another process takes the cluster over.
    CoreStart,
    /// The lease of the process with this epoch has run out.
    TakeOver(u64),
    /// The process that led in this epoch goes on after a pause.
    CoreResume(u64),
    CommitDone(u64),
    ToCore {
        connection: ConnectionId,
        message: FromNode,
    },
    CoreSeesBreak(ConnectionId),
    ToNode {
        connection: ConnectionId,
        message: ToNode,
    },
    NodeSeesBreak(ConnectionId),
    NodeConnect {
        node: usize,
        incarnation: u64,
    },
    NodeTick {
        node: usize,
        incarnation: u64,
        number: u64,
    },
    NodeStart(usize),
    Runtime {
        node: usize,
        incarnation: u64,
        event: RuntimeEvent,
    },
    Container {
        node: usize,
        container: ContainerRef,
        serial: u64,
        progress: Progress,
    },
    Fault(Fault),
}

/// One stream of chance per part of the world.
#[derive(Debug)]
pub(crate) struct AllDice {
    pub network: Dice,
    pub runtime: Dice,
    pub faults: Dice,
    pub client: Dice,
    pub store: Dice,
    pub clock: Dice,
}

#[derive(Debug)]
pub(crate) struct World {
    pub swarm: Swarm,
    /// True time; machines have clocks of their own.
    pub now: Timestamp,
    pub steps: u64,
    steps_of_instant: u64,
    queue: BTreeMap<(Timestamp, u64), Event>,
    next_event: u64,
    pub dice: AllDice,
    pub definitions: Definitions,
    pub control: Control,
    /// Processes that led until their machine stopped them.
    formers: Vec<Former>,
    /// Of the machine with the store.
    store_rate: u64,
    pub nodes: Vec<Node>,
    network: Network,
    /// The highest report of each session that reached the leader.
    heard: BTreeMap<SessionId, u64>,
    client: Client,
    pub checker: Checker,
    pub coverage: Coverage,
    pub trace: Trace,
}

impl World {
    pub fn new(seed: u64, tracing: Tracing) -> Self {
        let swarm = Swarm::of_seed(seed);
        let mut dice = AllDice {
            network: Dice::new(seed, 1),
            runtime: Dice::new(seed, 2),
            faults: Dice::new(seed, 3),
            client: Dice::new(seed, 4),
            store: Dice::new(seed, 5),
            clock: Dice::new(seed, 6),
        };
        let mut coverage = Coverage::default();
        // Any instant will do; a real one makes messages readable.
        let now = Timestamp::from_millis(1_700_000_000_000);
        let mut rate = || Clock::draw_rate(&swarm, &mut dice.clock, &mut coverage);
        let store_rate = rate();
        let rates: Vec<u64> = (0..swarm.nodes).map(|_| rate()).collect();
        let clock = Clock::draw(now, rate(), &swarm, &mut dice.clock, &mut coverage);
        let nodes = rates.into_iter().enumerate().map(|(index, rate)| Node::new(index, rate, now)).collect();
        let mut world = World {
            now,
            steps: 0,
            steps_of_instant: 0,
            queue: BTreeMap::new(),
            next_event: 0,
            dice,
            definitions: Definitions::new(),
            control: Control::new(seed, clock, now),
            formers: Vec::new(),
            store_rate,
            nodes,
            network: Network::default(),
            heard: BTreeMap::new(),
            client: Client::default(),
            checker: Checker::default(),
            coverage,
            trace: Trace::new(tracing),
            swarm,
        };
        world.schedule(0, Event::CoreStart);
        for node in 0..world.nodes.len() {
            let delay = world.dice.faults.between(0, 500);
            world.schedule(delay, Event::NodeStart(node));
        }
        world.schedule(1, Event::Client);
        world.schedule_faults();
        world
    }

    pub fn schedule(&mut self, delay_ms: u64, event: Event) {
        self.schedule_at(self.now.plus_millis(delay_ms), event);
    }

    pub fn schedule_at(&mut self, at: Timestamp, event: Event) {
        self.queue.insert((at.max(self.now), self.next_event), event);
        self.next_event += 1;
    }

    pub fn next_at(&self) -> Option<Timestamp> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Makes the next thing happen. Every step ends with the invariants checked.
    pub fn step(&mut self) -> Result<(), Broken> {
        let Some(((at, _), event)) = self.queue.pop_first() else { return Ok(()) };
        self.steps_of_instant = if at == self.now { self.steps_of_instant + 1 } else { 0 };
        let steps_max = STEPS_OF_INSTANT_MAX + STEPS_OF_INSTANT_PER_NODE * self.nodes.len() as u64;
        require(self.steps_of_instant < steps_max, "I-13", || {
            format!("time stands still: {} comes again and again", describe(&event))
        })?;
        self.now = at;
        if self.is_outdated(&event) {
            return Ok(());
        }
        if let Some(until) = self.is_held_up(&event) {
            self.schedule_at(until, event);
            return Ok(());
        }
        self.steps += 1;
        self.trace.mix(at.as_millis().unsigned_abs());
        self.trace.mix(digest(&event));
        self.trace.line(at, || describe(&event));
        match event {
            Event::Client => self.client_acts()?,
            Event::Resend(command) => self.submit(*command)?,
            Event::CoreWakeup(_) => self.core_wakes()?,
            Event::CoreStart => self.core_starts()?,
            Event::TakeOver(_) => self.core_is_taken_over()?,
            Event::CoreResume(epoch) => self.core_resumes(epoch)?,
            Event::CommitDone(_) => self.commit_is_done()?,
            Event::ToCore { connection, message } => self.deliver_to_core(connection, message)?,
            Event::CoreSeesBreak(connection) => self.core_sees_break(connection)?,
            Event::ToNode { connection, message } => self.deliver_to_node(connection, message)?,
            Event::NodeSeesBreak(connection) => self.node_sees_break(connection)?,
            Event::NodeConnect { node, .. } => self.node_connects(node)?,
            Event::NodeTick { node, .. } => self.node_ticks(node)?,
            Event::NodeStart(node) => self.node_starts(node)?,
            Event::Runtime { node, event, .. } => self.node_observes(node, event)?,
            Event::Container { node, container, progress, .. } => {
                self.container_progresses(node, container, progress)?
            }
            Event::Fault(fault) => self.fault(fault)?,
        }
        self.check_world()
    }

    /// Timers of processes that are gone, and steps of containers that went another way.
    fn is_outdated(&self, event: &Event) -> bool {
        match event {
            Event::CoreWakeup(number) => !self.control.wakes_at(*number),
            Event::CommitDone(id) => !self.control.awaits_commit(*id),
            Event::NodeConnect { node, incarnation } | Event::Runtime { node, incarnation, .. } => {
                self.nodes[*node].incarnation != *incarnation
            }
            Event::NodeTick { node, incarnation, number } => {
                let node = &self.nodes[*node];
                node.incarnation != *incarnation || node.tick_at.is_none() || node.ticks != *number
            }
            Event::NodeStart(node) => self.nodes[*node].agent.is_some() || self.nodes[*node].is_dead,
            Event::Container { node, container, serial, .. } => {
                self.nodes[*node].runtime.serial(*container) != Some(*serial)
            }
            Event::ToCore { connection, .. } | Event::CoreSeesBreak(connection) => {
                !self.network.is_open_at_core(*connection)
            }
            Event::ToNode { connection, .. } | Event::NodeSeesBreak(connection) => {
                !self.network.is_open_at_node(*connection)
            }
            Event::Fault(fault) => !fault.is_on(&self.swarm),
            Event::Client | Event::Resend(_) => !self.client.is_active,
            Event::TakeOver(epoch) => self.control.epoch != *epoch || self.control.paused_until.is_none(),
            Event::CoreResume(epoch) => {
                let waits = self.control.epoch == *epoch && self.control.paused_until == Some(self.now);
                !waits && !self.formers.iter().any(|former| former.epoch() == *epoch)
            }
            Event::CoreStart => false,
        }
    }

    /// Until when what happens to a process that its machine has stopped has to wait.
    fn is_held_up(&self, event: &Event) -> Option<Timestamp> {
        match event {
            Event::CoreWakeup(_) | Event::CommitDone(_) => self.control.paused_until,
            Event::ToCore { connection, .. } | Event::CoreSeesBreak(connection) => {
                self.control.paused_until.filter(|_| self.network.belongs_to(*connection, self.control.epoch))
            }
            Event::NodeConnect { node, .. } | Event::NodeTick { node, .. } | Event::Runtime { node, .. } => {
                self.nodes[*node].paused_until(self.now)
            }
            Event::ToNode { connection, .. } | Event::NodeSeesBreak(connection) => {
                let node = self.network.node_of(*connection)?;
                self.nodes[node].paused_until(self.now)
            }
            Event::Client
            | Event::Resend(_)
            | Event::CoreStart
            | Event::TakeOver(_)
            | Event::CoreResume(_)
            | Event::NodeStart(_)
            | Event::Container { .. }
            | Event::Fault(_) => None,
        }
    }
}
