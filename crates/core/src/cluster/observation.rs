//! What nodes say about tasks, and what follows from it.
//!
//! A report is whole state and only moves a row forward, so one that comes late, twice or out of order changes
//! nothing (I-17).

use super::stopping::StopBecause;
use super::{ClusterCore, Outbox};
use crate::protocol::{StopCause, TaskReport};
use plimsoll_model::{
    Container, DesiredStatus, HealthStatus, InstanceId, StopCode, Task, TaskDefinition, TaskStatus, Timestamp,
};
use plimsoll_placement::mutant;
use std::sync::Arc;

/// TL-13.
const CONTAINER_REASON_CHARS_MAX: usize = 1_024;

impl ClusterCore {
    /// A node speaks only for tasks placed on it; what it has beyond them it is told to stop.
    pub(super) fn observe(&mut self, instance: InstanceId, report: TaskReport, out: &mut Outbox) {
        let known = self.image.tasks.get(&report.task).cloned();
        match known {
            Some(task) if task.instance == Some(instance) && mutant!(ResurrectsStopped => true, !task.is_stopped()) => {
                self.observe_task(&task, &report, out);
            }
            Some(_) | None => {
                if report.status != TaskStatus::Stopped {
                    self.sessions.owe_stop(instance, report.task);
                }
            }
        }
    }

    pub(super) fn observe_task(&mut self, task: &Arc<Task>, report: &TaskReport, out: &mut Outbox) -> Arc<Task> {
        // Whoever reports a task has heard of it.
        self.undelivered.remove(&task.id);
        let definition = Arc::clone(&self.derived.definitions.get(&task.definition).definition);
        let mut row = Task::clone(task);
        merge_containers(&mut row, &report.containers);
        row.health = task_health(&row.containers, &definition);
        row.last_status = mutant!(ResurrectsStopped => report.status, row.last_status.max(report.status));
        row.pull_started_at = row.pull_started_at.or(report.pull_started_at);
        row.pull_stopped_at = row.pull_stopped_at.or(report.pull_stopped_at);
        row.execution_stopped_at = row.execution_stopped_at.or(report.execution_stopped_at);
        let ran = has_run(&row, report);
        if row.started_at.is_none() && ran {
            row.started_at = Some(started_at(&row, self.now));
        }
        let stopped_by_itself = task.is_live() && ends(&row, report, &definition);
        if stopped_by_itself {
            let because = why_stopped(&row, report, &definition);
            row.desired_status = DesiredStatus::Stopped;
            row.stop_code = Some(because.code);
            row.stopped_reason = Some(because.reason);
            row.stopping_at = Some(self.now);
        }
        if row.is_stopped() {
            finish(&mut row, self.now);
        }
        let row = self.update_task(task, row, out);
        if task.started_at.is_none() && row.started_at.is_some() {
            self.count_start(&row, out);
        } else if stopped_by_itself && row.started_at.is_none() {
            self.count_start_failure(&row, out);
        }
        // A check may succeed before RUNNING is known, which is no success of the task yet.
        let is_healthy = |task: &Task| task.health == HealthStatus::Healthy && task.started_at.is_some();
        if !is_healthy(task) && is_healthy(&row) && row.is_live() {
            self.count_healthy(&row, out);
        }
        row
    }
}

/// Each container forward only; one that is behind what is known says nothing new.
fn merge_containers(row: &mut Task, reported: &[Container]) {
    for container in &mut row.containers {
        let Some(news) = reported.iter().find(|news| news.name == container.name) else { continue };
        if news.last_status < container.last_status {
            continue;
        }
        container.last_status = news.last_status;
        container.health = news.health;
        container.exit_code = news.exit_code.or(container.exit_code);
        container.restart_count = container.restart_count.max(news.restart_count);
        if let Some(reason) = &news.reason {
            container.reason = Some(shorten(reason));
        }
        if news.runtime_id.is_some() {
            container.runtime_id.clone_from(&news.runtime_id);
        }
        if news.image_digest.is_some() {
            container.image_digest.clone_from(&news.image_digest);
        }
        if !news.bindings.is_empty() {
            container.bindings.clone_from(&news.bindings);
        }
    }
}

/// TL-11.
fn task_health(containers: &[Container], definition: &TaskDefinition) -> HealthStatus {
    let checked = |container: &&Container| {
        definition.container(&container.name).is_some_and(|spec| spec.essential && spec.health_check.is_some())
    };
    let mut health = None;
    for container in containers.iter().filter(checked) {
        health = match (health, container.health) {
            (_, HealthStatus::Unhealthy) | (Some(HealthStatus::Unhealthy), _) => Some(HealthStatus::Unhealthy),
            (_, HealthStatus::Unknown) | (Some(HealthStatus::Unknown), _) => Some(HealthStatus::Unknown),
            (_, HealthStatus::Healthy) => Some(HealthStatus::Healthy),
        };
    }
    health.unwrap_or(HealthStatus::Unknown)
}

/// RUNNING was reported, or passed between two reports: then every container got as far as having an exit code.
fn has_run(row: &Task, report: &TaskReport) -> bool {
    match report.status {
        TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => false,
        TaskStatus::Running => true,
        TaskStatus::Deactivating | TaskStatus::Stopping | TaskStatus::Deprovisioning | TaskStatus::Stopped => {
            let failed = matches!(report.stop, Some(StopCause::FailedToStart { .. }));
            !failed && !row.containers.is_empty() && row.containers.iter().all(|one| one.exit_code.is_some())
        }
    }
}

/// The best guess at when it became RUNNING: now, unless it has ended meanwhile.
fn started_at(row: &Task, now: Timestamp) -> Timestamp {
    row.execution_stopped_at.map_or(now, |ended| ended.min(now)).max(row.created_at)
}

/// Whether the report means that the task goes down although nobody here said so (TL-5, TL-14).
fn ends(row: &Task, report: &TaskReport, definition: &TaskDefinition) -> bool {
    let cause_given =
        matches!(report.stop, Some(StopCause::FailedToStart { .. } | StopCause::EssentialContainerExited));
    cause_given || row.last_status > TaskStatus::Running || stopped_essential(row, definition).is_some()
}

fn stopped_essential<'a>(row: &'a Task, definition: &TaskDefinition) -> Option<&'a Container> {
    let essential = |name: &str| definition.container(name).is_none_or(|spec| spec.essential);
    row.containers.iter().find(|one| one.last_status == TaskStatus::Stopped && essential(&one.name))
}

fn why_stopped(row: &Task, report: &TaskReport, definition: &TaskDefinition) -> StopBecause {
    let exited = || StopBecause {
        code: StopCode::EssentialContainerExited,
        reason: "Essential container in task exited".into(),
    };
    let failed = |reason: &Arc<str>| StopBecause { code: StopCode::TaskFailedToStart, reason: shorten(reason) };
    match &report.stop {
        Some(StopCause::FailedToStart { reason }) => failed(reason),
        Some(StopCause::EssentialContainerExited) => exited(),
        Some(StopCause::Requested) | None => {
            let never_started = stopped_essential(row, definition).filter(|container| container.exit_code.is_none());
            match never_started.and_then(|container| container.reason.as_ref()) {
                Some(reason) => failed(reason),
                None if row.started_at.is_none() => failed(&"Task failed to start".into()),
                None => exited(),
            }
        }
    }
}

/// The end of a task, as far as its row goes.
fn finish(row: &mut Task, now: Timestamp) {
    row.desired_status = DesiredStatus::Stopped;
    row.stopping_at = row.stopping_at.or(Some(now));
    row.stopped_at = row.stopped_at.or(Some(now));
    for container in &mut row.containers {
        container.last_status = TaskStatus::Stopped;
    }
}

fn shorten(reason: &Arc<str>) -> Arc<str> {
    if reason.len() <= CONTAINER_REASON_CHARS_MAX {
        return Arc::clone(reason);
    }
    reason.chars().take(CONTAINER_REASON_CHARS_MAX).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::TaskDefinitionId;

    /// Containers as `name: essential, has a check`, and the health that is reported of each.
    fn health_of(containers: &[(bool, bool, HealthStatus)]) -> HealthStatus {
        let named = |at: usize| format!("c{at}");
        let specs = containers.iter().enumerate().map(|(at, (essential, checked, _))| {
            let mut spec = serde_json::json!({"name": named(at), "image": "i", "essential": essential});
            if *checked {
                spec["healthCheck"] = serde_json::json!({"command": ["true"]});
            }
            spec
        });
        let document = serde_json::json!({"containerDefinitions": specs.collect::<Vec<_>>()});
        let id = TaskDefinitionId { family: plimsoll_model::Family::parse("f").unwrap(), revision: 1 };
        let definition = TaskDefinition::from_document(id, Arc::new(document)).unwrap();
        let rows = containers.iter().enumerate().map(|(at, (_, _, health))| {
            let row = serde_json::json!({"name": named(at), "last_status": "RUNNING", "health": health.as_str()});
            serde_json::from_value::<Container>(row).unwrap()
        });
        task_health(&rows.collect::<Vec<_>>(), &definition)
    }

    #[test]
    fn tl11_the_essential_containers_with_checks_decide() {
        use HealthStatus::{Healthy, Unhealthy, Unknown};
        for (containers, expected) in [
            (vec![], Unknown),
            (vec![(true, false, Unhealthy)], Unknown),
            (vec![(false, true, Unhealthy)], Unknown),
            (vec![(true, true, Healthy), (false, true, Unhealthy)], Healthy),
            (vec![(true, true, Healthy), (true, true, Unknown)], Unknown),
            (vec![(true, true, Unknown), (true, true, Unhealthy)], Unhealthy),
            (vec![(true, true, Healthy), (true, true, Unhealthy), (true, true, Unknown)], Unhealthy),
        ] {
            assert_eq!(health_of(&containers), expected, "{containers:?}");
        }
    }
}
