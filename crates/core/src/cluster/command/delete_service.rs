//! DeleteService (SVC-16). Stopping the tasks is the reconciler's work.

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{DeploymentController, SchedulingStrategy, ServiceName, ServiceStatus};

impl ClusterCore {
    pub(super) fn delete_service(
        &mut self,
        name: &ServiceName,
        force: bool,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let service = name.clone();
        let row = match self.image.services.get(name) {
            None => return Err(CommandError::ServiceNotFound { service }),
            Some(row) => row,
        };
        match row.status {
            ServiceStatus::Inactive => return Err(CommandError::ServiceNotFound { service }),
            ServiceStatus::Draining => return Ok(Output::Service(service)),
            ServiceStatus::Active => {}
        }
        // The number of instances is nothing a caller could bring down.
        let is_scaled = row.desired_count > 0 && row.scheduling_strategy == SchedulingStrategy::Replica;
        if is_scaled && !force {
            let desired_count = row.desired_count;
            return Err(CommandError::ServiceScaledAboveZero { service, desired_count });
        }
        let controller = row.controller;
        self.update_service_row(
            name,
            |row| {
                row.desired_count = 0;
                row.status = ServiceStatus::Draining;
            },
            out,
        );
        match controller {
            DeploymentController::Ecs => self.scale_primary(name, 0, out),
            DeploymentController::External => self.retire_task_sets(name, out),
        }
        self.history_ends_with_service(name, out);
        self.finish_deletion(name, out);
        self.work.mark(name);
        Ok(Output::Service(service))
    }
}
