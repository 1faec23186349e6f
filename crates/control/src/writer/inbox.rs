//! What waits for a writer, in lanes: API load cannot starve the nodes, nor the other way round (I-35).

use super::Shared;
use crate::error::SubmitError;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::protocol::FromNode;
use plimsoll_core::{Command, Output};
use tokio::sync::{mpsc, oneshot};

pub(crate) struct Request {
    pub command: Command,
    pub reply: oneshot::Sender<Result<Output, SubmitError>>,
}

pub(crate) struct Inbox {
    pub commands: mpsc::Receiver<Request>,
    pub nodes: mpsc::Receiver<(ConnectionId, FromNode)>,
    pub disconnects: mpsc::UnboundedReceiver<ConnectionId>,
}

/// Taken from an inbox in one go.
#[derive(Default)]
pub(crate) struct Received {
    pub commands: Vec<Request>,
    pub nodes: Vec<(ConnectionId, FromNode)>,
    pub disconnects: Vec<ConnectionId>,
}

impl Inbox {
    /// Waits for something and takes up to `limit` of each lane. Nothing is lost when the wait is given up.
    pub async fn receive(&mut self, received: &mut Received, limit: usize) {
        tokio::select! {
            _ = self.disconnects.recv_many(&mut received.disconnects, limit) => {}
            _ = self.nodes.recv_many(&mut received.nodes, limit) => {}
            _ = self.commands.recv_many(&mut received.commands, limit) => {}
        }
        while received.disconnects.len() < limit
            && let Ok(one) = self.disconnects.try_recv()
        {
            received.disconnects.push(one);
        }
        while received.nodes.len() < limit
            && let Ok(one) = self.nodes.try_recv()
        {
            received.nodes.push(one);
        }
        while received.commands.len() < limit
            && let Ok(one) = self.commands.try_recv()
        {
            received.commands.push(one);
        }
    }

    /// Refuses the waiting requests as retryable. What nodes said stays: whatever came over connections that are closed
    /// by now means nothing to the next run, the rest is its first input.
    pub fn refuse_all(&mut self, shared: &Shared) {
        while let Ok(request) = self.commands.try_recv() {
            // A caller that went away needs no answer.
            let _ = request.reply.send(Err(shared.unavailable()));
        }
    }
}
