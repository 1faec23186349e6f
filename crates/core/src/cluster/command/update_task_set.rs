//! UpdateTaskSet: another scale (SVC-51).

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{DeploymentId, DeploymentStatus, Scale, ServiceName};

impl ClusterCore {
    pub(super) fn update_task_set(
        &mut self,
        service: &ServiceName,
        id: DeploymentId,
        scale: Scale,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let row = self.service_with_task_sets(service)?;
        if self.task_set(service, id)?.status == DeploymentStatus::Draining {
            return Err(CommandError::TaskSetDraining { task_set: id });
        }
        let set = self.scale_task_set(id, scale, row.desired_count, out);
        self.work.mark(service);
        Ok(Output::TaskSet(set))
    }
}
