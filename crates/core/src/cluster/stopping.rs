//! Telling a task to stop.

use super::{ClusterCore, Outbox};
use plimsoll_model::{DesiredStatus, StopCode, Task, TaskStatus};
use plimsoll_placement::mutant;
use std::sync::Arc;

/// Why, in the words of TL-7 and TL-8.
#[derive(Clone, Debug)]
pub(super) struct StopBecause {
    pub code: StopCode,
    pub reason: Arc<str>,
}

impl StopBecause {
    pub fn user(reason: Option<Arc<str>>) -> Self {
        StopBecause { code: StopCode::UserInitiated, reason: reason.unwrap_or_else(|| "Task stopped by user".into()) }
    }

    /// Scale-in, replacement or deletion: names the deployment the task belongs to.
    pub fn scaling(task: &Task) -> Self {
        let reason = match task.deployment {
            Some(deployment) => format!("Scaling activity initiated by (deployment {deployment})"),
            None => "Scaling activity".to_owned(),
        };
        StopBecause { code: StopCode::ServiceSchedulerInitiated, reason: reason.into() }
    }

    pub fn unhealthy() -> Self {
        StopBecause { code: StopCode::ServiceSchedulerInitiated, reason: "Task failed container health checks".into() }
    }
}

impl ClusterCore {
    /// Once is enough: a task that is to stop already keeps its first reason. One that no node was told of, or that
    /// has none yet, is STOPPED here and now (TL-6); any other holds its resources until its node says so (D-6).
    pub(super) fn stop_task(&mut self, task: &Arc<Task>, because: StopBecause, out: &mut Outbox) -> Arc<Task> {
        if !task.is_live() {
            return Arc::clone(task);
        }
        let mut row = Task::clone(task);
        row.desired_status = DesiredStatus::Stopped;
        row.stop_code = Some(because.code);
        row.stopped_reason = Some(because.reason);
        row.stopping_at = Some(self.now);
        let nobody_knows = row.instance.is_none() || self.undelivered.contains(&row.id);
        if mutant!(StopsWithoutAsking => true, nobody_knows) {
            row.last_status = TaskStatus::Stopped;
            row.stopped_at = Some(self.now);
            for container in &mut row.containers {
                container.last_status = TaskStatus::Stopped;
            }
        }
        self.update_task(task, row, out)
    }
}
