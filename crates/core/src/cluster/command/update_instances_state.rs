//! UpdateContainerInstancesState: draining and undraining (CI-6, CI-7, DEP-30..35).

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Failure, FailureReason, Output};
use plimsoll_model::{InstanceId, InstanceStatus, Task};
use plimsoll_placement::mutant;
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn update_instances_state(
        &mut self,
        ids: &[InstanceId],
        status: InstanceStatus,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        if status == InstanceStatus::Inactive {
            let text = "container instance status should be one of [ACTIVE, DRAINING]";
            return Err(CommandError::InvalidParameter(text.to_owned()));
        }
        let (mut instances, mut failures) = (Vec::new(), Vec::new());
        for &id in ids {
            let failed = |reason| Failure { instance: Some(id), reason, detail: None };
            match self.image.instances.get(&id).cloned() {
                None => failures.push(failed(FailureReason::Missing)),
                Some(row) if row.status == InstanceStatus::Inactive => failures.push(failed(FailureReason::Inactive)),
                Some(row) if row.status == status => instances.push(row),
                Some(_) => {
                    instances.push(self.update_instance(id, |row| row.status = status, out));
                    mutant!(DrainIsNotHeard => (), self.replace_or_keep_tasks_of(id));
                }
            }
        }
        Ok(Output::Instances { instances, failures })
    }

    /// Whether its tasks are to be replaced has changed; the services they belong to find out.
    fn replace_or_keep_tasks_of(&mut self, instance: InstanceId) {
        let tasks: Vec<Arc<Task>> =
            self.image.tasks_of_instance(instance).filter(|task| task.is_live()).cloned().collect();
        for task in tasks {
            if self.derive_slot(&task)
                && let Some(service) = &task.service
            {
                self.work.mark(service);
            }
        }
    }
}
