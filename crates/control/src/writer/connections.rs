//! The node connections of one cluster. A message over a connection that is not in here is not heard.

use crate::stream::{Delivery, StreamSink};
use parking_lot::Mutex;
use plimsoll_core::cluster::{ConnectionId, Effect};
use plimsoll_core::protocol::FromNode;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
pub(crate) struct Connections {
    last: AtomicU64,
    open: Mutex<HashMap<ConnectionId, Link>>,
}

struct Link {
    sink: StreamSink,
    node: u32,
}

impl Connections {
    pub fn open(&self, sink: StreamSink, node: u32) -> ConnectionId {
        let id = ConnectionId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        self.open.lock().insert(id, Link { sink, node });
        id
    }

    /// False when it was closed already.
    pub fn close(&self, id: ConnectionId) -> bool {
        self.open.lock().remove(&id).is_some()
    }

    pub fn count(&self) -> usize {
        self.open.lock().len()
    }

    pub fn close_all(&self) {
        let closed = std::mem::take(&mut *self.open.lock());
        for link in closed.into_values() {
            link.sink.deliver(Delivery::Closed { node: link.node });
        }
    }

    /// A disconnect overtakes the messages sent before it, which must not be heard after it.
    pub fn retain_open(&self, messages: &mut Vec<(ConnectionId, FromNode)>) {
        let open = self.open.lock();
        messages.retain(|(connection, _)| open.contains_key(connection));
    }

    /// Never waits for a node.
    pub fn perform(&self, effects: Vec<Effect>) {
        let mut open = self.open.lock();
        for effect in effects {
            match effect {
                Effect::Send { connection, message } => {
                    if let Some(link) = open.get(&connection) {
                        link.sink.deliver(Delivery::Message { node: link.node, message });
                    }
                }
                Effect::Close { connection } => {
                    if let Some(link) = open.remove(&connection) {
                        link.sink.deliver(Delivery::Closed { node: link.node });
                    }
                }
            }
        }
    }
}
