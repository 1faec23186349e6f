//! Keeps one stream to the control plane, and a new one after it. Knows nothing of nodes; containers do not notice
//! any of it.

use crate::Error;
use crate::settings::{AccessKey, ReconnectSettings};
use crate::wire::{Decoder, Malformed, Told};
use plimsoll_agent_proto::auth;
use plimsoll_agent_proto::v1::{self, agent_gateway_client::AgentGatewayClient};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

/// Messages under way to the server; the driver keeps what does not fit.
const STREAM_QUEUE: usize = 64;
/// Messages decoded and not yet stepped; when full, the server waits.
const INBOUND_QUEUE: usize = 64;
/// A welcome carries a node's whole desired set with its definitions.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A dead peer is noticed after two of these.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

pub(crate) enum LinkEvent {
    Up(Stream),
    Down,
    Messages(Vec<(u32, Told)>),
}

/// The sending half of a stream that is up.
pub(crate) struct Stream {
    pub messages: mpsc::Sender<v1::AgentMessage>,
    /// Ends the stream; another follows after a pause.
    pub hang_up: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("connect")]
    Connect(#[from] tonic::transport::Error),
    #[error("{}: {}", .0.code(), .0.message())]
    Status(#[from] tonic::Status),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the server closed the stream")]
    Closed,
    #[error("hung up by the agent")]
    HungUp,
    #[error("the agent is shutting down")]
    ShuttingDown,
}

pub(crate) struct Link {
    endpoints: Vec<Endpoint>,
    reconnect: ReconnectSettings,
    credentials: Option<AccessKey>,
    events: mpsc::Sender<LinkEvent>,
    rng: ChaCha8Rng,
}

/// Waits that double with every failure in a row, each shortened at random by up to half.
pub(crate) fn pause(reconnect: &ReconnectSettings, failures: u32, rng: &mut ChaCha8Rng) -> Duration {
    let doubled = reconnect.initial.saturating_mul(1 << failures.min(16));
    let millis = u64::try_from(doubled.min(reconnect.max).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rng.random_range(millis / 2..=millis))
}

/// For jitter only.
pub(crate) fn unpredictable() -> Result<ChaCha8Rng, Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| Error::Entropy)?;
    Ok(ChaCha8Rng::from_seed(seed))
}

impl Link {
    pub(crate) fn new(
        servers: &[String],
        reconnect: ReconnectSettings,
        credentials: Option<AccessKey>,
    ) -> Result<(Self, mpsc::Receiver<LinkEvent>), Error> {
        let endpoints = servers.iter().map(|url| endpoint(url)).collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(Error::NoServer);
        }
        let (events, receiver) = mpsc::channel(INBOUND_QUEUE);
        Ok((Link { endpoints, reconnect, credentials, events, rng: unpredictable()? }, receiver))
    }

    /// Until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut failures = 0_u32;
        for attempt in 0_usize.. {
            let endpoint = self.endpoints[attempt % self.endpoints.len()].clone();
            let mut served = false;
            let lost = tokio::select! {
                () = stop.cancelled() => return,
                lost = self.session(&endpoint, &mut served) => lost,
            };
            if self.events.send(LinkEvent::Down).await.is_err() {
                return;
            }
            failures = if served { 0 } else { failures.saturating_add(1) };
            // The wait grows once all of them were tried: one that is down does not keep the agent from another.
            let rounds = failures / u32::try_from(self.endpoints.len()).unwrap_or(u32::MAX);
            let pause = pause(&self.reconnect, rounds, &mut self.rng);
            let server = endpoint.uri();
            tracing::warn!(%server, error = %Chain(&lost), retry_in_ms = pause.as_millis(), "no stream to the server");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Returns when the stream is over. `served`: the server said something on it, so it was not refused at once.
    async fn session(&self, endpoint: &Endpoint, served: &mut bool) -> Lost {
        match self.try_session(endpoint, served).await {
            Ok(never) => match never {},
            Err(lost) => lost,
        }
    }

    async fn try_session(&self, endpoint: &Endpoint, served: &mut bool) -> Result<std::convert::Infallible, Lost> {
        let channel = endpoint.connect().await?;
        let mut client = AgentGatewayClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let (messages, outgoing) = mpsc::channel(STREAM_QUEUE);
        let open =
            v1::Open { protocol_version: v1::PROTOCOL_VERSION, agent_version: env!("CARGO_PKG_VERSION").to_owned() };
        let open = v1::AgentMessage { kind: Some(v1::agent_message::Kind::Open(open)) };
        messages.try_send(open).expect("a queue without messages has room");
        let request = self.signed(tonic::Request::new(ReceiverStream::new(outgoing)));
        let mut inbound = client.session(request).await?.into_inner();
        let hang_up = CancellationToken::new();
        self.deliver(LinkEvent::Up(Stream { messages, hang_up: hang_up.clone() })).await?;
        let mut decoder = Decoder::default();
        loop {
            let message = tokio::select! {
                () = hang_up.cancelled() => return Err(Lost::HungUp),
                message = inbound.message() => message?.ok_or(Lost::Closed)?,
            };
            *served = true;
            self.deliver(LinkEvent::Messages(decoder.decode(message)?)).await?;
        }
    }

    /// Signed anew for every stream: a signature is only good for some minutes.
    fn signed<T>(&self, mut request: tonic::Request<T>) -> tonic::Request<T> {
        if let Some(key) = &self.credentials {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            let value = auth::header_value(&key.id, &key.secret, now.as_secs());
            match value.parse() {
                Ok(value) => {
                    request.metadata_mut().insert(auth::HEADER, value);
                }
                Err(error) => tracing::error!(%error, "the access key id cannot be sent"),
            }
        }
        request
    }

    async fn deliver(&self, event: LinkEvent) -> Result<(), Lost> {
        self.events.send(event).await.map_err(|_| Lost::ShuttingDown)
    }
}

fn endpoint(url: &str) -> Result<Endpoint, Error> {
    let unusable = |reason: &str| Error::ServerUrl { url: url.to_owned(), reason: reason.to_owned() };
    if !url.starts_with("http://") {
        return Err(unusable("it does not begin with http:// (this build has no TLS)"));
    }
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| unusable(&Chain(&error).to_string()))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true))
}

/// An error with its sources behind it: tonic's own messages say only "transport error".
struct Chain<'a>(&'a (dyn std::error::Error + 'a));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_are_never_alike() {
        let reconnect = ReconnectSettings { initial: Duration::from_millis(100), max: Duration::from_secs(1) };
        let mut rng = unpredictable().unwrap();
        for (failures, low, high) in [(0, 50, 100), (1, 100, 200), (2, 200, 400), (9, 500, 1000), (99, 500, 1000)] {
            let pause = pause(&reconnect, failures, &mut rng).as_millis();
            assert!((low..=high).contains(&pause), "{failures} failures: {pause} ms");
        }
        let pauses: std::collections::BTreeSet<_> = (0..20).map(|_| pause(&reconnect, 99, &mut rng)).collect();
        assert!(pauses.len() > 10, "F-25: jitter");
    }

    #[test]
    fn urls_that_cannot_work_are_refused_at_once() {
        for url in ["https://a:1", "a:1", "http://", "unix:///a"] {
            assert!(matches!(endpoint(url), Err(Error::ServerUrl { .. })), "{url}");
        }
    }
}
