//! What can go wrong between a request and its commit.

use plimsoll_core::CommandError;
use plimsoll_model::ClusterKey;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot list the clusters of the store")]
    Clusters(#[source] plimsoll_store::Error),
    #[error("cannot read randomness from the operating system: {0}")]
    Entropy(getrandom::Error),
}

/// Why a request was not carried out, or why nobody knows whether it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The caller's mistake.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// More requests wait for the cluster than it takes: try again later (I-35).
    #[error("{waiting} requests wait for cluster {cluster} already")]
    Throttled { cluster: ClusterKey, waiting: usize },
    /// The cluster has no writer at the moment, or lost it while the request was being committed: it may or may not
    /// have been carried out; retrying is right.
    #[error("cluster {cluster} is not available at the moment")]
    Unavailable { cluster: ClusterKey },
}
