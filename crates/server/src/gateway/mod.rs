//! The agent gateway: one stream per agent process, many nodes on each, connected to their clusters' writers.
//!
//! Two loops per stream. One reads and may wait for a cluster that has more messages than it can take; the other
//! writes and may wait for a slow agent. Neither waits for the other. When one ends, so does the stream, and with it
//! the connections of all its nodes.

mod inbound;
mod outbound;
mod wire;

use crate::auth;
use crate::server::Shell;
use plimsoll_agent_proto::v1::agent_gateway_server::{AgentGateway, AgentGatewayServer};
use plimsoll_agent_proto::v1::{AgentMessage, ControlMessage};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

/// Messages written ahead of what the connection takes. Each holds up to [`outbound::MESSAGE_BYTES`], roughly.
const MESSAGES_AHEAD_MAX: usize = 4;

pub(crate) struct Gateway {
    shell: Arc<Shell>,
}

pub(crate) fn service(shell: Arc<Shell>) -> AgentGatewayServer<Gateway> {
    let message_bytes_max = shell.settings.limits.agent_message_bytes_max;
    AgentGatewayServer::new(Gateway { shell }).max_decoding_message_size(message_bytes_max)
}

#[tonic::async_trait]
impl AgentGateway for Gateway {
    type SessionStream = ReceiverStream<Result<ControlMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        auth::authenticate_agent(&self.shell, request.metadata())?;
        let peer = request.extensions().get::<crate::listener::Peer>().map(|peer| peer.0);
        let (out, messages) = mpsc::channel(MESSAGES_AHEAD_MAX);
        tokio::spawn(session(Arc::clone(&self.shell), peer, request.into_inner(), out));
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

/// Runs one stream to its end and tells the agent why it ended, if it still listens.
async fn session(
    shell: Arc<Shell>,
    peer: Option<std::net::SocketAddr>,
    messages: Streaming<AgentMessage>,
    out: mpsc::Sender<Result<ControlMessage, Status>>,
) {
    shell.metrics.stream_opened();
    let (sink, source) = plimsoll_control::stream(shell.settings.limits.stream_messages_max);
    let ended = CancellationToken::new();
    let writer = tokio::spawn(outbound::run(source, out.clone(), ended.clone()));
    let status = tokio::select! {
        status = inbound::run(&shell, messages, &sink) => status,
        () = ended.cancelled() => Err(Status::resource_exhausted("the agent reads more slowly than it is told things")),
        () = out.closed() => Ok(()),
        () = shell.stop.cancelled() => Err(Status::unavailable("the server is stopping")),
    };
    // The writer may wait for an agent that reads nothing.
    writer.abort();
    if let Err(status) = status {
        tracing::info!(?peer, code = ?status.code(), message = status.message(), "agent stream ended");
        // Best effort: an agent that reads nothing is cut off by the keep-alive.
        let _ = out.try_send(Err(status));
    }
    shell.metrics.stream_closed();
}
