//! DeleteCluster: only an empty one, checked in ECS's order (CL-8).

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{Cluster, ClusterStatus, ServiceStatus};

impl ClusterCore {
    pub(super) fn delete_cluster(&mut self, out: &mut Outbox) -> Result<Output, CommandError> {
        let cluster = self.config.cluster.name.clone();
        let instances = self.image.registered_instances();
        if instances > 0 {
            return Err(CommandError::ClusterContainsContainerInstances { cluster, count: instances });
        }
        let services = self.image.services.values().filter(|row| row.status != ServiceStatus::Inactive).count();
        if services > 0 {
            let count = u32::try_from(services).unwrap_or(u32::MAX);
            return Err(CommandError::ClusterContainsServices { cluster, count });
        }
        let tasks = self.image.total().not_stopped;
        if tasks > 0 {
            return Err(CommandError::ClusterContainsTasks { cluster, count: tasks });
        }
        let mut row = Cluster::clone(self.image.cluster.as_ref().expect("commands need an active cluster"));
        row.status = ClusterStatus::Inactive;
        row.deleted_at = Some(self.now);
        Ok(Output::Cluster(self.put_cluster(row, out)))
    }
}
