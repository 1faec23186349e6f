//! What the clusters tell an agent's nodes, written in as few messages as there is something to write.

use super::wire::Outgoing;
use plimsoll_agent_proto::v1;
use plimsoll_control::{Delivery, StreamSource};
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// A message is sent when it is this long, however much more there is: agents start early and the other end's limit
/// on a message's length is not reached by many small ones.
pub(super) const MESSAGE_BYTES: usize = 256 << 10;
const DELIVERIES_MAX: usize = 1_000;

/// Writes until the stream is closed from either side, then cancels `ended`.
pub(super) async fn run(
    mut source: StreamSource,
    out: mpsc::Sender<Result<v1::ControlMessage, Status>>,
    ended: CancellationToken,
) {
    let mut outgoing = Outgoing::default();
    let mut deliveries = Vec::new();
    while source.receive(&mut deliveries, DELIVERIES_MAX).await > 0 {
        let mut message = v1::ControlMessage::default();
        let mut bytes = 0;
        for delivery in deliveries.drain(..) {
            let definitions = message.definitions.len();
            match delivery {
                Delivery::Message { node, message: told } => outgoing.push(node, told, &mut message),
                Delivery::Closed { node } => {
                    let body = Some(v1::to_node::Body::Closed(v1::Unit {}));
                    message.messages.push(v1::ToNode { node, body });
                }
            }
            bytes += message.messages.last().map_or(0, Message::encoded_len);
            bytes += message.definitions[definitions..].iter().map(Message::encoded_len).sum::<usize>();
            if bytes >= MESSAGE_BYTES {
                bytes = 0;
                if out.send(Ok(std::mem::take(&mut message))).await.is_err() {
                    return ended.cancel();
                }
            }
        }
        if bytes > 0 && out.send(Ok(message)).await.is_err() {
            return ended.cancel();
        }
    }
    ended.cancel();
}
