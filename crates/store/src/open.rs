//! From a URL to a store.

use crate::{Error, MemoryStore, PostgresStore, SqliteStore, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a database URL does not say.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A holder that has not renewed for this long may be replaced. Statements of a writer are given a third of it.
    pub lease_ttl: Duration,
    /// Start on a Postgres that acknowledges commits before they are on disk (D-1): only for data nobody misses.
    pub asynchronous_commit_allowed: bool,
    /// Connections that commit, per process: clusters share them.
    pub writer_connections_max: u32,
    /// Connections that load clusters and read task definitions.
    pub reader_connections_max: u32,
    /// How long a statement waits for a connection, and a connection for the server.
    pub connect_timeout: Duration,
}

impl Settings {
    pub const fn standard() -> Self {
        Settings {
            lease_ttl: Duration::from_secs(10),
            asynchronous_commit_allowed: false,
            writer_connections_max: 8,
            reader_connections_max: 8,
            connect_timeout: Duration::from_secs(3),
        }
    }
}

/// `postgres://...`, `sqlite://path` or `memory:`, with [`Settings::standard`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>, Error> {
    open_with(url, &Settings::standard()).await
}

pub async fn open_with(url: &str, settings: &Settings) -> Result<Arc<dyn Store>, Error> {
    if let Some(path) = url.strip_prefix("sqlite://") {
        return Ok(Arc::new(SqliteStore::open(Path::new(path), settings).await?));
    }
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => Ok(Arc::new(PostgresStore::open(url, settings).await?)),
        Some("memory") => Ok(Arc::new(MemoryStore::new())),
        _ => Err(Error::Url { problem: "expected postgres://..., sqlite://path or memory:".to_owned() }),
    }
}
