//! Connections between nodes and the core. Messages take time; with faults on they are lost, doubled and overtake
//! each other, which no stream does, because nothing may depend on it.

use super::{Event, World};
use crate::coverage::Mishap;
use crate::violation::{Broken, require};
use plimsoll_core::cluster::{ConnectionId, Input};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::Timestamp;
use std::collections::BTreeMap;

/// How long a side may take to notice that the other is gone.
const NOTICE_MS_MAX: u64 = 3_000;
/// How often, where messages are doubled, an old welcome comes before a message.
const OLD_WELCOME: u64 = 10;

#[derive(Debug, Default)]
pub(crate) struct Network {
    connections: BTreeMap<ConnectionId, Connection>,
    next: u64,
}

#[derive(Debug)]
struct Connection {
    node: usize,
    /// Of the process it was opened to.
    epoch: u64,
    open_at_core: bool,
    open_at_node: bool,
    /// Nothing sent from here on arrives.
    broken: bool,
    last_to_core: Timestamp,
    last_to_node: Timestamp,
}

impl Network {
    pub fn is_open_at_core(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|one| one.open_at_core)
    }

    pub fn is_open_at_node(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|one| one.open_at_node)
    }

    pub fn belongs_to(&self, connection: ConnectionId, epoch: u64) -> bool {
        self.connections.get(&connection).is_some_and(|one| one.epoch == epoch)
    }

    pub fn epoch_of(&self, connection: ConnectionId) -> Option<u64> {
        self.connections.get(&connection).map(|one| one.epoch)
    }

    pub fn node_of(&self, connection: ConnectionId) -> Option<usize> {
        self.connections.get(&connection).map(|one| one.node)
    }

    /// Those that process has not seen the end of.
    pub fn of_epoch(&self, epoch: u64) -> Vec<ConnectionId> {
        let open = self.connections.iter().filter(|(_, one)| one.epoch == epoch && one.open_at_core);
        open.map(|(id, _)| *id).collect()
    }

    fn forget_closed(&mut self) {
        self.connections.retain(|_, one| one.open_at_core || one.open_at_node);
    }
}

impl World {
    pub(super) fn open_connection(&mut self, node: usize) -> ConnectionId {
        self.network.forget_closed();
        let id = ConnectionId(self.network.next);
        self.network.next += 1;
        // A core that is down accepts nothing; the node hears of it a little later.
        let broken = !self.control.answers();
        let epoch = self.control.epoch;
        let (last_to_core, last_to_node) = (self.now, self.now);
        let open_at_core = !broken;
        let connection =
            Connection { node, epoch, open_at_core, open_at_node: true, broken, last_to_core, last_to_node };
        self.network.connections.insert(id, connection);
        if broken {
            self.schedule_notice(Event::NodeSeesBreak(id));
        }
        id
    }

    pub(super) fn send_to_core(&mut self, connection: ConnectionId, message: FromNode) {
        for delay in self.travel(connection) {
            let ordered = !self.swarm.reorder;
            let Some(one) = self.network.connections.get_mut(&connection) else { return };
            let at = arrival(self.now.plus_millis(delay), &mut one.last_to_core, ordered);
            self.schedule_at(at, Event::ToCore { connection, message: message.clone() });
        }
    }

    pub(super) fn send_to_node(&mut self, connection: ConnectionId, message: ToNode) {
        for delay in self.travel(connection) {
            let ordered = !self.swarm.reorder;
            let Some(one) = self.network.connections.get_mut(&connection) else { return };
            let at = arrival(self.now.plus_millis(delay), &mut one.last_to_node, ordered);
            self.schedule_at(at, Event::ToNode { connection, message: message.clone() });
        }
    }

    /// The delays of the copies of a message that arrive.
    fn travel(&mut self, connection: ConnectionId) -> Vec<u64> {
        if self.network.connections.get(&connection).is_none_or(|one| one.broken) {
            return Vec::new();
        }
        let dice = &mut self.dice.network;
        if dice.permille(self.swarm.loss) {
            self.coverage.count(Mishap::MessageLost);
            return Vec::new();
        }
        let mut delays = vec![dice.between(1, self.swarm.delay_ms_max)];
        if dice.permille(self.swarm.duplicate) {
            delays.push(dice.between(1, 5 * self.swarm.delay_ms_max));
            self.coverage.count(Mishap::MessageDoubled);
        }
        if self.swarm.reorder {
            self.coverage.count(Mishap::MessagesReordered);
        }
        delays
    }

    pub(super) fn deliver_to_core(&mut self, connection: ConnectionId, message: FromNode) -> Result<(), Broken> {
        if matches!(message, FromNode::Resync { .. }) {
            self.coverage.count("node resync");
        }
        match self.network.epoch_of(connection) {
            Some(epoch) if epoch != self.control.epoch => {
                self.former_hears(epoch, Input::Node { connection, message });
                Ok(())
            }
            _ => self.hear_node(connection, message),
        }
    }

    /// I-17: a report of another session than the open one, or one that came before, changes nothing.
    fn hear_node(&mut self, connection: ConnectionId, message: FromNode) -> Result<(), Broken> {
        let late = self.is_late(connection, &message);
        let before = self.control.current.changes.len();
        self.step_core(Input::Node { connection, message })?;
        if late {
            self.coverage.count("stale report");
            let changes = &self.control.current.changes[before..];
            require(changes.is_empty(), "I-17", || format!("a late report changes {changes:?}"))?;
        }
        self.control.unreconciled = true;
        self.pump()
    }

    fn is_late(&mut self, connection: ConnectionId, message: &FromNode) -> bool {
        let FromNode::Report(report) = message else { return false };
        let open = self.control.core.as_ref().and_then(|core| core.session_on(connection));
        if open != Some(report.session) {
            return true;
        }
        let heard = self.heard.entry(report.session).or_default();
        let news = report.sequence > *heard;
        *heard = report.sequence.max(*heard);
        !news
    }

    pub(super) fn deliver_to_node(&mut self, connection: ConnectionId, message: ToNode) -> Result<(), Broken> {
        let Some(node) = self.network.node_of(connection) else { return Ok(()) };
        if self.swarm.duplicate > 0 && self.dice.network.permille(OLD_WELCOME) {
            // As if a writer that was taken over had got hold of the connection (I-30).
            let this = &self.nodes[node];
            if let Some(old) = this.memory.welcome_of_earlier_epoch(this.identity.epoch) {
                self.coverage.count("agent told of a lower epoch");
                self.node_hears(node, old)?;
            }
        }
        self.node_hears(node, message)
    }

    /// Both sides notice in their own time; what is on its way still arrives until then.
    pub(super) fn break_connection(&mut self, connection: ConnectionId) {
        let Some(one) = self.network.connections.get_mut(&connection) else { return };
        one.broken = true;
        self.schedule_notice(Event::CoreSeesBreak(connection));
        self.schedule_notice(Event::NodeSeesBreak(connection));
    }

    fn schedule_notice(&mut self, event: Event) {
        let delay = self.dice.network.between(1, NOTICE_MS_MAX);
        self.schedule(delay, event);
    }

    pub(super) fn node_sees_break(&mut self, connection: ConnectionId) -> Result<(), Broken> {
        let Some(one) = self.network.connections.get_mut(&connection) else { return Ok(()) };
        one.open_at_node = false;
        let node = one.node;
        if self.nodes[node].connection == Some(connection) { self.node_loses_connection(node) } else { Ok(()) }
    }

    pub(super) fn close_at_core(&mut self, connection: ConnectionId) {
        if let Some(one) = self.network.connections.get_mut(&connection) {
            one.open_at_core = false;
        }
    }

    /// The agent process is gone: the core notices later.
    pub(super) fn node_drops_connection(&mut self, connection: ConnectionId) {
        if let Some(one) = self.network.connections.get_mut(&connection) {
            one.open_at_node = false;
            one.broken = true;
            self.schedule_notice(Event::CoreSeesBreak(connection));
        }
    }

    /// At the core's wish. The shell may or may not tell the core that it has happened.
    pub(super) fn core_closes(&mut self, connection: ConnectionId) {
        let Some(one) = self.network.connections.get_mut(&connection) else { return };
        one.broken = true;
        self.schedule_notice(Event::NodeSeesBreak(connection));
        if self.dice.network.coin() {
            self.schedule_notice(Event::CoreSeesBreak(connection));
        } else {
            self.close_at_core(connection);
        }
    }

    /// The process at the other end of all connections says nothing any more; some nodes take long to notice.
    pub(super) fn nodes_notice_silence(&mut self) {
        for connection in self.network.of_epoch(self.control.epoch) {
            if self.dice.network.permille(900) {
                self.schedule_notice(Event::NodeSeesBreak(connection));
            }
        }
    }

    pub(super) fn core_drops_connections(&mut self) {
        for connection in self.network.of_epoch(self.control.epoch) {
            if let Some(one) = self.network.connections.get_mut(&connection) {
                one.open_at_core = false;
                one.broken = true;
            }
            self.schedule_notice(Event::NodeSeesBreak(connection));
        }
    }
}

fn arrival(at: Timestamp, last: &mut Timestamp, ordered: bool) -> Timestamp {
    if ordered {
        *last = at.max(*last);
        return *last;
    }
    at
}
