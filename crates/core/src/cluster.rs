//! `ClusterCore`: desired state, reconciliation and observation of one cluster.
//!
//! Knows rows, placement and time as it is told; knows nothing of stores, streams, the wire or ECS error codes.

mod changes;
mod command;
mod daemons;
mod definitions;
mod derived;
mod events;
mod expiry;
mod expressions;
mod flapping;
mod history;
mod load;
mod loss;
mod node;
mod observation;
mod placing;
mod policy;
mod providers;
mod provisioning;
mod random;
mod reconcile;
mod recorded;
mod rollback;
mod sessions;
mod start_failures;
mod stopping;
mod task_sets;
mod timers;

pub use derived::DerivedView;
pub use reconcile::{RolloutBounds, rollout_bounds};

use crate::command::{Command, Output};
use crate::error::CommandError;
use crate::protocol::{FromNode, ToNode};
use derived::Derived;
use expressions::Expressions;
use flapping::Flapping;
use loss::Losses;
use plimsoll_model::{Batch, Change, ClusterKey, Epoch, Image, InstanceId, SessionId, TaskId, Timestamp};
use plimsoll_placement::journal::Event;
use provisioning::PROVISIONING_TASKS_MAX;
use random::Streams;
use reconcile::Work;
use sessions::Sessions;
use std::collections::BTreeSet;
use timers::Timers;

/// Matches a reply with the request it answers; chosen by the shell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// A connection of a node as the shell numbers it, from before the core gave it a [`SessionId`]. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// Intent.
    Command { request: RequestId, command: Command },
    /// Observation.
    Node { connection: ConnectionId, message: FromNode },
    /// The connection is gone.
    NodeDisconnected { connection: ConnectionId },
    /// Reconciles services that need it, runs due timers and hands nodes what they are owed. The shell sends one at
    /// the end of every batch and at [`ClusterCore::next_wakeup`].
    Reconcile,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    pub request: RequestId,
    pub result: Result<Output, CommandError>,
}

/// Something outside, only after the commit.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    Send {
        connection: ConnectionId,
        message: ToNode,
    },
    /// A newer session of the same node took its place, or its instance was deregistered.
    Close {
        connection: ConnectionId,
    },
}

/// Everything a step wants of the outside.
#[derive(Debug, Default)]
pub struct Outbox {
    pub changes: Vec<Change>,
    pub effects: Vec<Effect>,
    pub replies: Vec<Reply>,
    /// What happened to the fleet and what was chosen, in order; nothing unless [`ClusterConfig::records_decisions`].
    pub decisions: Vec<Decision>,
}

/// An entry of the decision log, for when what led to it is durable.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    pub at: Timestamp,
    pub event: Event,
}

impl Outbox {
    pub fn batch(&self) -> Batch {
        Batch::from_changes(&self.changes)
    }
}

/// Settings of a cluster's scheduler. All durations are milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct ClusterConfig {
    pub cluster: ClusterKey,
    pub epoch: Epoch,
    /// Seeds the streams of random numbers: ids and placement draw from separate ones.
    pub seed: u64,
    /// How long a silent node keeps its tasks; `None` is for ever (CI-9).
    pub disconnect_grace_ms: Option<u64>,
    /// Time in RUNNING before a task without health checks counts as healthy (DEP-11); 0 is at once.
    pub healthy_ms: u64,
    /// How long STOPPED tasks, INACTIVE services and instances stay describable (TL-12, SVC-17, CI-8).
    pub retention_ms: u64,
    /// How long client tokens are kept (W-16).
    pub token_retention_ms: u64,
    /// How long a task waits for an instance of its capacity provider before it is given up (RUN-12). A quarter of an
    /// hour is enough to order, boot and join a machine; who waits for the task learns within it that none came.
    pub provisioning_timeout_ms: u64,
    /// Tasks of the cluster that may wait at a time; a request for more is refused whole (RUN-12).
    pub provisioning_tasks_max: usize,
    /// Tasks placed by one reconcile step over all services; the rest wait for the next, so that batches stay small
    /// enough for agents to start early.
    pub placements_per_step_max: usize,
    pub events_per_service_max: usize,
    /// Whether the shell wants [`Outbox::decisions`].
    pub records_decisions: bool,
}

impl ClusterConfig {
    pub fn new(cluster: ClusterKey, epoch: Epoch, seed: u64) -> Self {
        ClusterConfig {
            cluster,
            epoch,
            seed,
            disconnect_grace_ms: Some(120_000),
            healthy_ms: 0,
            retention_ms: 3_600_000,
            token_retention_ms: 86_400_000,
            provisioning_timeout_ms: 900_000,
            provisioning_tasks_max: PROVISIONING_TASKS_MAX,
            placements_per_step_max: 1_000,
            events_per_service_max: 100,
            records_decisions: false,
        }
    }
}

/// The stored rows contradict each other: the store was changed from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stored state of cluster {cluster} is inconsistent: {detail}")]
pub struct LoadError {
    pub cluster: String,
    pub detail: String,
}

#[derive(Debug)]
pub struct ClusterCore {
    config: ClusterConfig,
    /// When the step that is running, or ran last, was made.
    now: Timestamp,
    /// How far the clock of the process is behind the newest row it loaded. Rows must not be older than those they
    /// replace, and what waits for an instant must not wait for the clock to catch up (F-22): so time goes on from
    /// that row.
    behind_ms: u64,
    image: Image,
    /// Invariant: what [`ClusterCore::load`] would build from `image`.
    derived: Derived,
    /// What still has to be looked at; after a load everything is.
    work: Work,
    timers: Timers,
    sessions: Sessions,
    losses: Losses,
    flapping: Flapping,
    /// Tasks no node was ever told of: they can be stopped without asking one (TL-6). Forgotten at a load, which
    /// errs towards asking.
    undelivered: BTreeSet<TaskId>,
    expressions: Expressions,
    /// A service wants other tasks than when the policy was last told what to expect.
    typical_is_stale: bool,
    random: Streams,
}

impl ClusterCore {
    /// Takes over a cluster from its stored rows. `out` gets the first changes: every instance is disconnected until
    /// it says hello, and the grace of the silent ones starts at `now`, not at a stored time, and is doubled (D-8).
    pub fn load(config: ClusterConfig, image: Image, now: Timestamp, out: &mut Outbox) -> Result<Self, LoadError> {
        load::load(config, image, now, out)
    }

    pub fn step(&mut self, now: Timestamp, input: Input, out: &mut Outbox) {
        self.now = now.plus_millis(self.behind_ms).max(self.now);
        match input {
            Input::Command { request, command } => {
                let result = self.command(command, out);
                out.replies.push(Reply { request, result });
            }
            Input::Node { connection, message } => self.node_message(connection, message, out),
            Input::NodeDisconnected { connection } => self.node_disconnected(connection, out),
            Input::Reconcile => {
                self.run_due_timers(out);
                self.reconcile(out);
                self.flush_sessions(out);
            }
        }
        self.hand_over_decisions(out);
    }

    fn hand_over_decisions(&mut self, out: &mut Outbox) {
        let (at, tape) = (self.now, self.derived.fleet.take_tape());
        out.decisions.extend(tape.into_iter().map(|event| Decision { at, event }));
    }

    /// When [`Input::Reconcile`] is due even if nothing happens. At or before `now`: at once.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let is_work = self.work.is_pending() || self.is_placing_waiting_tasks() || self.sessions.is_owed();
        let due = if is_work { Some(self.now) } else { self.timers.first() };
        due.map(|at| at.minus_millis(self.behind_ms))
    }

    /// The time of the last step as it is written into rows.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The stepped state: ahead of the store by what is not committed yet.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Instances with an open session, for invariant checks.
    pub fn session_of(&self, instance: InstanceId) -> Option<SessionId> {
        self.sessions.of_instance(instance).map(|session| session.id)
    }

    /// Which session a connection carries, for invariant checks.
    pub fn session_on(&self, connection: ConnectionId) -> Option<SessionId> {
        self.sessions.session_on(connection)
    }

    /// A task that waits although an instance takes it, for invariant checks. Changes nothing.
    pub fn waits_in_vain(&mut self) -> Option<TaskId> {
        self.first_waiting_task_that_fits()
    }

    /// The indexes kept beside the rows, in a form that can be compared with those of a freshly loaded core.
    pub fn derived(&self) -> DerivedView {
        self.derived.view(&self.timers)
    }
}
