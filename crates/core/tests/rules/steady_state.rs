//! Where nothing can be done, nothing is: no row, no message, no event, and no wish to be woken for it (I-13, I-14).

use crate::harness::silence::{assert_silent, assert_silent_when_looked_at};
use crate::harness::{Behaviour, World, config, create_service, resources, update_service};
use plimsoll_core::Command;
use plimsoll_core::command::CreateService;
use plimsoll_model::{
    Attribute, HealthStatus, InstanceStatus, PlacementConstraint, PlacementStrategy, ServiceName, SpreadField,
};
use std::collections::BTreeMap;

/// Three nodes in two zones, each with room for four tasks.
fn world() -> World {
    let mut world = World::new(config());
    for (name, zone) in [("a", "east"), ("b", "east"), ("c", "west")] {
        let zone = Attribute { value: Some(zone.into()), custom: false };
        let attributes = BTreeMap::from([("ecs.availability-zone".into(), zone)]);
        world.add_node(name, resources(512, 512), attributes);
    }
    for definition in ["web:1", "web:2"] {
        world.define(definition, serde_json::json!({ "cpu": 128, "memory": 128 }));
    }
    let check = serde_json::json!({ "command": ["CMD", "true"] });
    world.define("checked:1", serde_json::json!({ "cpu": 128, "memory": 128, "healthCheck": check }));
    world
}

fn with(world: &World, definition: &str, desired: u32, edit: impl FnOnce(&mut CreateService)) -> Command {
    let mut request = create_service("web", world.definition(definition), desired);
    edit(&mut request);
    Command::CreateService(Box::new(request))
}

fn percent(minimum: u32, maximum: u32) -> impl FnOnce(&mut CreateService) {
    move |request| {
        request.deployment_configuration.minimum_healthy_percent = minimum;
        request.deployment_configuration.maximum_percent = maximum;
    }
}

fn create(world: &mut World, definition: &str, desired: u32, edit: impl FnOnce(&mut CreateService)) {
    let command = with(world, definition, desired, edit);
    world.command(command).unwrap();
    world.settle();
}

fn update(world: &mut World, definition: Option<&str>, desired: Option<u32>) {
    let mut request = update_service("web");
    request.definition = definition.map(|id| world.definition(id));
    request.desired_count = desired;
    world.command(Command::UpdateService(Box::new(request))).unwrap();
    world.settle();
}

fn drain(world: &mut World, nodes: &[&str]) {
    let instances = nodes.iter().map(|node| world.instance(node)).collect();
    let status = InstanceStatus::Draining;
    world.command(Command::UpdateContainerInstancesState { instances, status }).unwrap();
    world.settle();
}

fn behave(world: &mut World, definition: &str, behaviour: Behaviour) {
    for node in world.nodes.values_mut() {
        node.behaviours.insert(definition.to_owned(), behaviour);
    }
}

fn says(world: &World, text: &str) {
    let name = ServiceName::parse("web").unwrap();
    let newest = world.committed.events_of_service(&name).next_back().expect("an event");
    assert!(newest.message.contains(text), "{} and not: {text}", newest.message);
}

/// Over the time until something is due, and again when it is looked at.
fn silent(mut world: World, what: &str) {
    assert_silent_when_looked_at(&mut world, what);
    assert_silent(&mut world, what);
    assert_silent_when_looked_at(&mut world, what);
}

const STEADY: &str = "has reached a steady state";
const BLOCKED: &str = "was unable to stop or start tasks during a deployment";
const UNPLACED: &str = "was unable to place a task";

#[test]
fn replicas_whatever_their_strategy() {
    let zones = || SpreadField::Attribute("ecs.availability-zone".into());
    for strategy in [
        vec![],
        vec![PlacementStrategy::Random],
        vec![PlacementStrategy::Spread(SpreadField::Instance)],
        vec![PlacementStrategy::Spread(zones()), PlacementStrategy::BinpackMemory],
        vec![PlacementStrategy::BinpackCpu],
    ] {
        for desired in [0, 1, 5, 12] {
            let mut world = world();
            create(&mut world, "web:1", desired, |request| request.placement_strategy = strategy.clone());
            says(&world, STEADY);
            silent(world, &format!("{desired} tasks by {strategy:?}"));
        }
    }
}

#[test]
fn after_a_rollout_a_resize_and_a_drain() {
    let mut world = world();
    create(&mut world, "web:1", 5, |_| {});
    update(&mut world, Some("web:2"), None);
    update(&mut world, None, Some(3));
    update(&mut world, None, Some(6));
    drain(&mut world, &["c"]);
    says(&world, STEADY);
    silent(world, "a service that has been through much");
}

/// DEP-17, DEP-18.
#[test]
fn a_rollout_that_is_blocked() {
    for (desired, minimum, maximum) in [(2, 75, 100), (3, 100, 125), (1, 50, 100), (4, 100, 100)] {
        let mut world = world();
        create(&mut world, "web:1", desired, percent(minimum, maximum));
        update(&mut world, Some("web:2"), None);
        says(&world, BLOCKED);
        silent(world, &format!("{desired} tasks between {minimum} and {maximum} percent"));
    }
}

/// DEP-32.
#[test]
fn a_drain_that_is_blocked() {
    let mut world = world();
    create(&mut world, "web:1", 6, percent(100, 100));
    drain(&mut world, &["a"]);
    says(&world, BLOCKED);
    silent(world, "a drain between 100 and 100 percent");
}

/// DEP-33.
#[test]
fn a_drain_without_capacity() {
    let mut world = world();
    create(&mut world, "web:1", 12, |_| {});
    drain(&mut world, &["b"]);
    says(&world, UNPLACED);
    silent(world, "a drain of a full cluster");
}

#[test]
fn a_drain_of_everything() {
    let mut world = world();
    create(&mut world, "web:1", 3, |_| {});
    drain(&mut world, &["a", "b", "c"]);
    says(&world, UNPLACED);
    silent(world, "a drain of all instances");
}

/// SVC-22.
#[test]
fn a_service_without_capacity() {
    let mut world = world();
    create(&mut world, "web:1", 4, |_| {});
    update(&mut world, None, Some(20));
    says(&world, UNPLACED);
    silent(world, "20 tasks where 12 fit");
}

#[test]
fn a_constraint_that_nothing_meets() {
    let mut world = world();
    create(&mut world, "web:1", 3, |request| {
        request.placement_constraints = vec![PlacementConstraint::DistinctInstance]
    });
    says(&world, STEADY);
    update(&mut world, None, Some(4));
    says(&world, UNPLACED);
    silent(world, "4 tasks on 3 distinct instances");
}

/// SVC-23.
#[test]
fn a_back_off() {
    let mut world = world();
    behave(&mut world, "web:2", Behaviour::FailToStart);
    create(&mut world, "web:1", 4, |_| {});
    update(&mut world, Some("web:2"), None);
    assert!(world.core.next_wakeup().is_some_and(|at| at > world.now), "waits to start again");
    silent(world, "a deployment that waits to start again");
}

/// SVC-25, PROT-4.
#[test]
fn protected_unhealthy_tasks_without_room() {
    let mut world = world();
    create(&mut world, "checked:1", 3, percent(100, 100));
    let tasks: Vec<_> = world.committed.tasks.keys().copied().collect();
    world.command(Command::UpdateTaskProtection { tasks: tasks.clone(), protect_ms: Some(3_600_000) }).unwrap();
    for task in &tasks[..2] {
        world.nodes.values_mut().find(|node| node.has(*task)).unwrap().set_health(*task, HealthStatus::Unhealthy);
    }
    world.settle();
    says(&world, BLOCKED);
    silent(world, "unhealthy tasks that may not be stopped");
}

#[test]
fn tasks_that_neither_start_nor_stop() {
    let mut world = world();
    behave(&mut world, "web:1", Behaviour::Deaf);
    behave(&mut world, "web:2", Behaviour::Hang);
    create(&mut world, "web:1", 4, percent(50, 150));
    update(&mut world, Some("web:2"), None);
    silent(world, "a rollout from tasks that do not stop to tasks that do not start");
}

/// D-7: a node that is silent keeps its tasks until it is lost.
#[test]
fn a_node_that_is_silent_or_lost() {
    let mut silent_node = world();
    create(&mut silent_node, "web:1", 6, |_| {});
    silent_node.disconnect("a");
    silent_node.settle();
    silent(silent_node, "a disconnected node");

    let mut lost = world();
    create(&mut lost, "web:1", 6, |_| {});
    lost.disconnect("a");
    lost.advance(200_000);
    assert!(lost.committed.instances[&lost.instance("a")].lost);
    says(&lost, STEADY);
    silent(lost, "a lost node");
}

/// SVC-16.
#[test]
fn services_that_are_gone() {
    let mut world = world();
    create(&mut world, "web:1", 3, |_| {});
    world.command(Command::DeleteService { service: ServiceName::parse("web").unwrap(), force: true }).unwrap();
    world.settle();
    silent(world, "a deleted service");
}
