//! Task sets: each is looked after by itself, with the stages of a rollout, as a deployment that wants its computed
//! count (SVC-51). A pass over a set sees the tasks of that set alone; "old" to it are those on DRAINING instances.

use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox, events};
use super::Pass;
use events::Speaker;
use plimsoll_model::{Deployment, DeploymentStatus, Service, StabilityStatus, Task, TaskId};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn reconcile_task_sets(&mut self, service: &Arc<Service>, budget: &mut usize, out: &mut Outbox) {
        for set in self.task_sets_of(&service.name) {
            match set.status {
                DeploymentStatus::Draining => self.drain_task_set(&set, out),
                DeploymentStatus::Primary | DeploymentStatus::Active | DeploymentStatus::Inactive => {
                    self.run(Pass::over(Arc::clone(service), set), budget, out);
                }
            }
        }
    }

    /// SVC-54: its tasks are stopped, and with the last of them it is gone.
    fn drain_task_set(&mut self, set: &Deployment, out: &mut Outbox) {
        let of_set = |task: &&Arc<Task>| task.deployment == Some(set.id) && task.is_live();
        let live: Vec<Arc<Task>> = match self.image.deployment_counts(set.id).live {
            0 => Vec::new(),
            _ => self.image.tasks_of_service(&set.service).filter(of_set).cloned().collect(),
        };
        let stopped: Vec<TaskId> = live.iter().map(|task| task.id).collect();
        for task in &live {
            self.stop_task(task, StopBecause::scaling(task), out);
        }
        if !stopped.is_empty() {
            self.add_event(&set.service, events::stopped(Speaker::of(set), &stopped), out);
        }
        if self.image.deployment_counts(set.id).not_stopped == 0 {
            self.remove_deployment(set.id, out);
            self.forget_said_of(set, out);
        }
    }

    /// SVC-52: says when a set becomes what it is to be, and when that ends.
    pub(super) fn show_stability(&mut self, pass: &Pass, is_steady: bool, out: &mut Outbox) {
        let stability = if is_steady { StabilityStatus::SteadyState } else { StabilityStatus::Stabilizing };
        let shown = self.image.deployments[&pass.primary.id].task_set.as_ref().map(|set| set.stability);
        if shown.is_none_or(|shown| shown == stability) {
            return;
        }
        let now = self.now;
        self.update_deployment(
            pass.primary.id,
            |row| {
                if let Some(set) = &mut row.task_set {
                    set.stability = stability;
                    set.stability_at = now;
                }
            },
            out,
        );
    }
}
