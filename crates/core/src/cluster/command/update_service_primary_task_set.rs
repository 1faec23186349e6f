//! UpdateServicePrimaryTaskSet (SVC-53): which set the service shows as its own. No task starts or stops for it.

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{Deployment, DeploymentId, DeploymentStatus, Service, ServiceName};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn update_service_primary_task_set(
        &mut self,
        service: &ServiceName,
        id: DeploymentId,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let row = self.service_with_task_sets(service)?;
        let set = self.task_set(service, id)?;
        match set.status {
            DeploymentStatus::Primary => return Ok(Output::TaskSet(set)),
            DeploymentStatus::Draining => return Err(CommandError::TaskSetDraining { task_set: id }),
            DeploymentStatus::Active | DeploymentStatus::Inactive => {}
        }
        if let Some(old) = self.image.primary_deployment(service).map(|row| row.id) {
            self.set_status(old, DeploymentStatus::Active, out);
        }
        let set = self.set_status(id, DeploymentStatus::Primary, out);
        let definition = Arc::clone(&self.derived.definitions.get(&set.definition).definition);
        let mut row = Service::clone(&row);
        row.definition = Some(definition.id.clone());
        if let Some(part) = &set.task_set {
            row.launch_type = part.launch_type;
            row.capacity_provider_strategy.clone_from(&part.capacity_provider_strategy);
        }
        self.put_service(row, Some(&definition), out);
        Ok(Output::TaskSet(set))
    }

    fn set_status(&mut self, id: DeploymentId, status: DeploymentStatus, out: &mut Outbox) -> Arc<Deployment> {
        let now = self.now;
        self.update_deployment(
            id,
            |row| {
                row.status = status;
                row.updated_at = now;
            },
            out,
        )
    }
}
