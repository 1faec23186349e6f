//! UpdateCluster and UpdateClusterSettings (CL-9).

use super::super::{ClusterCore, Outbox};
use crate::Output;
use plimsoll_model::Cluster;
use serde_json::{Map, Value};

impl ClusterCore {
    /// Members that are not given stay.
    pub(super) fn update_cluster(&mut self, echo: Map<String, Value>, out: &mut Outbox) -> Output {
        let before = self.image.cluster.clone().expect("commands need an active cluster");
        let mut row = Cluster::clone(&before);
        row.echo.extend(echo);
        if row == *before { Output::Cluster(before) } else { Output::Cluster(self.put_cluster(row, out)) }
    }
}
