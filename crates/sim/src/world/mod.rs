//! Virtual time: a queue of events, and everything they happen to.

mod client;
mod control;
mod faults;
mod network;
mod node;
mod rest;
mod runtime;

use crate::coverage::Coverage;
use crate::definitions::Definitions;
use crate::dice::Dice;
use crate::invariants::Checker;
use crate::swarm::Swarm;
use crate::trace::Trace;
use crate::violation::{Broken, require};
use client::Client;
pub(crate) use client::ZONE_EXPRESSIONS;
use control::Control;
pub(crate) use faults::Fault;
use network::Network;
use node::Node;
pub(crate) use node::{ZONE, resources};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::Command;
use plimsoll_core::node::{ContainerRef, RuntimeEvent};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::Timestamp;
use runtime::Progress;
use std::collections::BTreeMap;

/// More than this at one instant is a loop.
const STEPS_OF_INSTANT_MAX: u64 = 200;

/// Something that happens at an instant.
#[derive(Debug)]
pub(crate) enum Event {
    /// A client sends its next command.
    Client,
    /// A client that never got an answer sends the same again.
    Resend(Box<Command>),
    CoreWakeup,
    /// Another process takes the cluster over.
    CoreStart,
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
}

#[derive(Debug)]
pub(crate) struct World {
    pub swarm: Swarm,
    pub now: Timestamp,
    pub steps: u64,
    steps_of_instant: u64,
    queue: BTreeMap<(Timestamp, u64), Event>,
    next_event: u64,
    pub dice: AllDice,
    pub definitions: Definitions,
    pub control: Control,
    pub nodes: Vec<Node>,
    network: Network,
    client: Client,
    pub checker: Checker,
    pub coverage: Coverage,
    pub trace: Trace,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let swarm = Swarm::of_seed(seed);
        let dice = AllDice {
            network: Dice::new(seed, 1),
            runtime: Dice::new(seed, 2),
            faults: Dice::new(seed, 3),
            client: Dice::new(seed, 4),
            store: Dice::new(seed, 5),
        };
        let mut world = World {
            // Any instant will do; a real one makes messages readable.
            now: Timestamp::from_millis(1_700_000_000_000),
            steps: 0,
            steps_of_instant: 0,
            queue: BTreeMap::new(),
            next_event: 0,
            dice,
            definitions: Definitions::new(),
            control: Control::new(seed),
            nodes: (0..swarm.nodes).map(Node::new).collect(),
            network: Network::default(),
            client: Client::default(),
            checker: Checker::default(),
            coverage: Coverage::default(),
            trace: Trace::new(),
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
        require(self.steps_of_instant < STEPS_OF_INSTANT_MAX, "I-13", || {
            format!("time stands still: {} comes again and again", describe(&event))
        })?;
        self.now = at;
        if self.is_outdated(&event) {
            return Ok(());
        }
        self.steps += 1;
        self.trace.push(at, describe(&event));
        match event {
            Event::Client => self.client_acts()?,
            Event::Resend(command) => self.submit(*command)?,
            Event::CoreWakeup => self.core_wakes()?,
            Event::CoreStart => self.core_starts()?,
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
            Event::CoreWakeup => !self.control.wakes_at(self.now),
            Event::CommitDone(id) => !self.control.awaits_commit(*id),
            Event::NodeConnect { node, incarnation } | Event::Runtime { node, incarnation, .. } => {
                self.nodes[*node].incarnation != *incarnation
            }
            Event::NodeTick { node, incarnation } => {
                self.nodes[*node].incarnation != *incarnation || self.nodes[*node].tick_at != Some(self.now)
            }
            Event::NodeStart(node) => self.nodes[*node].agent.is_some(),
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
            Event::CoreStart => false,
        }
    }
}

/// Short, because every step has one.
fn describe(event: &Event) -> String {
    match event {
        Event::Client => "client acts".to_owned(),
        Event::Resend(_) => "client sends again".to_owned(),
        Event::CoreWakeup => "core wakes".to_owned(),
        Event::CoreStart => "core starts".to_owned(),
        Event::CommitDone(id) => format!("commit {id} done"),
        Event::ToCore { connection, message } => format!("c{} -> core: {}", connection.0, from_node(message)),
        Event::CoreSeesBreak(connection) => format!("core sees c{} broken", connection.0),
        Event::ToNode { connection, message } => format!("core -> c{}: {}", connection.0, to_node(message)),
        Event::NodeSeesBreak(connection) => format!("node sees c{} broken", connection.0),
        Event::NodeConnect { node, .. } => format!("n{node} connects"),
        Event::NodeTick { node, .. } => format!("n{node} ticks"),
        Event::NodeStart(node) => format!("n{node} starts"),
        Event::Runtime { node, event, .. } => format!("n{node} runtime: {}", runtime_event(event)),
        Event::Container { node, container, progress, .. } => {
            format!("n{node} container {} {progress:?}", short(*container))
        }
        Event::Fault(fault) => format!("fault: {fault:?}"),
    }
}

pub(crate) fn short(container: ContainerRef) -> String {
    format!("{:08x}/{}", container.task.as_u128() >> 96, container.index)
}

fn short_task(task: plimsoll_model::TaskId) -> String {
    format!("{:08x}", task.as_u128() >> 96)
}

fn from_node(message: &FromNode) -> String {
    match message {
        FromNode::Hello(hello) => format!("hello with {} tasks", hello.inventory.len()),
        FromNode::Report(report) => {
            let tasks = report.tasks.iter().map(|one| format!("{} {}", short_task(one.task), one.status.as_str()));
            format!("report s{} #{} {}", report.session.0, report.sequence, tasks.collect::<Vec<_>>().join(", "))
        }
        FromNode::Heartbeat(heartbeat) => format!("heartbeat s{} #{}", heartbeat.session.0, heartbeat.received),
        FromNode::Resync { session } => format!("resync s{}", session.0),
    }
}

fn to_node(message: &ToNode) -> String {
    match message {
        ToNode::Welcome(welcome) => {
            let tasks = welcome.desired.iter().map(|one| {
                let stopping = if one.stopping { " stopping" } else { "" };
                format!("{} {}{stopping}", short_task(one.task), one.last_status.as_str())
            });
            let tasks = tasks.collect::<Vec<_>>().join(", ");
            format!("welcome s{} e{} #{} [{tasks}]", welcome.session.0, welcome.epoch.0, welcome.sequence)
        }
        ToNode::Refused { reason } => format!("refused: {reason}"),
        ToNode::Commands(commands) => {
            let start = commands.start.iter().map(|one| short_task(one.task)).collect::<Vec<_>>().join(" ");
            let stop = commands.stop.iter().map(|one| short_task(*one)).collect::<Vec<_>>().join(" ");
            format!("commands s{} #{} start [{start}] stop [{stop}]", commands.session.0, commands.sequence)
        }
        ToNode::Acknowledge { session, sequence } => format!("acknowledge s{} #{sequence}", session.0),
    }
}

fn runtime_event(event: &RuntimeEvent) -> String {
    match event {
        RuntimeEvent::Adopted(found) => format!("adopted {}", found.len()),
        RuntimeEvent::PullStarted(container) => format!("pull started {}", short(*container)),
        RuntimeEvent::PullStopped(container) => format!("pull stopped {}", short(*container)),
        RuntimeEvent::Started { container, .. } => format!("started {}", short(*container)),
        RuntimeEvent::Failed { container, .. } => format!("failed {}", short(*container)),
        RuntimeEvent::Exited { container, exit_code, .. } => format!("exited {} {exit_code:?}", short(*container)),
        RuntimeEvent::Health { container, health } => format!("{} {}", short(*container), health.as_str()),
        RuntimeEvent::Removed { task } => format!("removed {}", short_task(*task)),
    }
}
