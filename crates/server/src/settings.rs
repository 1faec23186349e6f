//! What a server is started with, and every limit it keeps, by name.

use plimsoll_control::ControlSettings;
pub use plimsoll_ecs_api::sigv4::Credentials;
use plimsoll_store::Store;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The region of requests that name none, when none is pinned.
pub const DEFAULT_REGION: &str = "us-east-1";

#[derive(Clone)]
pub struct ServerSettings {
    /// Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Twelve digits; part of every ARN.
    pub account_id: Arc<str>,
    /// Given: requests signed for another region are refused. Absent: each region is a namespace of its own.
    pub region: Option<Arc<str>>,
    pub auth: Auth,
    pub store: Arc<dyn Store>,
    pub control: ControlSettings,
    pub limits: Limits,
}

impl ServerSettings {
    /// The region of a request that does not say one.
    pub fn default_region(&self) -> Arc<str> {
        self.region.clone().unwrap_or_else(|| DEFAULT_REGION.into())
    }
}

/// Who may call.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Anybody who can connect; only on a loopback address (S-19).
    Open,
    /// Holders of one of these keys (W-15).
    Keys(Credentials),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    pub body_bytes_max: usize,
    /// The whole body must have arrived by then (F-30).
    pub body_timeout: Duration,
    /// From accept to the end of the first request's headers (F-31).
    pub header_timeout: Duration,
    pub header_bytes_max: usize,
    pub connections_max: usize,
    /// Per HTTP/2 connection.
    pub streams_max: u32,
    /// A silent HTTP/2 peer is asked after this long and cut off after as long again.
    pub keep_alive: Duration,
    /// Messages that may wait for one agent stream; at the limit the stream is closed and the agent comes back.
    pub stream_messages_max: usize,
    pub agent_message_bytes_max: usize,
    pub nodes_per_stream_max: usize,
    /// Requests under way get this long when the server stops.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes_max: 1 << 20,
            body_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            header_bytes_max: 16 << 10,
            connections_max: 10_000,
            streams_max: 10_000,
            keep_alive: Duration::from_secs(5),
            stream_messages_max: 100_000,
            agent_message_bytes_max: 16 << 20,
            nodes_per_stream_max: 20_000,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
