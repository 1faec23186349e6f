//! What commands and the scheduler have in common about the task sets of a service.

use super::{ClusterCore, Outbox};
use crate::CommandError;
use plimsoll_model::{
    Deployment, DeploymentController, DeploymentId, DeploymentStatus, Scale, Service, ServiceName, ServiceStatus,
    StabilityStatus, Timestamp,
};
use std::sync::Arc;

impl ClusterCore {
    /// Oldest first.
    pub(super) fn task_sets_of(&self, service: &ServiceName) -> Vec<Arc<Deployment>> {
        let all = self.image.deployments_of_service(service);
        let mut sets: Vec<Arc<Deployment>> = all.filter(|row| row.task_set.is_some()).cloned().collect();
        sets.sort_by_key(|row| (row.created_at, row.id));
        sets
    }

    /// A service that a command may make or change task sets of (SVC-50).
    pub(super) fn service_with_task_sets(&self, name: &ServiceName) -> Result<Arc<Service>, CommandError> {
        let service = name.clone();
        let Some(row) = self.image.services.get(name) else { return Err(CommandError::ServiceNotFound { service }) };
        if row.controller != DeploymentController::External {
            return Err(CommandError::ServiceWithoutTaskSets { service });
        }
        if row.status != ServiceStatus::Active {
            return Err(CommandError::ServiceNotActive { service });
        }
        Ok(Arc::clone(row))
    }

    pub(super) fn task_set(&self, service: &ServiceName, id: DeploymentId) -> Result<Arc<Deployment>, CommandError> {
        let found = self.image.deployments.get(&id).filter(|row| row.service == *service && row.task_set.is_some());
        found.cloned().ok_or_else(|| CommandError::TaskSetNotFound { service: service.clone(), task_set: id })
    }

    /// Gives a set its scale, and the count that follows from it and from the service's (SVC-51).
    pub(super) fn scale_task_set(
        &mut self,
        id: DeploymentId,
        scale: Scale,
        service_desired: u32,
        out: &mut Outbox,
    ) -> Arc<Deployment> {
        let now = self.now;
        self.update_deployment(id, |row| rescale(row, scale, service_desired, now), out)
    }

    /// The service wants another number of tasks: so does each of its sets.
    pub(super) fn scale_task_sets(&mut self, service: &ServiceName, desired_count: u32, out: &mut Outbox) {
        for set in self.task_sets_of(service) {
            let scale = set.task_set.as_ref().map_or(Scale::ZERO, |set| set.scale);
            if set.desired_count != scale.of(desired_count) {
                self.scale_task_set(set.id, scale, desired_count, out);
            }
        }
    }

    /// The set is deleted: it runs nothing any more and is gone with its last task (SVC-54). A service whose PRIMARY it
    /// was has none until somebody says (SVC-53).
    pub(super) fn retire_task_set(&mut self, set: &Deployment, out: &mut Outbox) -> Arc<Deployment> {
        if set.status == DeploymentStatus::Primary {
            let mut service = Service::clone(&self.image.services[&set.service]);
            service.definition = None;
            self.put_service(service, None, out);
        }
        let now = self.now;
        self.update_deployment(
            set.id,
            |row| {
                row.status = DeploymentStatus::Draining;
                rescale(row, Scale::ZERO, 0, now);
            },
            out,
        )
    }

    pub(super) fn retire_task_sets(&mut self, service: &ServiceName, out: &mut Outbox) {
        for set in self.task_sets_of(service) {
            if set.status != DeploymentStatus::Draining {
                self.retire_task_set(&set, out);
            }
        }
    }
}

fn rescale(row: &mut Deployment, scale: Scale, service_desired: u32, now: Timestamp) {
    let before = row.desired_count;
    row.desired_count = scale.of(service_desired);
    row.updated_at = now;
    let Some(set) = &mut row.task_set else { return };
    set.scale = scale;
    if row.desired_count != before && set.stability == StabilityStatus::SteadyState {
        set.stability = StabilityStatus::Stabilizing;
        set.stability_at = now;
    }
}
