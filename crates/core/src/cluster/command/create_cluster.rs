//! CreateCluster (CL-1, CL-2).

use super::super::{ClusterCore, Outbox};
use super::update_cluster::{SETTINGS, merged};
use crate::Output;
use crate::command::CreateCluster;
use plimsoll_model::{Cluster, ClusterStatus};

impl ClusterCore {
    pub(super) fn create_cluster(&mut self, mut request: CreateCluster, out: &mut Outbox) -> Output {
        if let Some(active) = self.image.cluster.as_ref().filter(|row| row.status == ClusterStatus::Active) {
            return Output::Cluster(active.clone());
        }
        if self.image.cluster.is_some() {
            // An INACTIVE cluster is empty but for what is still describable: the revived one starts without it.
            self.forget_everything(out);
        }
        if let Some(settings) = request.echo.get_mut(SETTINGS) {
            *settings = merged(None, settings);
        }
        let row = Cluster {
            key: self.config.cluster.clone(),
            status: ClusterStatus::Active,
            created_at: self.now,
            deleted_at: None,
            tags: request.tags,
            capacity_providers: request.capacity.capacity_providers,
            default_capacity_provider_strategy: request.capacity.default_strategy,
            echo: request.echo,
        };
        Output::Cluster(self.put_cluster(row, out))
    }
}
