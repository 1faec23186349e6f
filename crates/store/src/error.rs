//! What a store can answer instead of what was asked for.

use plimsoll_model::{ClusterKey, Epoch};
use std::path::PathBuf;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else took the cluster over: drop everything.
    #[error("lease of cluster {cluster} at epoch {} was taken over", epoch.0)]
    Fenced { cluster: ClusterKey, epoch: Epoch },
    #[error("lease of cluster {cluster} is held by {holder}")]
    LeaseHeld { cluster: ClusterKey, holder: String },
    /// The database did not answer, or gave up. Whether a commit took effect is unknown.
    #[error("database not available while {doing}")]
    Unavailable { doing: &'static str, source: BoxError },
    /// A row does not read as what it should be, or contradicts another.
    #[error("row {id} of {table} is corrupt")]
    Corrupt { table: &'static str, id: String, source: BoxError },
    /// A batch contradicts what is stored; nothing of it was written.
    #[error("constraint {constraint} refused what was written")]
    Constraint { constraint: String, source: BoxError },
    /// The database refused for a reason that trying again does not cure.
    #[error("database refused {doing}")]
    Refused { doing: &'static str, source: BoxError },
    #[error("cannot bring the database schema up to date")]
    Migration(#[source] BoxError),
    /// D-1: what is acknowledged must survive a power cut.
    #[error("database has {setting}={value}, with which an acknowledged commit can be lost; expected {expected}")]
    NotDurable { setting: &'static str, value: String, expected: &'static str },
    /// ECS texts are Unicode; a batch with one that the database cannot hold would fail for ever.
    #[error("database has encoding {encoding}, which cannot hold every text; expected UTF8")]
    Encoding { encoding: String },
    #[error("database file is in use by another process, which holds a lock on {}", file.display())]
    Locked { file: PathBuf },
    #[error("cannot use database file {}", file.display())]
    File { file: PathBuf, source: std::io::Error },
    /// Never shows the URL itself: it may hold a password.
    #[error("database url is not usable: {problem}")]
    Url { problem: String },
}

impl Error {
    /// Whether the same request can succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Fenced { .. } | Error::LeaseHeld { .. } | Error::Unavailable { .. } => true,
            Error::Corrupt { .. }
            | Error::Constraint { .. }
            | Error::Refused { .. }
            | Error::Migration(_)
            | Error::NotDurable { .. }
            | Error::Encoding { .. }
            | Error::Locked { .. }
            | Error::File { .. }
            | Error::Url { .. } => false,
        }
    }
}
