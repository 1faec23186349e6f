//! The history of a service's deployments, written once per transition (DEP-50..52).
//!
//! At most one entry of a service is unfinished: the newest. It is about the PRIMARY deployment, or about the one that
//! the PRIMARY took the place of in a rollback.

use super::timers::Timer;
use super::{ClusterCore, Outbox};
use plimsoll_model::{
    Deployment, DeploymentId, DeploymentStatus, Rollback, ServiceDeployment, ServiceDeploymentStatus, ServiceName,
    ServiceRevision, TaskDefinition, Timestamp,
};
use std::sync::Arc;

/// How long a finished entry is kept (DEP-52): 90 days.
const KEPT_MS: u64 = 90 * 86_400_000;
/// Entries of one service; beyond them the oldest go, however young.
const KEPT_PER_SERVICE_MAX: usize = 1_000;

const SUPERSEDED: &str = "A newer service deployment took its place.";
const DELETED: &str = "The service was deleted.";

impl ClusterCore {
    /// A deployment was created: PENDING until the scheduler looks at it.
    pub(super) fn record_deployment(&mut self, row: &Deployment, definition: &TaskDefinition, out: &mut Outbox) {
        let service = &self.image.services[&row.service];
        let Some(settings) = &row.settings else { return };
        let others = self.image.deployments_of_service(&row.service);
        let listed = others.filter(|one| one.id != row.id && one.status != DeploymentStatus::Inactive);
        let images = definition.containers.iter().map(|one| (Arc::clone(&one.name), Arc::clone(&one.image)));
        // Two in one millisecond keep their order, which the time alone has to tell.
        let newest = self.image.service_deployments_of(&row.service).next().map(|entry| entry.created_at);
        let created_at = newest.map_or(self.now, |newest| self.now.max(newest.plus_millis(1)));
        let entry = ServiceDeployment {
            id: row.id,
            service: row.service.clone(),
            revision: ServiceRevision {
                definition: row.definition.clone(),
                settings: Arc::clone(settings),
                images: images.collect(),
            },
            sources: listed.map(|one| one.id).collect(),
            status: ServiceDeploymentStatus::Pending,
            status_reason: None,
            created_at,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: self.now,
            configuration: service.deployment_configuration,
            failed_tasks: 0,
            threshold: 0,
            triggered: false,
            rollback: None,
        };
        self.put_service_deployment(entry, out);
        self.forget_surplus_history(&row.service, out);
    }

    pub(super) fn deployment_is_looked_at(&mut self, id: DeploymentId, out: &mut Outbox) {
        let entry = self.image.service_deployments.get(&id);
        if entry.is_some_and(|entry| entry.status == ServiceDeploymentStatus::Pending) {
            let now = self.now;
            self.change_history(
                id,
                |entry| {
                    entry.status = ServiceDeploymentStatus::InProgress;
                    entry.started_at = Some(now);
                },
                out,
            );
        }
    }

    /// The PRIMARY is COMPLETED: what it was to bring is there, or the service is back at it.
    pub(super) fn deployment_is_completed(&mut self, before: &Deployment, out: &mut Outbox) {
        match &before.rolling_back {
            Some(back) => self.finish_history(back.from, ServiceDeploymentStatus::RollbackSuccessful, None, out),
            None => self.finish_history(before.id, ServiceDeploymentStatus::Successful, None, out),
        }
    }

    /// Given up with nothing to go back to, or itself a way back.
    pub(super) fn deployment_is_stopped(&mut self, before: &Deployment, reason: &Arc<str>, out: &mut Outbox) {
        let reason = Some(Arc::clone(reason));
        match &before.rolling_back {
            Some(back) => self.finish_history(back.from, ServiceDeploymentStatus::RollbackFailed, reason, out),
            None => self.finish_history(before.id, ServiceDeploymentStatus::Stopped, reason, out),
        }
    }

    pub(super) fn rollback_begins(
        &mut self,
        id: DeploymentId,
        target: DeploymentId,
        reason: &Arc<str>,
        out: &mut Outbox,
    ) {
        if !self.image.service_deployments.contains_key(&id) {
            return;
        }
        let (now, counts) = (self.now, self.failure_counts(id));
        self.change_history(
            id,
            |entry| {
                entry.status = ServiceDeploymentStatus::RollbackInProgress;
                entry.status_reason = Some(Arc::clone(reason));
                (entry.failed_tasks, entry.threshold) = counts;
                entry.rollback = Some(Rollback { reason: Arc::clone(reason), started_at: now, target });
            },
            out,
        );
    }

    pub(super) fn breaker_triggered(&mut self, id: DeploymentId, out: &mut Outbox) {
        if self.image.service_deployments.contains_key(&id) {
            self.change_history(id, |entry| entry.triggered = true, out);
        }
    }

    /// The unfinished entry of a service, if it has one.
    pub(super) fn unfinished(&self, service: &ServiceName) -> Option<&Arc<ServiceDeployment>> {
        let newest = self.image.service_deployments_of(service).next();
        newest.filter(|entry| !entry.status.is_finished())
    }

    pub(super) fn history_is_superseded(&mut self, service: &ServiceName, out: &mut Outbox) {
        self.end_unfinished(service, SUPERSEDED, out);
    }

    pub(super) fn history_ends_with_service(&mut self, service: &ServiceName, out: &mut Outbox) {
        self.end_unfinished(service, DELETED, out);
    }

    fn end_unfinished(&mut self, service: &ServiceName, reason: &str, out: &mut Outbox) {
        let Some(entry) = self.unfinished(service) else { return };
        let status = if entry.status == ServiceDeploymentStatus::RollbackInProgress {
            ServiceDeploymentStatus::RollbackFailed
        } else {
            ServiceDeploymentStatus::Stopped
        };
        self.finish_history(entry.id, status, Some(reason.into()), out);
    }

    fn finish_history(
        &mut self,
        id: DeploymentId,
        status: ServiceDeploymentStatus,
        reason: Option<Arc<str>>,
        out: &mut Outbox,
    ) {
        let Some(entry) = self.image.service_deployments.get(&id).filter(|entry| !entry.status.is_finished()) else {
            return;
        };
        let service = self.image.services.get(&entry.service);
        let configuration = service.map_or(entry.configuration, |row| row.deployment_configuration);
        let (now, counts) = (self.now, self.failure_counts(id));
        self.change_history(
            id,
            |entry| {
                if entry.status.is_under_way() {
                    (entry.failed_tasks, entry.threshold) = counts;
                    entry.configuration = configuration;
                }
                entry.status = status;
                entry.status_reason = reason.or(entry.status_reason.take());
                entry.finished_at = Some(now);
                entry.stopped_at = Some(now).filter(|_| status == ServiceDeploymentStatus::Stopped);
            },
            out,
        );
    }

    /// Failures of a deployment, and the threshold for them as it is now.
    fn failure_counts(&self, id: DeploymentId) -> (u32, u32) {
        let Some(row) = self.image.deployments.get(&id) else { return (0, 0) };
        let threshold = self.image.services.get(&row.service).map_or(0, |service| {
            service.deployment_configuration.circuit_breaker.threshold.failures(service.desired_count)
        });
        (row.failed_tasks, threshold)
    }

    pub(super) fn change_history(
        &mut self,
        id: DeploymentId,
        edit: impl FnOnce(&mut ServiceDeployment),
        out: &mut Outbox,
    ) {
        let mut entry = ServiceDeployment::clone(&self.image.service_deployments[&id]);
        edit(&mut entry);
        entry.updated_at = self.now;
        self.put_service_deployment(entry, out);
    }

    /// A finished entry is forgotten after its time, but not while its deployment is there: somebody may ask what runs.
    pub(super) fn derive_history(&mut self, id: DeploymentId) {
        let timer = Timer::ForgetServiceDeployment(id);
        match self.image.service_deployments.get(&id).and_then(|entry| entry.finished_at) {
            Some(at) if !self.image.deployments.contains_key(&id) => self.timers.set(timer, expiry(at)),
            Some(_) | None => self.timers.cancel(&timer),
        }
    }

    /// The bound of one service's history; what is in use stays.
    fn forget_surplus_history(&mut self, service: &ServiceName, out: &mut Outbox) {
        let ids: Vec<DeploymentId> = self.image.service_deployments_of(service).map(|entry| entry.id).collect();
        for id in ids.into_iter().skip(KEPT_PER_SERVICE_MAX) {
            if !self.image.deployments.contains_key(&id) {
                self.remove_service_deployment(id, out);
            }
        }
    }

    pub(super) fn forget_history(&mut self, service: &ServiceName, out: &mut Outbox) {
        let ids: Vec<DeploymentId> = self.image.service_deployments_of(service).map(|entry| entry.id).collect();
        for id in ids {
            self.remove_service_deployment(id, out);
        }
    }
}

fn expiry(finished_at: Timestamp) -> Timestamp {
    finished_at.plus_millis(KEPT_MS)
}
