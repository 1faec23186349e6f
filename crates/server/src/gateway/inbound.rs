//! What an agent says, handed to the clusters its nodes belong to.

use super::wire::{self, Incoming};
use crate::server::Shell;
use plimsoll_agent_proto::v1;
use plimsoll_control::{ClusterHandle, Connection, StreamSink};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::{ClusterKey, ClusterName, Namespace};
use std::collections::HashMap;
use std::sync::Arc;
use tonic::{Status, Streaming};

/// Reads until the agent ends the stream; `Err` is what to tell it.
pub(super) async fn run(
    shell: &Arc<Shell>,
    mut messages: Streaming<v1::AgentMessage>,
    sink: &StreamSink,
) -> Result<(), Status> {
    opened(shell, &mut messages).await?;
    let mut nodes = Nodes { shell, sink, connections: HashMap::new() };
    while let Some(message) = messages.message().await? {
        match message.kind {
            Some(v1::agent_message::Kind::Nodes(batch)) => {
                for one in batch.messages {
                    nodes.hear(one).await?;
                }
            }
            Some(v1::agent_message::Kind::Open(_)) => {
                return Err(Status::invalid_argument("the stream is open already"));
            }
            // A kind of message this build does not know.
            None => {}
        }
    }
    Ok(())
}

/// The first message says which version of the protocol the agent speaks.
async fn opened(shell: &Shell, messages: &mut Streaming<v1::AgentMessage>) -> Result<(), Status> {
    let first = tokio::time::timeout(shell.settings.limits.header_timeout, messages.message());
    let first = first.await.map_err(|_| Status::deadline_exceeded("the stream was not opened in time"))??;
    let Some(v1::agent_message::Kind::Open(open)) = first.and_then(|message| message.kind) else {
        return Err(Status::invalid_argument("the first message of a stream is an open"));
    };
    if open.protocol_version != v1::PROTOCOL_VERSION {
        return Err(Status::failed_precondition(format!(
            "the server speaks version {} of the agent protocol, not {}",
            v1::PROTOCOL_VERSION,
            open.protocol_version
        )));
    }
    Ok(())
}

/// The nodes of one stream, by the numbers the agent gave them.
struct Nodes<'a> {
    shell: &'a Arc<Shell>,
    sink: &'a StreamSink,
    connections: HashMap<u32, Connection>,
}

impl Nodes<'_> {
    async fn hear(&mut self, message: v1::FromNode) -> Result<(), Status> {
        let node = message.node;
        let body = message.body.ok_or_else(|| Status::invalid_argument("a node's message has no body"))?;
        let incoming = wire::incoming(body)
            .map_err(|error| Status::invalid_argument(format!("a message of node {node} cannot be read: {error}")))?;
        match incoming {
            Incoming::Hello { cluster, hello } => {
                let limit = self.shell.settings.limits.nodes_per_stream_max;
                if self.connections.len() >= limit && !self.connections.contains_key(&node) {
                    return Err(Status::resource_exhausted(format!("a stream carries at most {limit} nodes")));
                }
                match self.cluster(cluster).await {
                    Ok(cluster) => {
                        // A hello begins anew; the connection it replaces ends here.
                        let connection = cluster.connect(self.sink, node);
                        connection.send(FromNode::Hello(hello)).await;
                        self.connections.insert(node, connection);
                    }
                    Err(Refusal::ForGood(reason)) => {
                        self.connections.remove(&node);
                        tracing::warn!(node, reason, "node refused");
                        self.sink.tell(node, ToNode::Refused { reason: reason.into() });
                    }
                    // With its stream the agent tries another server, which may be the one that serves the cluster.
                    Err(Refusal::ForNow) => {
                        return Err(Status::unavailable("the cluster is not served here at the moment"));
                    }
                }
            }
            // A node that was refused is not heard before its next hello.
            Incoming::Other(message) => {
                if let Some(connection) = self.connections.get(&node) {
                    connection.send(message).await;
                }
            }
        }
        Ok(())
    }

    /// Only the default cluster comes into being with its first node (CL-3).
    async fn cluster(&self, address: v1::ClusterAddress) -> Result<ClusterHandle, Refusal> {
        let key = self.key(address)?;
        let comes_into_being = key.name == ClusterName::default_cluster();
        let missing = || Refusal::ForGood(format!("cluster {} not found", key.name));
        let cluster = match comes_into_being {
            true => self.shell.control.cluster_or_start(&key).await,
            false => self.shell.control.cluster(&key).ok_or_else(missing)?,
        };
        match cluster.read(|image| image.is_active() || comes_into_being) {
            Ok(true) => Ok(cluster),
            Ok(false) => Err(missing()),
            Err(_) => Err(Refusal::ForNow),
        }
    }

    fn key(&self, address: v1::ClusterAddress) -> Result<ClusterKey, Refusal> {
        let settings = &self.shell.settings;
        if !address.account.is_empty() && *address.account != *settings.account_id {
            return Err(Refusal::ForGood(format!("this server serves account {}", settings.account_id)));
        }
        let region: Arc<str> = match (address.region.as_str(), &settings.region) {
            ("", _) => settings.default_region(),
            (given, Some(pinned)) if *given != **pinned => {
                return Err(Refusal::ForGood(format!("this server serves region {pinned}")));
            }
            (given, _) if !crate::auth::is_region(given) => {
                return Err(Refusal::ForGood(format!("{given:?} is not a region")));
            }
            (given, _) => given.into(),
        };
        let name = match address.name.as_str() {
            "" => ClusterName::default_cluster(),
            given => ClusterName::parse(given).map_err(|error| Refusal::ForGood(error.to_string()))?,
        };
        Ok(ClusterKey { namespace: Namespace { account: Arc::clone(&settings.account_id), region }, name })
    }
}

enum Refusal {
    /// A person must act.
    ForGood(String),
    /// The agent should come back, or go elsewhere.
    ForNow,
}
