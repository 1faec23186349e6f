//! The right to write one cluster.

use plimsoll_model::{ClusterKey, Epoch};

/// Handed out by [`crate::Store::acquire`]. Holding one proves nothing: every commit checks the epoch again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    pub cluster: ClusterKey,
    pub epoch: Epoch,
    /// The number under which the store keeps the cluster's rows; means nothing outside the store that gave it.
    pub(crate) cluster_id: i32,
}
