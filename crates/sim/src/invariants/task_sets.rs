//! What the scheduler may do for task sets, each of which is counted by itself.

use super::Step;
use super::service::is_healthy;
use crate::coverage::Coverage;
use crate::violation::{Broken, require};
use plimsoll_model::{
    Change, Deployment, DeploymentController, DeploymentId, DeploymentStatus, DesiredStatus, Image, Service,
    ServiceStatus, StopCode,
};
use std::collections::BTreeSet;

/// I-8: a step that starts a task of a set leaves no more of them than the set's count and maximumPercent allow.
pub(super) fn i_8_no_set_grows_beyond_its_maximum(step: &Step) -> Result<(), Broken> {
    let started: BTreeSet<DeploymentId> = step.tasks_created().filter_map(|task| task.deployment).collect();
    for id in started {
        let Some((set, service)) = set_and_service(step.after, id) else { continue };
        let percent = u64::from(service.deployment_configuration.maximum_percent);
        let maximum = u64::from(set.desired_count) * percent / 100;
        let total = step.after.deployment_counts(id).not_stopped;
        require(u64::from(total) <= maximum, "I-8", || {
            format!("tasks of {id} started: {total} of them, {maximum} allowed ({set:?})")
        })?;
    }
    Ok(())
}

/// I-9: the scheduler stops a healthy task of a set only if enough of that set remain.
pub(super) fn i_9_no_set_falls_below_its_minimum(step: &Step) -> Result<(), Broken> {
    let told_now = |id: DeploymentId| {
        step.tasks_updated().any(|task| {
            let before = step.before.tasks.get(&task.id);
            task.deployment == Some(id)
                && task.desired_status == DesiredStatus::Stopped
                && task.stop_code == Some(StopCode::ServiceSchedulerInitiated)
                && before.is_some_and(|one| one.desired_status == DesiredStatus::Running && is_healthy(step, one))
        })
    };
    let touched: BTreeSet<DeploymentId> = step.tasks_updated().filter_map(|task| task.deployment).collect();
    for id in touched {
        let Some((set, service)) = set_and_service(step.after, id) else { continue };
        let is_leaving = set.status == DeploymentStatus::Draining || service.status != ServiceStatus::Active;
        if is_leaving || !told_now(id) {
            continue;
        }
        let percent = u64::from(service.deployment_configuration.minimum_healthy_percent);
        let minimum = (u64::from(set.desired_count) * percent).div_ceil(100);
        let tasks = step.after.tasks_of_service(&service.name).filter(|task| task.deployment == Some(id));
        let healthy = tasks.filter(|task| is_healthy(step, task)).count() as u64;
        require(healthy >= minimum, "I-9", || {
            format!("tasks of {id} were stopped: {healthy} healthy remain, {minimum} are the least ({set:?})")
        })?;
    }
    Ok(())
}

/// I-10: at most one set is PRIMARY and the service shows what that one runs; sets that are deleted start nothing, and
/// each wants its share of the service's count (SVC-51, SVC-53, SVC-54).
pub(super) fn i_10_the_service_shows_its_primary_set(step: &Step) -> Result<(), Broken> {
    for name in &step.services {
        let Some(service) = step.after.services.get(name).filter(|row| is_external(row)) else { continue };
        let sets = || step.after.deployments_of_service(name);
        let primaries: Vec<_> = sets().filter(|row| row.status == DeploymentStatus::Primary).collect();
        let shown = primaries.first().map(|row| &row.definition);
        let agrees = primaries.len() <= 1 && shown == service.definition.as_ref();
        require(agrees, "I-10", || format!("{name} shows {:?}, primary are {primaries:?}", service.definition))?;
        for row in sets() {
            let wanted = row.task_set.as_ref().map(|set| set.scale.of(service.desired_count));
            require(wanted == Some(row.desired_count), "I-10", || format!("{wanted:?} wanted of {row:?}"))?;
        }
    }
    for task in step.tasks_created() {
        let Some((set, _)) = task.deployment.and_then(|id| set_and_service(step.after, id)) else { continue };
        let starts = set.status != DeploymentStatus::Draining && set.definition == task.definition;
        require(starts, "I-10", || format!("{} was started for {set:?}", task.id))?;
    }
    Ok(())
}

/// I-12: a set that is not deleted has the tasks it is to have and says so.
pub(super) fn is_served(image: &Image, service: &Service, row: &Deployment) -> bool {
    use plimsoll_model::StabilityStatus::SteadyState;
    let Some(set) = &row.task_set else { return false };
    let (wanted, counts) = (set.scale.of(service.desired_count), image.deployment_counts(row.id));
    row.status != DeploymentStatus::Draining
        && set.stability == SteadyState
        && counts.running == wanted
        && counts.not_stopped == wanted
}

/// Which edges of a set's life the step went along.
pub(super) fn cover(step: &Step, coverage: &mut Coverage) {
    for change in step.changes {
        let Change::Deployment(row) = change else { continue };
        let Some(before) = step.before.deployments.get(&row.id) else { continue };
        let (Some(old), Some(new)) = (&before.task_set, &row.task_set) else { continue };
        if before.status != row.status {
            coverage.count(format!("task set {} -> {}", before.status.as_str(), row.status.as_str()));
        }
        if old.stability != new.stability {
            coverage.count(format!("task set {} -> {}", old.stability.as_str(), new.stability.as_str()));
        }
    }
}

pub(super) fn is_external(service: &Service) -> bool {
    service.controller == DeploymentController::External
}

fn set_and_service(image: &Image, id: DeploymentId) -> Option<(&Deployment, &Service)> {
    let set = image.deployments.get(&id).filter(|row| row.task_set.is_some())?;
    Some((set, image.services.get(&set.service)?))
}
