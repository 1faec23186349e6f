//! Virtual time: a queue of what happens, in the order in which it was planned.

use super::FullSetup;
use super::ledger::Ledger;
use super::machine::{Machine, Turn};
use super::record::SAMPLES;
use super::services::{self, Service, definition};
use super::writer::Writer;
use plimsoll_core::Command;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::node::{ContainerRef, RuntimeEvent};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::{TaskDefinition, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Nodes join before the clock of the experiment starts.
pub(super) const WARM_UP_MS: u64 = 10_000;

#[derive(Debug)]
pub(super) enum Event {
    CreateService(usize),
    RollOut(usize),
    Arrive(usize),
    Batch,
    CommitDone,
    /// With its number: only the last one planned counts.
    CoreWakeup(u64),
    ToCore {
        connection: ConnectionId,
        message: FromNode,
    },
    CoreSeesBreak(ConnectionId),
    ToNode {
        node: usize,
        connection: ConnectionId,
        message: ToNode,
    },
    NodeStarts(usize),
    NodeConnects {
        node: usize,
        incarnation: u64,
    },
    NodeTicks {
        node: usize,
        incarnation: u64,
        number: u64,
    },
    NodeFails(usize),
    Runtime {
        node: usize,
        incarnation: u64,
        event: RuntimeEvent,
    },
    Container {
        node: usize,
        container: ContainerRef,
        serial: u64,
        turn: Turn,
    },
    Sample(u64),
}

pub(super) struct World<'a> {
    pub setup: FullSetup<'a>,
    pub services: Vec<Service>,
    /// Of the workload's shapes.
    definitions: Vec<Arc<TaskDefinition>>,
    /// Milliseconds since the first node joined.
    pub now_ms: u64,
    queue: BTreeMap<(u64, u64), Event>,
    planned: u64,
    pub writer: Writer,
    pub machines: Vec<Machine>,
    /// The machine at the other end.
    pub connections: BTreeMap<ConnectionId, usize>,
    pub ledger: Ledger,
}

/// Runs until the clock stops; what was seen.
pub(super) fn run(setup: FullSetup) -> Ledger {
    let services = services::services(&setup);
    let shapes = setup.workload.shapes.iter().enumerate();
    let definitions =
        shapes.map(|(nth, shape)| definition(&format!("task-{nth}"), 1, shape.task.cpu_milli, shape.task.memory_mib));
    let mut world = World {
        definitions: definitions.collect(),
        now_ms: 0,
        queue: BTreeMap::new(),
        planned: 0,
        writer: Writer::new(&setup),
        machines: (0..setup.nodes.len()).map(|node| Machine::new(&setup, node)).collect(),
        connections: BTreeMap::new(),
        ledger: Ledger::new(&services, WARM_UP_MS),
        services,
        setup,
    };
    world.plan_everything();
    let end_ms = WARM_UP_MS + setup.end_s * 1000;
    while let Some(((at_ms, _), event)) = world.queue.pop_first().filter(|((at_ms, _), _)| *at_ms <= end_ms) {
        world.now_ms = at_ms;
        world.happen(event);
    }
    world.now_ms = end_ms;
    world.ledger.pass_until(end_ms);
    world.ledger
}

impl World<'_> {
    fn plan_everything(&mut self) {
        for node in 0..self.machines.len() {
            self.plan_at(0, Event::NodeStarts(node));
            if let Some(after_ms) = self.machines[node].next_failure_ms(self.setup.plan) {
                self.plan_at(WARM_UP_MS + after_ms, Event::NodeFails(node));
            }
        }
        for nth in 0..self.services.len() {
            self.plan_at(WARM_UP_MS, Event::CreateService(nth));
            if let Some(at_s) = self.services[nth].rollout_at_s {
                self.plan_at(WARM_UP_MS + u64::from(at_s) * 1000, Event::RollOut(nth));
            }
        }
        for (nth, arrival) in self.setup.workload.arrivals.iter().enumerate() {
            self.plan_at(WARM_UP_MS + arrival.at_s * 1000, Event::Arrive(nth));
        }
        for position in 1..=SAMPLES {
            self.plan_at(WARM_UP_MS + self.setup.end_s * 1000 * position / SAMPLES, Event::Sample(position));
        }
    }

    pub fn plan_at(&mut self, at_ms: u64, event: Event) {
        self.queue.insert((at_ms.max(self.now_ms), self.planned), event);
        self.planned += 1;
    }

    pub fn plan(&mut self, delay_ms: u64, event: Event) {
        self.plan_at(self.now_ms + delay_ms, event);
    }

    pub fn now(&self) -> Timestamp {
        at(self.now_ms)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::CreateService(nth) => {
                let create = services::create(&self.services[nth], &self.setup);
                self.submit(Command::CreateService(Box::new(create)), None);
            }
            Event::RollOut(nth) => {
                self.ledger.rollout_begins(nth, self.now_ms);
                self.submit(Command::UpdateService(Box::new(services::roll_out(&self.services[nth]))), None);
            }
            Event::Arrive(nth) => {
                self.ledger.arrived += 1;
                let shape = self.setup.workload.arrivals[nth].shape as usize;
                let run_task = services::run_task(&self.definitions[shape], &self.setup);
                self.submit(Command::RunTask(Box::new(run_task)), Some(nth));
            }
            Event::Batch => self.batch(),
            Event::CommitDone => self.commit_done(),
            Event::CoreWakeup(number) => self.core_wakes(number),
            Event::ToCore { connection, message } => self.core_hears(connection, message),
            Event::CoreSeesBreak(connection) => self.core_sees_break(connection),
            Event::ToNode { node, connection, message } => self.node_hears(node, connection, message),
            Event::NodeStarts(node) => self.node_starts(node),
            Event::NodeConnects { node, incarnation } => self.node_connects(node, incarnation),
            Event::NodeTicks { node, incarnation, number } => self.node_ticks(node, incarnation, number),
            Event::NodeFails(node) => self.node_fails(node),
            Event::Runtime { node, incarnation, event } => self.node_observes(node, incarnation, event),
            Event::Container { node, container, serial, turn } => self.container_turns(node, container, serial, turn),
            Event::Sample(position) => self.ledger.sample(position, self.now_ms),
        }
    }
}

/// Any instant will do for the first one; a real one makes messages readable.
pub(super) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).plus_millis(ms)
}
