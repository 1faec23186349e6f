//! Node connections. Many nodes share one stream: one bounded queue per stream, so that a slow agent is cut off
//! instead of holding up the cluster's writer (I-35).

use crate::writer::Shared;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::protocol::{FromNode, ToNode};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The queue of one stream: the sink for the connections made over it, the source for whoever writes the stream.
pub fn stream(messages_max: usize) -> (StreamSink, StreamSource) {
    let (queue, deliveries) = mpsc::channel(messages_max);
    let closed = CancellationToken::new();
    (StreamSink { queue, closed: closed.clone() }, StreamSource { deliveries, closed })
}

/// What a stream carries to one of its nodes.
#[derive(Clone, PartialEq, Debug)]
pub enum Delivery {
    Message {
        node: u32,
        message: ToNode,
    },
    /// The node's connection is over; nothing more comes for it and nothing it sends is heard.
    Closed {
        node: u32,
    },
}

#[derive(Clone)]
pub struct StreamSink {
    queue: mpsc::Sender<Delivery>,
    closed: CancellationToken,
}

impl StreamSink {
    /// Tells a node something that no cluster says, such as a refusal of its hello.
    pub fn tell(&self, node: u32, message: ToNode) {
        self.deliver(Delivery::Message { node, message });
    }

    /// Never waits: at the limit the whole stream is closed, and its nodes come back with all they have.
    pub(crate) fn deliver(&self, delivery: Delivery) {
        if self.queue.try_send(delivery).is_err() {
            self.closed.cancel();
        }
    }
}

pub struct StreamSource {
    deliveries: mpsc::Receiver<Delivery>,
    closed: CancellationToken,
}

impl StreamSource {
    /// Waits for the next deliveries and takes up to `limit` of them. Zero: the stream is closed, because it was too
    /// slow or nothing can be sent over it any more.
    pub async fn receive(&mut self, into: &mut Vec<Delivery>, limit: usize) -> usize {
        tokio::select! {
            biased;
            () = self.closed.cancelled() => 0,
            count = self.deliveries.recv_many(into, limit) => count,
        }
    }
}

/// A connected node. Dropping it tells the cluster that the node is gone.
pub struct Connection {
    shared: Arc<Shared>,
    id: ConnectionId,
}

impl Connection {
    pub(crate) fn open(shared: Arc<Shared>, sink: StreamSink, node: u32) -> Self {
        let id = shared.connections.open(sink, node);
        Connection { shared, id }
    }

    /// Waits when the cluster has more messages than it can take. What is sent over a closed connection is dropped:
    /// the node says all of it again when it comes back.
    pub async fn send(&self, message: FromNode) {
        // The receiver lives as long as `shared`.
        let _ = self.shared.nodes.send((self.id, message)).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.shared.connections.close(self.id) {
            let _ = self.shared.disconnects.send(self.id);
        }
    }
}
