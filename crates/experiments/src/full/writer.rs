//! The cluster's writer as the shell runs it: inputs stepped into one outbox, one commit at a time, effects after it.
//! What comes meanwhile is the next batch.

use super::world::{Event, World, at};
use super::{FullSetup, services};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::protocol::FromNode;
use plimsoll_core::{ClusterConfig, ClusterCore, Command, Effect, Input, Outbox, Output, Reply, RequestId};
use plimsoll_model::{ClusterKey, ClusterName, Epoch, Image, Namespace};
use std::collections::BTreeMap;

pub(super) struct Writer {
    core: ClusterCore,
    mailbox: Vec<Input>,
    in_flight: Option<Outbox>,
    batch_is_planned: bool,
    /// Number of the wakeup that counts.
    wakeups: u64,
    next_request: u64,
    /// The arrival a request is about.
    arrivals: BTreeMap<RequestId, usize>,
}

impl Writer {
    pub fn new(setup: &FullSetup) -> Self {
        let namespace = Namespace { account: "000000000000".into(), region: "experiment".into() };
        let cluster = ClusterKey { namespace, name: ClusterName::default_cluster() };
        let mut config = ClusterConfig::new(cluster, Epoch(1), setup.seed);
        config.disconnect_grace_ms = Some(u64::from(setup.plan.grace_s) * 1000);
        config.healthy_ms = u64::from(setup.plan.healthy_s) * 1000;
        // Nobody describes what is gone.
        config.retention_ms = 60_000;
        config.events_per_service_max = 10;
        let core = ClusterCore::load(config, Image::default(), at(0), &mut Outbox::default());
        Writer {
            core: core.expect("no rows contradict each other"),
            mailbox: Vec::new(),
            in_flight: None,
            batch_is_planned: false,
            wakeups: 0,
            next_request: 0,
            arrivals: BTreeMap::new(),
        }
    }
}

impl World<'_> {
    /// `arrival` is the task of the workload the command is for.
    pub fn submit(&mut self, command: Command, arrival: Option<usize>) {
        let request = RequestId(self.writer.next_request);
        self.writer.next_request += 1;
        self.writer.arrivals.extend(arrival.map(|nth| (request, nth)));
        self.receive(Input::Command { request, command });
    }

    pub fn core_hears(&mut self, connection: ConnectionId, message: FromNode) {
        self.receive(Input::Node { connection, message });
    }

    pub fn core_sees_break(&mut self, connection: ConnectionId) {
        self.receive(Input::NodeDisconnected { connection });
    }

    pub fn core_wakes(&mut self, number: u64) {
        if number == self.writer.wakeups && self.writer.in_flight.is_none() {
            self.batch();
        }
    }

    fn receive(&mut self, input: Input) {
        self.writer.mailbox.push(input);
        if self.writer.in_flight.is_none() && !self.writer.batch_is_planned {
            self.writer.batch_is_planned = true;
            self.plan(0, Event::Batch);
        }
    }

    pub fn batch(&mut self) {
        let now = self.now();
        let writer = &mut self.writer;
        writer.batch_is_planned = false;
        if writer.in_flight.is_some() {
            return;
        }
        let mut out = Outbox::default();
        for input in writer.mailbox.drain(..) {
            writer.core.step(now, input, &mut out);
        }
        writer.core.step(now, Input::Reconcile, &mut out);
        if out.changes.is_empty() && out.effects.is_empty() && out.replies.is_empty() {
            self.plan_wakeup();
            return;
        }
        writer.in_flight = Some(out);
        self.plan(self.setup.plan.commit_ms.into(), Event::CommitDone);
    }

    pub fn commit_done(&mut self) {
        let Some(out) = self.writer.in_flight.take() else { return };
        out.replies.into_iter().for_each(|reply| self.answered(reply));
        self.ledger.pass_until(self.now_ms);
        for change in &out.changes {
            self.ledger.note(change, self.now_ms);
        }
        for effect in out.effects {
            match effect {
                Effect::Send { connection, message } => {
                    if let Some(node) = self.connections.get(&connection).copied() {
                        let delay_ms = self.setup.plan.message_ms.into();
                        self.plan(delay_ms, Event::ToNode { node, connection, message });
                    }
                }
                Effect::Close { connection } => self.connection_closes(connection),
            }
        }
        let is_due = self.writer.core.next_wakeup().is_some_and(|due| due <= self.now());
        if self.writer.mailbox.is_empty() && !is_due {
            self.plan_wakeup();
        } else {
            self.batch();
        }
    }

    fn answered(&mut self, reply: Reply) {
        let arrival = self.writer.arrivals.remove(&reply.request);
        match (reply.result, arrival) {
            (Ok(Output::Tasks { tasks, failures }), Some(nth)) => {
                let requested_ms = services::requested_ms(&self.setup, nth);
                tasks.iter().for_each(|task| self.ledger.ran(task.id, nth, requested_ms));
                self.ledger.rejected += failures.len() as u64;
            }
            (Err(error), _) => self.ledger.refused(error.to_string()),
            _ => {}
        }
    }

    /// Never at this instant: the core was just asked and wanted nothing.
    fn plan_wakeup(&mut self) {
        self.writer.wakeups += 1;
        let number = self.writer.wakeups;
        if let Some(due) = self.writer.core.next_wakeup() {
            let at_ms = due.millis_since(at(0)).max(self.now_ms + 1);
            self.plan_at(at_ms, Event::CoreWakeup(number));
        }
    }
}
