//! What must hold when nothing goes wrong any more.

use super::{breaker, daemon, task_sets};
use crate::violation::{Broken, require};
use crate::world::{World, short};
use plimsoll_core::{Input, Outbox};
use plimsoll_model::{
    DeploymentStatus, HealthStatus, Image, InstanceStatus, RolloutState, Service, ServiceName, ServiceStatus, Task,
};
use std::sync::Arc;

/// Passes that must change nothing (I-13).
const PASSES: u32 = 100;

pub(crate) fn check(world: &mut World) -> Result<(), Broken> {
    i_12_running_tasks_run(world)?;
    i_19_no_stop_is_lost(world)?;
    i_21_no_orphans(world)?;
    i_12_nothing_is_left_undone(world)?;
    world.definitions.i_27_revisions_have_no_gap()?;
    i_13_quiescence(world)
}

/// I-12: every service has what it asks for, and everything told to stop has stopped.
pub(crate) fn has_converged(world: &World) -> bool {
    let image = &world.control.committed;
    image.services.values().all(|service| is_served(image, service))
        && image.tasks.values().all(|task| !task.is_stopping())
        && image.tasks.values().all(|task| task.service.is_some() || task.is_stopped())
}

fn is_served(image: &Image, service: &Service) -> bool {
    match service.status {
        ServiceStatus::Inactive => true,
        ServiceStatus::Draining => false,
        ServiceStatus::Active if task_sets::is_external(service) => {
            image.deployments_of_service(&service.name).all(|set| task_sets::is_served(image, service, set))
        }
        ServiceStatus::Active => {
            if is_given_up(image, service) {
                return true;
            }
            let counts = image.service_counts(&service.name);
            let mut listed =
                image.deployments_of_service(&service.name).filter(|one| one.status != DeploymentStatus::Inactive);
            let completed = listed.next().is_some_and(|one| one.rollout_state == RolloutState::Completed);
            let wanted = service.desired_count;
            let covered = !daemon::is_daemon(service) || daemon::covers(image, service);
            let counted = counts.running == wanted && counts.not_stopped == wanted;
            completed && listed.next().is_none() && counted && covered
        }
    }
}

/// DEP-44, DEP-53: a deployment may stay FAILED only where the breaker is on and the threshold was reached, or where a
/// user stopped it.
fn is_given_up(image: &Image, service: &Service) -> bool {
    let enabled = service.deployment_configuration.circuit_breaker.enable;
    image.primary_deployment(&service.name).is_some_and(|primary| {
        let reached = u64::from(primary.failed_tasks) >= breaker::threshold(service);
        let asked = image.service_deployments.get(&primary.id).is_some_and(|entry| !entry.triggered);
        primary.rollout_state == RolloutState::Failed && (asked || enabled && reached)
    })
}

pub(crate) fn what_is_missing(world: &World) -> String {
    let image = &world.control.committed;
    let mut text = String::new();
    for service in image.services.values().filter(|service| !is_served(image, service)) {
        let counts = image.service_counts(&service.name);
        text += &format!("\n    {service:?} {counts:?}");
        for deployment in image.deployments_of_service(&service.name) {
            text += &format!("\n      {deployment:?}");
        }
        for task in image.tasks_of_service(&service.name).filter(|task| !task.is_stopped()) {
            text += &format!("\n      {task:?}");
        }
        for event in image.events_of_service(&service.name).rev().take(5) {
            text += &format!("\n      {:?} {}", event.created_at, event.message);
        }
    }
    for task in image.tasks.values().filter(|task| !task.is_stopped() && (task.is_stopping() || task.service.is_none()))
    {
        text += &format!("\n    should have stopped: {task:?}");
    }
    let instances = image
        .instances
        .values()
        .map(|row| format!("\n    {} {:?} connected {} lost {}", row.id, row.status, row.agent_connected, row.lost));
    text + &instances.collect::<String>()
}

/// I-12: a task that is RUNNING for the control plane has a living container on its machine.
fn i_12_running_tasks_run(world: &World) -> Result<(), Broken> {
    for task in world.control.committed.tasks.values().filter(|task| task.is_running()) {
        let node = task.instance.and_then(|instance| world.node_of_instance(instance));
        let alive = node.is_some_and(|node| world.nodes[node].runtime.is_alive(task.id));
        require(alive, "I-12", || format!("{} is RUNNING and nothing of it runs", task.id))?;
    }
    Ok(())
}

/// I-12: nothing serves from where it should not: of services no task is UNHEALTHY, none is on a DRAINING instance, none
/// on one that is lost.
fn i_12_nothing_is_left_undone(world: &World) -> Result<(), Broken> {
    let image = &world.control.committed;
    let given_up = |name: &ServiceName| image.services.get(name).is_some_and(|service| is_given_up(image, service));
    let served = |task: &&Arc<Task>| task.service.as_ref().is_some_and(|name| !given_up(name));
    for task in image.tasks.values().filter(|task| task.is_live()).filter(served) {
        require(task.health != HealthStatus::Unhealthy, "I-12", || format!("{} stays UNHEALTHY", task.id))?;
        let row = image.instance_of(task);
        let stays = row.is_some_and(|row| row.status == InstanceStatus::Active && !row.lost && row.agent_connected);
        require(stays, "I-12", || format!("{} stays on {row:?}", task.id))?;
    }
    Ok(())
}

/// I-19: no container of a task that was told to stop is alive.
fn i_19_no_stop_is_lost(world: &World) -> Result<(), Broken> {
    for (index, node) in world.nodes.iter().enumerate() {
        for container in node.runtime.alive() {
            let row = world.control.committed.tasks.get(&container.task);
            let wanted = row.is_some_and(|row| row.is_live());
            require(wanted, "I-19", || format!("n{index} still runs {}", short(container)))?;
        }
    }
    Ok(())
}

/// I-21: every container belongs to a task its instance has; what stopped tasks left is gone after the retention. A service
/// at rest may still move a task, for instance to a zone that a node which flapped has given back.
fn i_21_no_orphans(world: &World) -> Result<(), Broken> {
    for (index, node) in world.nodes.iter().enumerate() {
        for (container, state) in node.runtime.states() {
            let row = world.control.committed.tasks.get(&container.task);
            let kept = |row: &Arc<Task>| !row.is_stopped() || world.true_age_ms(row.stopped_at) < world.leftovers_ms();
            let owned =
                row.is_some_and(|row| kept(row) && row.instance.is_some() && row.instance == node.identity.instance);
            require(owned, "I-21", || format!("n{index} still has {} ({state:?})", short(container)))?;
        }
    }
    Ok(())
}

/// I-13: at rest a hundred reconcile passes write no row, send no message and make no event.
pub(crate) fn i_13_quiescence(world: &mut World) -> Result<(), Broken> {
    let now = world.control.clock.shows(world.now);
    let Some(core) = &mut world.control.core else { return Ok(()) };
    let mut out = Outbox::default();
    for _ in 0..PASSES {
        core.step(now, Input::Reconcile, &mut out);
    }
    let quiet = out.changes.is_empty() && out.effects.is_empty() && out.replies.is_empty();
    require(quiet, "I-13", || format!("at rest: {:?} {:?}", out.changes, out.effects))?;
    let wakeup = core.next_wakeup();
    require(wakeup.is_none_or(|at| at > now), "I-13", || format!("at rest and due at {wakeup:?}"))
}
