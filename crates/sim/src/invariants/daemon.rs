//! Daemon services: one task on every instance that suits, by a definition of its own of what suits.

use super::Step;
use crate::coverage::Coverage;
use crate::violation::{Broken, require};
use crate::world::{ZONE, ZONE_EXPRESSIONS};
use plimsoll_model::{
    Image, Instance, InstanceStatus, PlacementConstraint, SchedulingStrategy, Service, StopCode, Task,
};

pub(super) fn is_daemon(service: &Service) -> bool {
    service.scheduling_strategy == SchedulingStrategy::Daemon
}

/// I-6: at most one task that is not STOPPED, and none is placed on an instance that is not ACTIVE or does not suit.
pub(super) fn i_6_one_task_per_instance(step: &Step, coverage: &mut Coverage) -> Result<(), Broken> {
    for task in step.tasks_created() {
        let service = task.service.as_ref().and_then(|name| step.after.services.get(name));
        let Some(service) = service.filter(|service| is_daemon(service)) else { continue };
        coverage.count("daemon task created");
        let shares =
            |other: &&std::sync::Arc<Task>| other.id != task.id && other.service == task.service && !other.is_stopped();
        let other = step.tasks_beside(task).find(shares);
        require(other.is_none(), "I-6", || format!("{} was placed beside {:?}", task.id, other.map(|one| one.id)))?;
        let row = step.after.instance_of(task);
        let suits = row.is_some_and(|row| row.status == InstanceStatus::Active && suits(step.after, service, row));
        require(suits, "I-6", || format!("{} of {service:?} was placed on {row:?}", task.id))?;
    }
    for task in step.tasks_updated() {
        let service = task.service.as_ref().and_then(|name| step.after.services.get(name));
        let told_now = step.before.tasks.get(&task.id).is_some_and(|before| before.is_live() && task.is_stopping());
        let by_scheduler = task.stop_code == Some(StopCode::ServiceSchedulerInitiated);
        if told_now && by_scheduler && service.is_some_and(|service| is_daemon(service)) {
            i_6_daemons_leave_last(step, task, coverage)?;
        }
    }
    Ok(())
}

/// SVC-42: from a DRAINING instance a daemon that runs goes when no replica is left there.
fn i_6_daemons_leave_last(step: &Step, task: &Task, coverage: &mut Coverage) -> Result<(), Broken> {
    let drains = step.after.instance_of(task).is_some_and(|row| row.status == InstanceStatus::Draining);
    let service = task.service.as_ref().and_then(|name| step.after.services.get(name));
    let deleted = service.is_some_and(|row| row.status != plimsoll_model::ServiceStatus::Active);
    if !drains || deleted || !task.is_running() {
        return Ok(());
    }
    coverage.count("daemon left a draining instance");
    let is_replica = |other: &&std::sync::Arc<Task>| {
        let service = other.service.as_ref().and_then(|name| step.after.services.get(name));
        !other.is_stopped() && service.is_some_and(|service| !is_daemon(service))
    };
    let left = step.tasks_beside(task).find(is_replica);
    require(left.is_none(), "SVC-42", || format!("{} left before {:?}", task.id, left.map(|one| one.id)))
}

/// ACTIVE, with what its definition requires and where its constraints want it.
pub(super) fn suits(image: &Image, service: &Service, row: &Instance) -> bool {
    let required = service.definition.as_ref().and_then(|id| image.definitions.get(id));
    let mut required = required.into_iter().flat_map(|definition| &definition.requires_attributes);
    let wanted = |constraint: &PlacementConstraint| match constraint {
        PlacementConstraint::DistinctInstance => true,
        PlacementConstraint::MemberOf(text) => {
            let zone = ZONE_EXPRESSIONS.iter().find(|(expression, _)| *expression == &**text).map(|(_, zone)| *zone);
            zone == row.attribute(ZONE)
        }
    };
    row.status == InstanceStatus::Active
        && required.all(|name| row.attributes.contains_key(name))
        && service.placement_constraints.iter().all(wanted)
}

/// I-6 at rest: exactly one on each that suits and is connected, none elsewhere, and desiredCount is their number.
pub(super) fn covers(image: &Image, service: &Service) -> bool {
    let on = |row: &Instance| {
        let tasks = image.tasks_of_instance(row.id).filter(|task| task.service.as_ref() == Some(&service.name));
        tasks.filter(|task| !task.is_stopped()).count()
    };
    let wanted = |row: &Instance| usize::from(row.agent_connected && suits(image, service, row));
    let total: usize = image.instances.values().map(|row| wanted(row)).sum();
    image.instances.values().all(|row| on(row) == wanted(row)) && service.desired_count as usize == total
}
