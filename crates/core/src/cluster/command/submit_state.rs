//! SubmitTaskStateChange and SubmitContainerStateChange: reports that come over the API instead of a session (OP-5).

use super::super::{ClusterCore, Outbox};
use crate::Output;
use crate::command::{ContainerStateChange, SubmitContainerStateChange, SubmitTaskStateChange};
use crate::protocol::{StopCause, TaskReport};
use plimsoll_model::{Container, Task, TaskStatus};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn submit_task_state(&mut self, request: SubmitTaskStateChange, out: &mut Outbox) -> Output {
        // Of a task that no node has, nobody has anything to report.
        let is_reportable = |task: &&Arc<Task>| task.instance.is_some() && !task.is_stopped();
        let Some(task) = self.image.tasks.get(&request.task).filter(is_reportable).cloned() else {
            return Output::Acknowledged;
        };
        let status = request.status.unwrap_or(task.last_status);
        let never_ran = task.started_at.is_none() && status == TaskStatus::Stopped;
        let report = TaskReport {
            task: task.id,
            status,
            containers: request.containers.iter().filter_map(|change| changed(&task, change)).collect(),
            stop: request.reason.filter(|_| never_ran).map(|reason| StopCause::FailedToStart { reason }),
            pull_started_at: request.pull_started_at,
            pull_stopped_at: request.pull_stopped_at,
            execution_stopped_at: request.execution_stopped_at,
        };
        self.observe_task(&task, &report, out);
        Output::Acknowledged
    }

    pub(super) fn submit_container_state(&mut self, request: SubmitContainerStateChange, out: &mut Outbox) -> Output {
        self.submit_task_state(
            SubmitTaskStateChange {
                task: request.task,
                status: None,
                reason: None,
                containers: vec![request.container],
                pull_started_at: None,
                pull_stopped_at: None,
                execution_stopped_at: None,
            },
            out,
        )
    }
}

/// The container as it is after the change; one the task does not have is ignored.
fn changed(task: &Task, change: &ContainerStateChange) -> Option<Container> {
    let mut container = task.containers.iter().find(|container| container.name == change.name)?.clone();
    container.last_status = change.status.unwrap_or(container.last_status);
    container.exit_code = change.exit_code.or(container.exit_code);
    container.reason = change.reason.clone().or(container.reason);
    container.runtime_id = change.runtime_id.clone().or(container.runtime_id);
    container.image_digest = change.image_digest.clone().or(container.image_digest);
    if !change.bindings.is_empty() {
        container.bindings.clone_from(&change.bindings);
    }
    Some(container)
}
