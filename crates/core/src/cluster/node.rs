//! Messages of nodes: hello, reports, heartbeats, and their absence.

use super::{ClusterCore, ConnectionId, Effect, Outbox};
use crate::protocol::{FromNode, Heartbeat, Hello, Report, ToNode};
use plimsoll_model::{InstanceId, InstanceStatus, SessionId};
use plimsoll_placement::mutant;

/// Heartbeats in a row that must be wrong before the desired set is sent again: one may have crossed it on the way.
const STRANGE_HEARTBEATS_MAX: u32 = 2;
/// The most times as many heartbeats that a welcome may take to be heard.
const PATIENCE_MAX: u32 = 16;

impl ClusterCore {
    pub(super) fn node_message(&mut self, connection: ConnectionId, message: FromNode, out: &mut Outbox) {
        match message {
            FromNode::Hello(hello) => self.hello(connection, *hello, out),
            FromNode::Report(report) => self.report(connection, report, out),
            FromNode::Heartbeat(heartbeat) => self.heartbeat(connection, heartbeat, out),
            FromNode::Resync { session } => self.resync(connection, session, out),
        }
    }

    pub(super) fn node_disconnected(&mut self, connection: ConnectionId, out: &mut Outbox) {
        let Some((instance, _)) = self.sessions.of_connection(connection) else { return };
        self.sessions.close(instance);
        self.count_break(instance);
        self.update_instance(instance, |row| row.agent_connected = false, out);
        self.start_grace(instance, self.now);
    }

    fn hello(&mut self, connection: ConnectionId, mut hello: Hello, out: &mut Outbox) {
        if hello.epoch > self.config.epoch {
            // The node obeyed a later writer than this one: the stored state went back in time (F-9).
            let reason = format!("node has obeyed epoch {}, this writer has {}", hello.epoch.0, self.config.epoch.0);
            return refuse(connection, &reason, out);
        }
        // A first hello that comes twice names no instance, or one that is gone: it is still the same node.
        if let Some((instance, _)) = self.sessions.of_connection(connection) {
            hello.registration.instance = Some(instance);
        }
        hello.registration.instance = self.identity(connection, hello.registration.instance);
        self.note_replaced(connection, hello.registration.instance);
        let row = match self.register_instance(hello.registration, out) {
            Ok(row) => row,
            Err(error) => return refuse(connection, &error.to_string(), out),
        };
        if self.sessions.of_connection(connection).is_some_and(|(other, _)| other != row.id) {
            self.node_disconnected(connection, out);
        }
        self.end_grace(row.id);
        for report in hello.inventory {
            self.observe(row.id, report, out);
        }
        // What the inventory makes owed is in the desired set, which is put together after it.
        self.welcome(row.id, connection, out);
    }

    /// The node is here again before its old connection was seen to end: that session broke too (F-12, F-16).
    fn note_replaced(&mut self, connection: ConnectionId, instance: Option<InstanceId>) {
        let Some(instance) = instance else { return };
        if self.sessions.of_instance(instance).is_some_and(|session| session.connection != connection) {
            self.count_break(instance);
        }
    }

    /// A node that says hello twice on one connection and does not name an instance we know has not heard the first
    /// answer: it is the instance it became then, not another one.
    fn identity(&mut self, connection: ConnectionId, told: Option<InstanceId>) -> Option<InstanceId> {
        let is_registered =
            |id: &InstanceId| self.image.instances.get(id).is_some_and(|row| row.status != InstanceStatus::Inactive);
        let told = told.filter(is_registered);
        told.or_else(|| self.sessions.of_connection(connection).map(|(instance, _)| instance))
    }

    /// A report counts if it is of the open session and newer than the last; the same one again is only acknowledged
    /// again, because the acknowledgement may have been lost (I-17).
    fn report(&mut self, connection: ConnectionId, report: Report, out: &mut Outbox) {
        let Some((instance, session)) = self.sessions.of_connection(connection) else { return };
        if mutant!(TakesReportsOfAnySession => false, session.id != report.session) {
            return;
        }
        let news = mutant!(TakesOldReports => true, report.sequence > session.reported);
        session.reported = session.reported.max(report.sequence);
        self.sessions.owe_acknowledgement(instance);
        if news {
            for task in report.tasks {
                self.observe(instance, task, out);
            }
        }
    }

    fn heartbeat(&mut self, connection: ConnectionId, heartbeat: Heartbeat, out: &mut Outbox) {
        let Some((instance, session)) = self.sessions.of_connection(connection) else { return };
        let strange = session.id != heartbeat.session;
        let behind = !strange && heartbeat.received < session.sequence_at_heartbeat;
        session.sequence_at_heartbeat = session.sequence;
        if !strange && !behind {
            (session.astray, session.patience) = (0, 1);
            return;
        }
        session.astray += 1;
        let allowed = if strange { STRANGE_HEARTBEATS_MAX } else { 1 };
        let patience = session.patience;
        if session.astray >= allowed * patience {
            self.welcome(instance, connection, out);
            if let Some((_, session)) = self.sessions.of_connection(connection) {
                session.patience = (2 * patience).min(PATIENCE_MAX);
            }
        }
    }

    fn resync(&mut self, connection: ConnectionId, asked: SessionId, out: &mut Outbox) {
        let Some((instance, session)) = self.sessions.of_connection(connection) else { return };
        if session.id == asked {
            self.welcome(instance, connection, out);
        }
    }
}

fn refuse(connection: ConnectionId, reason: &str, out: &mut Outbox) {
    let message = ToNode::Refused { reason: reason.into() };
    out.effects.push(Effect::Send { connection, message });
}
