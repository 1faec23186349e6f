//! What the service scheduler may start and stop.

use super::task_sets::is_external;
use super::{Step, daemon};
use crate::violation::{Broken, require};
use plimsoll_model::{
    DeploymentStatus, DesiredStatus, HealthStatus, InstanceStatus, Service, ServiceName, ServiceStatus, StopCode, Task,
};
use std::collections::BTreeMap;

/// I-8: a step that starts a task of a service leaves no more of them than maximumPercent allows, stopping ones
/// included (DEP-12, DEP-13a). Of a daemon service each instance has a maximum of its own (I-6).
pub(super) fn i_8_no_start_beyond_the_maximum(step: &Step) -> Result<(), Broken> {
    let mut started: BTreeMap<&ServiceName, u32> = BTreeMap::new();
    for task in step.tasks_created() {
        if let Some(service) = &task.service {
            *started.entry(service).or_default() += 1;
        }
    }
    for name in &step.services {
        i_8_no_more_than_there_were(step, name)?;
    }
    for (name, count) in started {
        let service = step.after.services.get(name);
        require(service.is_some(), "I-8", || format!("a task of {name} was started, which does not exist"))?;
        // The sets of a service are counted one by one.
        let by_itself = |row: &&std::sync::Arc<Service>| !daemon::is_daemon(row) && !is_external(row);
        let Some(service) = service.filter(by_itself) else { continue };
        let percent = u64::from(service.deployment_configuration.maximum_percent);
        let maximum = u64::from(service.desired_count) * percent / 100;
        let total = step.after.service_counts(name).not_stopped;
        require(u64::from(total) <= maximum, "I-8", || {
            format!("{count} tasks of {name} started: {total} of them, {maximum} allowed ({service:?})")
        })?;
        dep_13_no_more_new_ones_than_desired(step, service)?;
    }
    Ok(())
}

/// DEP-13 c: a step that starts tasks leaves no more of the PRIMARY deployment that will do than are desired, and one on
/// its way to another zone.
fn dep_13_no_more_new_ones_than_desired(step: &Step, service: &Service) -> Result<(), Broken> {
    let Some(primary) = step.after.primary_deployment(&service.name) else { return Ok(()) };
    let stays = |task: &Task| step.after.instance_of(task).is_some_and(|row| row.status != InstanceStatus::Draining);
    let will_do = |task: &&std::sync::Arc<Task>| {
        task.is_live() && task.deployment == Some(primary.id) && task.health != HealthStatus::Unhealthy && stays(task)
    };
    let new = step.after.tasks_of_service(&service.name).filter(will_do).count() as u64;
    let moving = u64::from(service.rebalancing.is_some());
    require(new <= u64::from(service.desired_count) + moving, "DEP-13", || {
        format!("{new} tasks of {} are started or running: {service:?}", primary.id)
    })
}

/// I-8: beyond the maximum there are at most as many tasks to run as there were: a smaller count drains, and never
/// grows on the way.
fn i_8_no_more_than_there_were(step: &Step, name: &ServiceName) -> Result<(), Broken> {
    let by_itself = |row: &&std::sync::Arc<Service>| !daemon::is_daemon(row) && !is_external(row);
    let service = step.after.services.get(name).filter(by_itself);
    let Some(service) = service else { return Ok(()) };
    let percent = u64::from(service.deployment_configuration.maximum_percent);
    let maximum = u64::from(service.desired_count) * percent / 100;
    let (before, after) = (step.before.service_counts(name).live, step.after.service_counts(name).live);
    require(u64::from(after) <= maximum.max(u64::from(before)), "I-8", || {
        format!("{name} has {after} tasks to run, had {before}, and may have {maximum}")
    })
}

/// I-9: the scheduler stops a healthy task only if enough healthy ones remain for the desired count of now. Deletion
/// is exempt.
pub(super) fn i_9_no_stop_below_the_minimum(step: &Step) -> Result<(), Broken> {
    let mut stopped: BTreeMap<&ServiceName, Vec<&Task>> = BTreeMap::new();
    for task in step.tasks_updated() {
        let Some((service, before)) = task.service.as_ref().zip(step.before.tasks.get(&task.id)) else { continue };
        let told_now = before.desired_status == DesiredStatus::Running && task.desired_status == DesiredStatus::Stopped;
        if !counts(step, service, task) {
            continue;
        }
        if told_now && task.stop_code == Some(StopCode::ServiceSchedulerInitiated) && is_healthy(step, before) {
            stopped.entry(service).or_default().push(task);
        }
    }
    for (name, tasks) in stopped {
        let Some(service) = step.after.services.get(name) else { continue };
        if service.status != ServiceStatus::Active || is_external(service) {
            continue;
        }
        let counted = |task: &&std::sync::Arc<Task>| is_healthy(step, task) && counts(step, name, task);
        let healthy = step.after.tasks_of_service(name).filter(counted).count() as u64;
        let minimum = minimum_healthy(service);
        require(healthy >= minimum, "I-9", || {
            let ids = tasks.iter().map(|task| task.id.to_string()).collect::<Vec<_>>().join(", ");
            format!("{ids} of {name} were stopped: {healthy} healthy remain, {minimum} are the least ({service:?})")
        })?;
    }
    Ok(())
}

/// I-10: a service that is not INACTIVE has exactly one PRIMARY deployment; only it starts tasks, of its own
/// definition, and no deployment changes its definition.
pub(super) fn i_10_one_primary_deployment(step: &Step) -> Result<(), Broken> {
    for name in &step.services {
        let Some(service) = step.after.services.get(name) else { continue };
        let primaries = step.after.deployments_of_service(name).filter(|one| one.status == DeploymentStatus::Primary);
        let count = primaries.count();
        let allowed = is_external(service) || count == 1 || (count == 0 && service.status == ServiceStatus::Inactive);
        require(allowed, "I-10", || format!("{name} is {:?} and has {count} PRIMARY deployments", service.status))?;
        for deployment in step.after.deployments_of_service(name) {
            let before = step.before.deployments.get(&deployment.id);
            let changed = before.is_some_and(|before| before.definition != deployment.definition);
            require(!changed, "I-10", || format!("{} changed its definition", deployment.id))?;
        }
    }
    for task in step.tasks_created() {
        let Some(deployment) = task.deployment else { continue };
        let row = step.after.deployments.get(&deployment);
        if row.is_some_and(|row| row.task_set.is_some()) {
            continue;
        }
        let primary =
            row.is_some_and(|row| row.status == DeploymentStatus::Primary && row.definition == task.definition);
        require(primary, "I-10", || format!("{} was started for {row:?}", task.id))?;
    }
    Ok(())
}

/// A daemon's minimum speaks of the instances that it covers (SVC-42, SVC-44).
fn counts(step: &Step, name: &ServiceName, task: &Task) -> bool {
    let Some(service) = step.after.services.get(name) else { return true };
    let row = step.after.instance_of(task);
    !daemon::is_daemon(service) || row.is_some_and(|row| daemon::suits(step.after, service, row))
}

/// DEP-11.
pub(super) fn is_healthy(step: &Step, task: &Task) -> bool {
    if !task.is_live() || !task.is_running() {
        return false;
    }
    let checked = step.definitions.get(&task.definition).is_some_and(|definition| {
        definition.containers.iter().any(|container| container.essential && container.health_check.is_some())
    });
    if checked {
        return task.health == HealthStatus::Healthy;
    }
    task.started_at.is_some_and(|at| step.now >= at.plus_millis(step.healthy_ms))
}

/// DEP-10.
fn minimum_healthy(service: &Service) -> u64 {
    let percent = u64::from(service.deployment_configuration.minimum_healthy_percent);
    (u64::from(service.desired_count) * percent).div_ceil(100)
}
