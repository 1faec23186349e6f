//! Deployments that fail: counted once, spaced out, given up at the threshold and never round in circles (I-11).

use super::Step;
use crate::violation::{Broken, require};
use plimsoll_model::{
    Change, Deployment, DeploymentId, DeploymentStatus, RolloutState, Service, StopCode, Task, ThresholdKind, Timestamp,
};
use std::collections::BTreeMap;

/// The cap of the back-off is at least five minutes (I-11); ours is fifteen (SVC-23).
const BACK_OFF_MAX_S: u64 = 900;

pub(super) fn i_11_failing_deployments(step: &Step) -> Result<(), Broken> {
    let mut newest: BTreeMap<DeploymentId, &Deployment> = BTreeMap::new();
    for change in step.changes {
        let Change::Deployment(row) = change else { continue };
        let before = newest.get(&row.id).copied().or_else(|| step.before.deployments.get(&row.id).map(|row| &**row));
        if let Some(before) = before {
            rollout_state(step, before, row)?;
            back_off(step.now, before, row)?;
            // Which task set is PRIMARY is its maker's affair.
            let is_rollout = row.task_set.is_none();
            if is_rollout && before.status != DeploymentStatus::Primary && row.status == DeploymentStatus::Primary {
                let from = row.rolling_back.as_ref().and_then(|back| step.before.deployments.get(&back.from));
                way_back(step, before, row, from.map(|row| &**row))?;
            }
        }
        newest.insert(row.id, row);
    }
    for (id, row) in &newest {
        counted_once(step, step.before.deployments.get(id).map(|row| &**row), row)?;
    }
    for task in step.tasks_created() {
        start(step, task)?;
    }
    Ok(())
}

/// DEP-40, independently of the scheduler's own arithmetic.
pub(super) fn threshold(service: &Service) -> u64 {
    let breaker = service.deployment_configuration.circuit_breaker;
    let (value, desired) = (u64::from(breaker.threshold.value), u64::from(service.desired_count));
    let share = (value * desired).div_ceil(100);
    match breaker.threshold.kind {
        ThresholdKind::Count => value.max(1),
        ThresholdKind::UnboundedPercent => share.max(1),
        ThresholdKind::BoundedPercent => share.clamp(3, 200),
    }
}

fn rollout_state(step: &Step, before: &Deployment, row: &Deployment) -> Result<(), Broken> {
    use RolloutState::{Completed, Failed, InProgress};
    let id = row.id;
    match (before.rollout_state, row.rollout_state) {
        (InProgress, Failed) => {
            // A daemon's desired count moves with the instances, in the middle of a step too.
            let mut rows =
                step.before.services.get(&row.service).into_iter().chain(step.after.services.get(&row.service));
            let service = step.after.services.get(&row.service);
            let tripped = rows.any(|service| {
                let enabled = service.deployment_configuration.circuit_breaker.enable;
                enabled && u64::from(row.failed_tasks) >= threshold(service)
            });
            let asked = step.before.service_deployments.get(&id).is_some_and(|entry| {
                use plimsoll_model::ServiceDeploymentStatus::{RollbackRequested, StopRequested};
                matches!(entry.status, RollbackRequested | StopRequested)
            });
            require(tripped || asked, "I-11", || format!("{id} failed before its threshold: {row:?} of {service:?}"))?;
            require(before.status == DeploymentStatus::Primary, "I-11", || format!("{id} failed and is not PRIMARY"))
        }
        (Completed, InProgress) => {
            let rolls_back = row.status == DeploymentStatus::Primary && row.rolling_back.is_some();
            require(rolls_back, "DEP-3", || format!("{id} was COMPLETED and is not any more: {row:?}"))
        }
        (Completed, Failed) | (Failed, InProgress | Completed) => {
            Err(Broken { invariant: "DEP-3", detail: format!("{id} went from {before:?} to {row:?}") })
        }
        (InProgress, InProgress | Completed) | (Completed, Completed) | (Failed, Failed) => Ok(()),
    }
}

/// A way back leads to what was COMPLETED once, from a deployment that was given up and was no way back itself.
fn way_back(step: &Step, before: &Deployment, row: &Deployment, from: Option<&Deployment>) -> Result<(), Broken> {
    let was_completed = before.rollout_state == RolloutState::Completed
        || (before.completed_at.is_some() && before.rollout_state == RolloutState::InProgress);
    require(was_completed, "I-11", || format!("{before:?} is rolled back to and was never COMPLETED"))?;
    let given_up = from.is_some_and(|from| from.rolling_back.is_none());
    require(given_up, "I-11", || format!("{row:?} is rolled back to from {from:?}, a rollback itself"))?;
    let service = step.after.services.get(&row.service);
    let same = service.is_some_and(|service| service.definition.as_ref() == Some(&row.definition));
    require(same, "I-10", || format!("{} has another definition than its PRIMARY {row:?}", row.service))
}

fn back_off(now: Timestamp, before: &Deployment, row: &Deployment) -> Result<(), Broken> {
    if row.consecutive_start_failures <= before.consecutive_start_failures {
        return Ok(());
    }
    let seconds = match row.consecutive_start_failures {
        0..3 => None,
        n => Some((10 << (n - 3).min(10)).min(BACK_OFF_MAX_S)),
    };
    let expected = seconds.map(|seconds| now.plus_millis(seconds * 1_000));
    require(row.next_start_at == expected, "I-11", || format!("{row:?} should start next at {expected:?}"))
}

/// At most one per task that ended without having run, one per failed health check, and one for a round without a
/// place; in the first stage no task is left out.
fn counted_once(step: &Step, before: Option<&Deployment>, row: &Deployment) -> Result<(), Broken> {
    let counted_before = before.map_or(0, |before| before.failed_tasks);
    let (mut not_started, mut unhealthy) = (0, 0);
    for task in step.tasks_updated().filter(|task| task.deployment == Some(row.id)) {
        let was_live = step.before.tasks.get(&task.id).is_some_and(|before| before.is_live());
        let ended = was_live && !task.is_live();
        let by_itself =
            matches!(task.stop_code, Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited));
        not_started += u32::from(ended && by_itself && task.started_at.is_none());
        unhealthy += u32::from(ended && task.stopped_reason.as_deref() == Some("Task failed container health checks"));
    }
    let most = counted_before + not_started + unhealthy + 1;
    require(row.failed_tasks <= most, "I-11", || {
        format!("{row:?} counted {counted_before} before; {not_started} did not start, {unhealthy} were unhealthy")
    })?;
    let first_stage = !row.has_run && row.rollout_state != RolloutState::Failed && before.is_some();
    // Rolled back to; a service that wants no tasks has completed the rollback in the same step.
    let is_back = before.is_some_and(|before| before.status != DeploymentStatus::Primary)
        && row.status == DeploymentStatus::Primary;
    let reopened = is_back || (row.rolling_back.is_some() && before.is_none_or(|before| before.rolling_back.is_none()));
    require(!first_stage || reopened || row.failed_tasks >= counted_before + not_started, "I-11", || {
        format!("{row:?} counted {counted_before} before and {not_started} did not start")
    })
}

/// No start before its time, nor of a deployment that was given up or should have been.
fn start(step: &Step, task: &Task) -> Result<(), Broken> {
    let Some(before) = task.deployment.and_then(|id| step.before.deployments.get(&id)) else { return Ok(()) };
    let (id, service) = (before.id, step.before.services.get(&before.service));
    let reopened = step.after.deployments.get(&id).is_some_and(|after| after.rolling_back != before.rolling_back);
    if reopened {
        return Ok(());
    }
    let in_time = before.next_start_at.is_none_or(|at| at <= step.now);
    require(in_time, "I-11", || format!("{} was started before its time: {before:?}", task.id))?;
    let given_up = before.rollout_state == RolloutState::Failed;
    require(!given_up, "I-11", || format!("{} was started for {id}, which was given up", task.id))?;
    let judged = before.status == DeploymentStatus::Primary && before.rollout_state == RolloutState::InProgress;
    let over = service
        .filter(|one| one.deployment_configuration.circuit_breaker.enable)
        .is_some_and(|service| u64::from(before.failed_tasks) >= threshold(service));
    require(!judged || !over, "I-11", || format!("{} was started for {before:?}, which has failed", task.id))
}
