//! What the back ends share about capacity providers, which belong to a namespace and to no cluster.

use crate::error::Error;
use crate::rows::corrupt;
use plimsoll_model::{CapacityProvider, ClusterName};
use std::sync::Arc;

/// What came of deleting a capacity provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderDeletion {
    /// As it was.
    Deleted(Arc<CapacityProvider>),
    Missing,
    /// An ACTIVE cluster has it among its providers; the first such cluster by name.
    Associated(ClusterName),
}

pub(crate) const TABLE: &str = "capacity_providers";

pub(crate) fn read(name: &str, document: &str) -> Result<Arc<CapacityProvider>, Error> {
    let row = serde_json::from_str(document).map_err(|source| corrupt(TABLE, name, source.into()))?;
    Ok(Arc::new(row))
}

pub(crate) fn read_cluster(name: &str) -> Result<ClusterName, Error> {
    ClusterName::parse(name).map_err(|error| corrupt("clusters", name, error.into()))
}
