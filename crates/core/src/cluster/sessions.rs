//! Who is connected, and what each node is still owed. Nothing here survives a restart: a node that connects gets its
//! whole desired set, so what was owed before does not matter.

use super::{ClusterCore, ConnectionId, Effect, Outbox};
use crate::protocol::{Assignment, Commands, ToNode, Welcome};
use plimsoll_model::{Epoch, InstanceId, SessionId, Task, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Sessions {
    by_instance: BTreeMap<InstanceId, Session>,
    by_connection: BTreeMap<ConnectionId, InstanceId>,
    /// Instances with commands or acknowledgements to send.
    owed: BTreeSet<InstanceId>,
    next: u64,
}

#[derive(Debug)]
pub(super) struct Session {
    pub id: SessionId,
    pub connection: ConnectionId,
    /// Number of the last command sent.
    pub sequence: u64,
    /// `sequence` as it was at the last heartbeat.
    pub sequence_at_heartbeat: u64,
    /// Heartbeats in a row that spoke of another session, or knew too little of this one.
    pub astray: u32,
    /// How many times as many of them it takes as after a hello. Doubles with each welcome that they bring about: where
    /// a round trip is longer than a heartbeat, the next ones would otherwise be answered before the last answer could
    /// be heard, and no session would ever last.
    pub patience: u32,
    /// The highest report applied; what comes again is only acknowledged again.
    pub reported: u64,
    acknowledge: bool,
    start: BTreeSet<TaskId>,
    stop: BTreeSet<TaskId>,
}

/// Sessions a core may open per millisecond of its life without repeating a number of one loaded later in its epoch.
const SESSIONS_PER_MILLISECOND: u64 = 1 << 10;
/// Numbers of one epoch: those of the next begin above them, whatever its clock says.
const SESSIONS_PER_EPOCH: u64 = 1 << 42;

impl Sessions {
    /// Numbers grow over loads too, so that a report of a session of the core before is stale.
    pub fn new(epoch: Epoch, loaded_at: Timestamp) -> Self {
        let millis = loaded_at.millis_since(Timestamp::ZERO) % (SESSIONS_PER_EPOCH / SESSIONS_PER_MILLISECOND);
        let of_epoch = epoch.0.saturating_mul(SESSIONS_PER_EPOCH);
        Sessions {
            by_instance: BTreeMap::new(),
            by_connection: BTreeMap::new(),
            owed: BTreeSet::new(),
            next: of_epoch.saturating_add(millis * SESSIONS_PER_MILLISECOND) + 1,
        }
    }

    pub fn of_instance(&self, instance: InstanceId) -> Option<&Session> {
        self.by_instance.get(&instance)
    }

    pub fn session_on(&self, connection: ConnectionId) -> Option<SessionId> {
        let instance = self.by_connection.get(&connection)?;
        self.by_instance.get(instance).map(|session| session.id)
    }

    pub fn of_connection(&mut self, connection: ConnectionId) -> Option<(InstanceId, &mut Session)> {
        let instance = *self.by_connection.get(&connection)?;
        Some((instance, self.by_instance.get_mut(&instance)?))
    }

    /// Opens a session; the connection of the one it replaces, if that is another, is returned.
    pub fn open(&mut self, instance: InstanceId, connection: ConnectionId) -> Option<ConnectionId> {
        if let Some(other) = self.by_connection.get(&connection).copied().filter(|other| *other != instance) {
            self.close(other);
        }
        let replaced = self.close(instance).filter(|old| *old != connection);
        let session = Session {
            id: SessionId(self.next),
            connection,
            sequence: 0,
            sequence_at_heartbeat: 0,
            astray: 0,
            patience: 1,
            reported: 0,
            acknowledge: false,
            start: BTreeSet::new(),
            stop: BTreeSet::new(),
        };
        self.next += 1;
        self.by_instance.insert(instance, session);
        self.by_connection.insert(connection, instance);
        replaced
    }

    /// The connection the session had.
    pub fn close(&mut self, instance: InstanceId) -> Option<ConnectionId> {
        let session = self.by_instance.remove(&instance)?;
        self.by_connection.remove(&session.connection);
        self.owed.remove(&instance);
        Some(session.connection)
    }

    pub fn owe_start(&mut self, instance: InstanceId, task: TaskId) {
        if let Some(session) = self.by_instance.get_mut(&instance) {
            session.start.insert(task);
            self.owed.insert(instance);
        }
    }

    pub fn owe_stop(&mut self, instance: InstanceId, task: TaskId) {
        if let Some(session) = self.by_instance.get_mut(&instance) {
            session.start.remove(&task);
            session.stop.insert(task);
            self.owed.insert(instance);
        }
    }

    pub fn owe_acknowledgement(&mut self, instance: InstanceId) {
        if let Some(session) = self.by_instance.get_mut(&instance) {
            session.acknowledge = true;
            self.owed.insert(instance);
        }
    }

    pub fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }
}

impl ClusterCore {
    /// Sends each node that is owed something at most one message of commands and one acknowledgement.
    pub(super) fn flush_sessions(&mut self, out: &mut Outbox) {
        while let Some(instance) = self.sessions.owed.pop_first() {
            let session = self.sessions.by_instance.get_mut(&instance).expect("only sessions are owed anything");
            let (connection, id) = (session.connection, session.id);
            if std::mem::take(&mut session.acknowledge) {
                let message = ToNode::Acknowledge { session: id, sequence: session.reported };
                out.effects.push(Effect::Send { connection, message });
            }
            let start = std::mem::take(&mut session.start);
            let stop: Vec<TaskId> = std::mem::take(&mut session.stop).into_iter().collect();
            let start: Vec<Assignment> = start
                .iter()
                .filter_map(|task| self.image.tasks.get(task))
                .filter(|task| task.is_live())
                .map(|task| self.assignment(task))
                .collect();
            if start.is_empty() && stop.is_empty() {
                continue;
            }
            for assignment in &start {
                self.undelivered.remove(&assignment.task);
            }
            let session = self.sessions.by_instance.get_mut(&instance).expect("looked up above");
            session.sequence += 1;
            let commands = Commands { epoch: self.config.epoch, session: id, sequence: session.sequence, start, stop };
            out.effects.push(Effect::Send { connection, message: ToNode::Commands(commands) });
        }
    }

    /// A fresh session with the whole desired set; reports of the session before are stale from here on.
    pub(super) fn welcome(&mut self, instance: InstanceId, connection: ConnectionId, out: &mut Outbox) {
        if let Some(replaced) = self.sessions.open(instance, connection) {
            out.effects.push(Effect::Close { connection: replaced });
        }
        let desired: Vec<Assignment> = self
            .image
            .tasks_of_instance(instance)
            .filter(|task| !task.is_stopped())
            .map(|task| self.assignment(task))
            .collect();
        for assignment in &desired {
            self.undelivered.remove(&assignment.task);
        }
        let session = self.sessions.of_instance(instance).expect("opened above");
        let welcome = Welcome {
            cluster: self.config.cluster.clone(),
            instance,
            epoch: self.config.epoch,
            session: session.id,
            sequence: session.sequence,
            desired,
        };
        out.effects.push(Effect::Send { connection, message: ToNode::Welcome(Box::new(welcome)) });
    }

    fn assignment(&self, task: &Task) -> Assignment {
        Assignment {
            task: task.id,
            definition: Arc::clone(&self.derived.definitions.get(&task.definition).definition),
            overrides: task.overrides.clone(),
            reserved: task.reserved.clone(),
            group: Arc::clone(&task.group),
            last_status: task.last_status,
            stopping: task.is_stopping(),
            restart_counts: task.containers.iter().map(|container| container.restart_count).collect(),
        }
    }
}
