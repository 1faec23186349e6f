//! A deleted service: its tasks are stopped, then it is INACTIVE (SVC-16).

use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox, events};
use plimsoll_model::{DeploymentId, Service, ServiceName, ServiceStatus, Task, TaskId};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn drain_deleted(&mut self, service: &Service, out: &mut Outbox) {
        let live: Vec<Arc<Task>> = match self.image.service_counts(&service.name).live {
            0 => Vec::new(),
            _ => self.image.tasks_of_service(&service.name).filter(|task| task.is_live()).cloned().collect(),
        };
        let stopped: Vec<TaskId> = live.iter().map(|task| task.id).collect();
        for task in &live {
            self.stop_task(task, StopBecause::scaling(task), out);
        }
        if !stopped.is_empty() {
            self.add_event(&service.name, events::stopped(&service.name, &stopped), out);
        }
        self.finish_deletion(&service.name, out);
    }

    /// INACTIVE as soon as every task is at least STOPPING; from then on it has no deployments.
    pub(in super::super) fn finish_deletion(&mut self, name: &ServiceName, out: &mut Outbox) {
        let counts = self.image.service_counts(name);
        if counts.live > 0 || counts.running > 0 || counts.pending > 0 {
            return;
        }
        let deployments: Vec<DeploymentId> = self.image.deployments_of_service(name).map(|row| row.id).collect();
        for id in deployments {
            self.remove_deployment(id, out);
        }
        let now = self.now;
        self.update_service_row(
            name,
            |row| {
                row.status = ServiceStatus::Inactive;
                row.inactive_at = Some(now);
            },
            out,
        );
    }
}
