//! DeleteTaskSet (SVC-54). Stopping the tasks is the reconciler's work.

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{DeploymentId, DeploymentStatus, Scale, ServiceName};

impl ClusterCore {
    pub(super) fn delete_task_set(
        &mut self,
        service: &ServiceName,
        id: DeploymentId,
        force: bool,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        self.service_with_task_sets(service)?;
        let set = self.task_set(service, id)?;
        if set.status == DeploymentStatus::Draining {
            return Ok(Output::TaskSet(set));
        }
        let scaled_above_zero = set.task_set.as_ref().is_some_and(|part| part.scale > Scale::ZERO);
        if scaled_above_zero && !force {
            return Err(CommandError::TaskSetScaledAboveZero { task_set: id });
        }
        let set = self.retire_task_set(&set, out);
        self.work.mark(service);
        Ok(Output::TaskSet(set))
    }
}
