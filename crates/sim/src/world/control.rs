//! The cluster's writer as the shell runs it: inputs stepped into one outbox, one commit at a time, effects after it.
//!
//! A commit can succeed, fail, or happen without the writer hearing of it. Every failure ends the same way: memory is
//! dropped, connections are closed, and the state is loaded again.

use super::clock::Clock;
use super::{Event, World};
use crate::coverage::Mishap;
use crate::invariants::provisioning;
use crate::violation::{Broken, require};
use plimsoll_core::cluster::{ConnectionId, RequestId};
use plimsoll_core::command::Command;
use plimsoll_core::mutant;
use plimsoll_core::{ClusterConfig, ClusterCore, Effect, Input, Outbox};
use plimsoll_model::{ClusterKey, ClusterName, Epoch, Image, Namespace, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A commit that hangs does so for up to this long.
const STALL_MS_MAX: u64 = 5_000;

/// The process that leads, and the store beneath it.
#[derive(Debug)]
pub(crate) struct Control {
    pub core: Option<ClusterCore>,
    cluster: ClusterKey,
    seed: u64,
    /// Of the leading process; also what the lease row says, because it raised it when it took over.
    pub epoch: u64,
    pub clock: Clock,
    /// What the store holds: written by batches, read by loads.
    pub stored: Image,
    /// What readers see: brought up to date by changes.
    pub committed: Image,
    pub(super) current: Outbox,
    /// Inputs were stepped since the last reconcile.
    pub(super) unreconciled: bool,
    pub(super) in_flight: Option<InFlight>,
    next_commit: u64,
    wakeup: Option<Timestamp>,
    /// Number of the wakeup that counts; earlier ones are void.
    wakeups: u64,
    next_request: u64,
    /// Requests nobody has answered.
    pub pending: BTreeMap<RequestId, Command>,
    /// Stopped by its machine until then (F-2).
    pub(super) paused_until: Option<Timestamp>,
    /// When nobody began to lead.
    pub(super) leaderless_since: Timestamp,
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub id: u64,
    pub outbox: Outbox,
    pub outcome: Outcome,
    /// The store has done it already.
    pub applied: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Committed,
    Failed,
    /// Committed, but the writer is told otherwise.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    Applied,
    /// The lease row says another epoch.
    Fenced,
}

impl Control {
    pub fn new(seed: u64, clock: Clock, now: Timestamp) -> Self {
        let namespace = Namespace { account: "000000000000".into(), region: "sim".into() };
        Control {
            core: None,
            cluster: ClusterKey { namespace, name: ClusterName::default_cluster() },
            seed,
            epoch: 0,
            clock,
            stored: Image::default(),
            committed: Image::default(),
            current: Outbox::default(),
            unreconciled: false,
            in_flight: None,
            next_commit: 0,
            wakeup: None,
            wakeups: 0,
            next_request: 0,
            pending: BTreeMap::new(),
            paused_until: None,
            leaderless_since: now,
        }
    }

    pub fn wakes_at(&self, number: u64) -> bool {
        self.core.is_some() && self.wakeup.is_some() && self.wakeups == number
    }

    pub fn awaits_commit(&self, id: u64) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| in_flight.id == id)
    }

    /// Nothing stepped is waiting for the store.
    pub fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.current.changes.is_empty() && !self.unreconciled
    }

    pub fn answers(&self) -> bool {
        self.core.is_some() && self.paused_until.is_none()
    }
}

impl World {
    pub fn cluster_config(&self) -> ClusterConfig {
        let mut config = ClusterConfig::new(self.control.cluster.clone(), Epoch(self.control.epoch), self.control.seed);
        config.disconnect_grace_ms = self.swarm.disconnect_grace_ms;
        config.healthy_ms = self.swarm.healthy_ms;
        config.retention_ms = self.swarm.retention_ms;
        config.token_retention_ms = self.swarm.token_retention_ms;
        config.provisioning_timeout_ms = self.swarm.provisioning_timeout_ms;
        config.provisioning_tasks_max = self.swarm.provisioning_tasks_max;
        config.placements_per_step_max = self.swarm.placements_per_step_max;
        config.events_per_service_max = 20;
        config
    }

    /// A process starts and takes the cluster over: its own clock, a higher epoch, and the rows as they are stored.
    pub(super) fn core_starts(&mut self) -> Result<(), Broken> {
        if self.control.core.is_some() {
            return Ok(());
        }
        let rate = Clock::draw_rate(&self.swarm, &mut self.dice.clock, &mut self.coverage);
        self.control.clock = Clock::draw(self.now, rate, &self.swarm, &mut self.dice.clock, &mut self.coverage);
        self.check_leader_in_time()?;
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

    /// Every load takes the lease again, hence a new epoch.
    fn load(&mut self) -> Result<(), Broken> {
        self.control.epoch += 1;
        self.checker.taken_over(self.control.epoch);
        let image = self.stored_image();
        self.control.committed = image.clone();
        self.control.current = Outbox::default();
        self.control.in_flight = None;
        let config = self.cluster_config();
        let now = self.control.clock.shows(self.now);
        self.checker.reloaded(&image)?;
        let loaded = ClusterCore::load(config, image, now, &mut self.control.current);
        match loaded {
            Ok(core) => {
                self.checker.loaded_at(core.now());
                self.control.core = Some(core);
            }
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
        if self.control.paused_until.take().is_none() {
            self.control.leaderless_since = self.now;
        }
        match self.control.in_flight.take() {
            Some(in_flight) if in_flight.outcome != Outcome::Failed && self.dice.store.coin() => {
                self.coverage.count(Mishap::CoreCrashAfterCommit);
                if !in_flight.applied {
                    self.write(&in_flight.outbox, self.control.epoch)?;
                }
            }
            Some(_) => self.coverage.count(Mishap::CoreCrashBeforeCommit),
            None => self.coverage.count(Mishap::CoreCrashIdle),
        }
        self.drop_memory();
        let delay = self.dice.faults.between(10, 3_000);
        self.schedule(delay, Event::CoreStart);
        Ok(())
    }

    pub(super) fn drop_memory(&mut self) {
        self.control.current = Outbox::default();
        self.control.in_flight = None;
        self.control.unreconciled = false;
        self.control.wakeup = None;
        let unanswered = std::mem::take(&mut self.control.pending);
        self.requests_failed(unanswered.into_values().collect());
        self.core_drops_connections();
    }

    pub(super) fn submit(&mut self, command: Command) -> Result<(), Broken> {
        if !self.control.answers() {
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

    pub(super) fn step_core(&mut self, input: Input) -> Result<(), Broken> {
        let before = self.control.current.changes.len();
        let now = self.control.clock.shows(self.now);
        let Some(core) = &mut self.control.core else { return Ok(()) };
        core.step(now, input, &mut self.control.current);
        self.check_core(before)
    }

    fn check_core(&mut self, changes_before: usize) -> Result<(), Broken> {
        let Some(core) = &self.control.core else { return Ok(()) };
        let changes = &self.control.current.changes[changes_before..];
        self.trace.mix(changes.len() as u64);
        let rules = crate::invariants::Rules::of(&self.swarm);
        self.checker.core_stepped(core, changes, &self.definitions, rules, (&mut self.coverage, &mut self.trace))
    }

    pub(super) fn core_wakes(&mut self) -> Result<(), Broken> {
        self.control.wakeup = None;
        self.control.unreconciled = true;
        self.pump()
    }

    /// While the store is busy inputs pile up in one outbox; when it is free they are reconciled and committed.
    pub(super) fn pump(&mut self) -> Result<(), Broken> {
        if self.control.in_flight.is_none() && self.control.unreconciled {
            self.step_core(Input::Reconcile)?;
            provisioning::run_12_nothing_waits_in_vain(self)?;
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
        let due = self.control.core.as_ref().and_then(ClusterCore::next_wakeup);
        let wakeup = due.map(|local| self.control.clock.when(local).max(self.now));
        if wakeup != self.control.wakeup {
            self.control.wakeup = wakeup;
            self.control.wakeups += 1;
            if let Some(at) = wakeup {
                self.schedule_at(at, Event::CoreWakeup(self.control.wakeups));
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
        self.control.in_flight = Some(InFlight { id, outbox, outcome, applied: false });
        let mut delay = self.dice.store.between(1, self.swarm.commit_ms_max);
        if self.dice.store.permille(self.swarm.commit_stall) {
            self.coverage.count(Mishap::CommitStalled);
            delay += self.dice.store.between(0, STALL_MS_MAX);
        }
        self.schedule(delay, Event::CommitDone(id));
    }

    pub(super) fn commit_is_done(&mut self) -> Result<(), Broken> {
        let Some(InFlight { outbox, outcome, applied, .. }) = self.control.in_flight.take() else { return Ok(()) };
        if outcome != Outcome::Failed && !applied {
            self.write(&outbox, self.control.epoch)?;
        }
        match outcome {
            Outcome::Committed => {
                self.control.committed.apply_all(&outbox.changes);
                self.act(outbox)?;
                return self.pump();
            }
            Outcome::Failed => self.coverage.count(Mishap::CommitFailed),
            Outcome::Unknown => self.coverage.count(Mishap::CommitUnknown),
        }
        self.control.core = None;
        self.drop_memory();
        self.load()
    }

    /// One batch, all or nothing, and only of the epoch that the lease row has.
    pub(super) fn write(&mut self, outbox: &Outbox, epoch: u64) -> Result<Written, Broken> {
        if mutant!(FenceIsForgotten => false, epoch != self.control.epoch) {
            return Ok(Written::Fenced);
        }
        let batch = outbox.batch();
        self.checker.committing(&self.control.stored, &batch, epoch)?;
        self.control.stored.apply_batch(&batch);
        self.check_stopped(&batch)?;
        Ok(Written::Applied)
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
        self.perform(outbox.effects);
        Ok(())
    }

    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { connection, message } => self.send_to_node(connection, message),
                Effect::Close { connection } => self.core_closes(connection),
            }
        }
    }

    pub(super) fn core_sees_break(&mut self, connection: ConnectionId) -> Result<(), Broken> {
        self.close_at_core(connection);
        if !self.network.belongs_to(connection, self.control.epoch) {
            return Ok(());
        }
        self.core_input(Input::NodeDisconnected { connection })
    }
}
