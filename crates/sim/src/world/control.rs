//! The cluster's writer as the shell runs it: inputs stepped into one outbox, one commit at a time, effects after it.
//!
//! A commit can succeed, fail, or happen without the writer hearing of it. Every failure ends the same way: memory is
//! dropped, connections are closed, and the state is loaded again.

use super::{Event, World};
use crate::violation::{Broken, require};
use plimsoll_core::cluster::{ConnectionId, RequestId};
use plimsoll_core::command::Command;
use plimsoll_core::{ClusterConfig, ClusterCore, Effect, Input, Outbox};
use plimsoll_model::{ClusterKey, ClusterName, Epoch, Image, Namespace, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Control {
    pub core: Option<ClusterCore>,
    cluster: ClusterKey,
    seed: u64,
    pub epoch: u64,
    /// What the store holds: written by batches, read by loads.
    pub stored: Image,
    /// What readers see: brought up to date by changes.
    pub committed: Image,
    current: Outbox,
    /// Inputs were stepped since the last reconcile.
    unreconciled: bool,
    in_flight: Option<InFlight>,
    next_commit: u64,
    wakeup: Option<Timestamp>,
    next_request: u64,
    /// Requests nobody has answered.
    pub pending: BTreeMap<RequestId, Command>,
}

#[derive(Debug)]
struct InFlight {
    id: u64,
    outbox: Outbox,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Committed,
    Failed,
    /// Committed, but the writer is told otherwise.
    Unknown,
}

impl Control {
    pub fn new(seed: u64) -> Self {
        let namespace = Namespace { account: "000000000000".into(), region: "sim".into() };
        Control {
            core: None,
            cluster: ClusterKey { namespace, name: ClusterName::default_cluster() },
            seed,
            epoch: 0,
            stored: Image::default(),
            committed: Image::default(),
            current: Outbox::default(),
            unreconciled: false,
            in_flight: None,
            next_commit: 0,
            wakeup: None,
            next_request: 0,
            pending: BTreeMap::new(),
        }
    }

    pub fn wakes_at(&self, now: Timestamp) -> bool {
        self.core.is_some() && self.wakeup == Some(now)
    }

    pub fn awaits_commit(&self, id: u64) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| in_flight.id == id)
    }

    /// Nothing stepped is waiting for the store.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.current.changes.is_empty() && !self.unreconciled
    }
}

impl World {
    pub fn cluster_config(&self) -> ClusterConfig {
        let mut config = ClusterConfig::new(self.control.cluster.clone(), Epoch(self.control.epoch), self.control.seed);
        config.disconnect_grace_ms = self.swarm.disconnect_grace_ms;
        config.healthy_ms = self.swarm.healthy_ms;
        config.retention_ms = self.swarm.retention_ms;
        config.token_retention_ms = 4 * self.swarm.retention_ms;
        config.placements_per_step_max = self.swarm.placements_per_step_max;
        config.events_per_service_max = 20;
        config
    }

    /// Takes the cluster over: a higher epoch, and the rows as they are stored.
    pub(super) fn core_starts(&mut self) -> Result<(), Broken> {
        if self.control.core.is_some() {
            return Ok(());
        }
        self.control.epoch += 1;
        self.load()
    }

    /// The stored rows with the definitions they name, as a store returns them.
    pub fn stored_image(&self) -> Image {
        let mut image = self.control.stored.recounted();
        let tasks = image.tasks.values().map(|row| &row.definition);
        let services = image.services.values().filter_map(|row| row.definition.as_ref());
        let deployments = image.deployments.values().map(|row| &row.definition);
        let named: Vec<_> = tasks.chain(services).chain(deployments).collect();
        let found = named.into_iter().filter_map(|id| self.definitions.get(id)).map(Arc::clone).collect::<Vec<_>>();
        image.definitions = found.into_iter().map(|definition| (definition.id.clone(), definition)).collect();
        image
    }

    fn load(&mut self) -> Result<(), Broken> {
        let image = self.stored_image();
        self.control.committed = image.clone();
        self.checker.reloaded(&image);
        self.control.current = Outbox::default();
        self.control.in_flight = None;
        let config = self.cluster_config();
        let loaded = ClusterCore::load(config, image, self.now, &mut self.control.current);
        match loaded {
            Ok(core) => self.control.core = Some(core),
            Err(error) => return Err(Broken { invariant: "load", detail: error.to_string() }),
        }
        self.check_core(0)?;
        self.control.unreconciled = true;
        self.pump()
    }

    /// The process ends. What was on its way to the store may still arrive.
    pub(super) fn core_crashes(&mut self) -> Result<(), Broken> {
        if self.control.core.take().is_none() {
            return Ok(());
        }
        match self.control.in_flight.take() {
            Some(in_flight) if in_flight.outcome != Outcome::Failed && self.dice.store.coin() => {
                self.coverage.count("fault core crash after commit");
                self.write(&in_flight.outbox)?;
            }
            Some(_) => self.coverage.count("fault core crash before commit"),
            None => self.coverage.count("fault core crash while idle"),
        }
        self.drop_memory();
        let delay = self.dice.faults.between(10, 3_000);
        self.schedule(delay, Event::CoreStart);
        Ok(())
    }

    fn drop_memory(&mut self) {
        self.control.current = Outbox::default();
        self.control.in_flight = None;
        self.control.unreconciled = false;
        self.control.wakeup = None;
        let unanswered = std::mem::take(&mut self.control.pending);
        self.requests_failed(unanswered.into_values().collect());
        self.core_drops_connections();
    }

    pub(super) fn submit(&mut self, command: Command) -> Result<(), Broken> {
        if self.control.core.is_none() {
            self.requests_failed(vec![command]);
            return Ok(());
        }
        let request = RequestId(self.control.next_request);
        self.control.next_request += 1;
        self.control.pending.insert(request, command.clone());
        self.core_input(Input::Command { request, command })
    }

    pub(super) fn core_input(&mut self, input: Input) -> Result<(), Broken> {
        self.step_core(input)?;
        self.control.unreconciled = true;
        self.pump()
    }

    fn step_core(&mut self, input: Input) -> Result<(), Broken> {
        let before = self.control.current.changes.len();
        let Some(core) = &mut self.control.core else { return Ok(()) };
        core.step(self.now, input, &mut self.control.current);
        self.check_core(before)
    }

    fn check_core(&mut self, changes_before: usize) -> Result<(), Broken> {
        let Some(core) = &self.control.core else { return Ok(()) };
        let changes = &self.control.current.changes[changes_before..];
        self.trace.mix(changes.len() as u64);
        self.checker.core_stepped(
            core,
            changes,
            &self.definitions,
            (self.now, self.swarm.healthy_ms),
            &mut self.coverage,
        )
    }

    pub(super) fn core_wakes(&mut self) -> Result<(), Broken> {
        self.control.wakeup = None;
        self.control.unreconciled = true;
        self.pump()
    }

    /// While the store is busy inputs pile up in one outbox; when it is free they are reconciled and committed.
    fn pump(&mut self) -> Result<(), Broken> {
        if self.control.in_flight.is_none() && self.control.unreconciled {
            self.step_core(Input::Reconcile)?;
            self.control.unreconciled = false;
            let outbox = std::mem::take(&mut self.control.current);
            if outbox.changes.is_empty() {
                self.act(outbox)?;
            } else {
                self.start_commit(outbox);
            }
        }
        self.plan_wakeup();
        Ok(())
    }

    fn plan_wakeup(&mut self) {
        if self.control.in_flight.is_some() {
            // The end of the commit looks at it again.
            return;
        }
        let wakeup = self.control.core.as_ref().and_then(ClusterCore::next_wakeup).map(|at| at.max(self.now));
        if wakeup != self.control.wakeup {
            self.control.wakeup = wakeup;
            if let Some(at) = wakeup {
                self.schedule_at(at, Event::CoreWakeup);
            }
        }
    }

    fn start_commit(&mut self, outbox: Outbox) {
        let outcome = if self.dice.store.permille(self.swarm.commit_failure) {
            Outcome::Failed
        } else if self.dice.store.permille(self.swarm.commit_unknown) {
            Outcome::Unknown
        } else {
            Outcome::Committed
        };
        let id = self.control.next_commit;
        self.control.next_commit += 1;
        self.control.in_flight = Some(InFlight { id, outbox, outcome });
        let delay = self.dice.store.between(1, self.swarm.commit_ms_max);
        self.schedule(delay, Event::CommitDone(id));
    }

    pub(super) fn commit_is_done(&mut self) -> Result<(), Broken> {
        let Some(InFlight { outbox, outcome, .. }) = self.control.in_flight.take() else { return Ok(()) };
        match outcome {
            Outcome::Committed => {
                self.write(&outbox)?;
                self.control.committed.apply_all(&outbox.changes);
                self.act(outbox)?;
                return self.pump();
            }
            Outcome::Failed => self.coverage.count("fault commit failed"),
            Outcome::Unknown => {
                self.coverage.count("fault commit unknown");
                self.write(&outbox)?;
            }
        }
        self.control.core = None;
        self.drop_memory();
        self.load()
    }

    /// One batch, all or nothing.
    fn write(&mut self, outbox: &Outbox) -> Result<(), Broken> {
        let batch = outbox.batch();
        self.checker.committing(&self.control.stored, &batch)?;
        self.control.stored.apply_batch(&batch);
        self.check_stopped(&batch)
    }

    /// Only what is committed is said and done.
    fn act(&mut self, outbox: Outbox) -> Result<(), Broken> {
        for reply in outbox.replies {
            let command = self.control.pending.remove(&reply.request);
            require(command.is_some(), "I-28", || format!("{:?} was answered twice", reply.request))?;
            if let Some(command) = command {
                self.request_answered(&command, &reply.result)?;
            }
        }
        for effect in outbox.effects {
            match effect {
                Effect::Send { connection, message } => self.send_to_node(connection, message),
                Effect::Close { connection } => self.core_closes(connection),
            }
        }
        Ok(())
    }

    pub(super) fn core_sees_break(&mut self, connection: ConnectionId) -> Result<(), Broken> {
        self.close_at_core(connection);
        self.core_input(Input::NodeDisconnected { connection })
    }
}
