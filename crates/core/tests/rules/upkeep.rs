//! Loading, budgets, forgetting: what keeps a core the same over restarts and the same size over time.

use crate::harness::{World, config, create_service, resources, update_service};
use plimsoll_core::command::AttributeTarget;
use plimsoll_core::{ClusterCore, Command, CommandError, Input, Outbox};
use plimsoll_model::{ClientToken, Image, InstanceStatus, ServiceName, Timestamp, Usage};
use std::sync::Arc;

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

fn world_with(services: &[(&str, u32)]) -> World {
    let mut world = World::new(config());
    world.add_node("a", resources(100_000, 100_000), Default::default());
    world.define("web:1", serde_json::json!({ "cpu": 1, "memory": 4 }));
    world.define("web:2", serde_json::json!({ "cpu": 1, "memory": 4 }));
    for (name, desired) in services {
        let request = create_service(name, world.definition("web:1"), *desired);
        world.command(Command::CreateService(Box::new(request))).unwrap();
    }
    world.settle();
    world
}

/// D-8: whoever was connected is silent now, and has twice the grace to say hello.
#[test]
fn a_load_gives_the_silent_twice_the_grace() {
    let world = world_with(&[("web", 2)]);
    let instance = world.instance("a");
    let now = world.now.plus_millis(5_000_000);
    let mut out = Outbox::default();
    let mut core = ClusterCore::load(config(), world.committed.clone(), now, &mut out).unwrap();
    assert!(!core.image().instances[&instance].agent_connected);
    core.step(now, Input::Reconcile, &mut out);
    core.step(now.plus_millis(239_999), Input::Reconcile, &mut out);
    assert!(!core.image().instances[&instance].lost);
    core.step(now.plus_millis(240_000), Input::Reconcile, &mut out);
    assert!(core.image().instances[&instance].lost);
    assert_eq!(core.image().service_counts(&service("web")).running, 0);
    let mut again = world.committed.clone();
    again.apply_all(&out.changes);
    assert_eq!(again, *core.image());
}

/// I-13: a load makes no event and moves no task.
#[test]
fn a_load_of_a_steady_cluster_only_disconnects() {
    let world = world_with(&[("web", 2)]);
    let mut out = Outbox::default();
    let mut core = ClusterCore::load(config(), world.committed.clone(), world.now, &mut out).unwrap();
    core.step(world.now, Input::Reconcile, &mut out);
    let batch = out.batch();
    assert_eq!((batch.rows(), batch.instances.len()), (1, 1), "{batch:?}");
}

#[test]
fn rows_that_contradict_each_other_are_not_loaded() {
    let world = world_with(&[("web", 2)]);
    let load = |image: Image| {
        let mut out = Outbox::default();
        ClusterCore::load(config(), image, Timestamp::ZERO, &mut out).map(|_| ()).map_err(|error| error.detail)
    };
    assert_eq!(load(world.committed.clone()), Ok(()));
    let mut image = world.committed.clone();
    image.usage.insert(world.instance("a"), Usage { cpu_units: 1, memory_mib: 1 });
    assert!(load(image).unwrap_err().contains("as used"));
    let mut image = world.committed.clone();
    image.definitions.clear();
    assert!(load(image).unwrap_err().contains("task definition web:1"));
    let mut image = world.committed.clone();
    image.instances.clear();
    assert!(load(image.recounted()).unwrap_err().contains("is gone"));
    let mut image = world.committed.clone();
    image.deployments.clear();
    assert!(load(image.recounted()).unwrap_err().contains("0 primary deployments"));
}

/// No service starves another, and no step places more than it may.
#[test]
fn a_step_places_so_many_tasks_and_shares_them() {
    let mut config = config();
    config.placements_per_step_max = 10;
    let mut world = World::new(config);
    world.check_load = false;
    world.add_node("a", resources(100_000, 100_000), Default::default());
    let definition = world.define("web:1", serde_json::json!({ "cpu": 1, "memory": 4 }));
    for name in ["big", "other", "small"] {
        let desired = if name == "big" { 100 } else { 15 };
        let request = create_service(name, Arc::clone(&definition), desired);
        let mut out = Outbox::default();
        let request = Command::CreateService(Box::new(request));
        world.core.step(world.now, Input::Command { request: plimsoll_core::RequestId(1), command: request }, &mut out);
        world.committed.apply_all(&out.changes);
    }
    let mut placed = Vec::new();
    for _ in 0..5 {
        assert_eq!(world.core.next_wakeup(), Some(world.now));
        world.batch(Vec::new());
        placed.push(["big", "other", "small"].map(|name| world.committed.service_counts(&service(name)).live));
    }
    assert_eq!(placed, [[10, 0, 0], [10, 10, 0], [10, 10, 10], [20, 10, 10], [20, 15, 15]]);
    world.settle();
    assert_eq!(world.committed.service_counts(&service("big")).running, 100);
}

/// I-34, SVC-17: after retention nothing is left of what came and went.
#[test]
fn everything_that_ended_is_forgotten() {
    let mut world = world_with(&[]);
    for round in 0..5 {
        let mut request = create_service("web", world.definition("web:1"), 4);
        request.client_token = Some(ClientToken {
            operation: "CreateService".into(),
            token: format!("token-{round}").into(),
            fingerprint: "same".into(),
        });
        world.command(Command::CreateService(Box::new(request))).unwrap();
        world.settle();
        let mut update = update_service("web");
        update.definition = Some(world.definition("web:2"));
        world.command(Command::UpdateService(Box::new(update))).unwrap();
        world.settle();
        world.command(Command::DeleteService { service: service("web"), force: true }).unwrap();
        world.settle();
    }
    let instance = world.instance("a");
    world.command(Command::DeregisterContainerInstance { instance, force: false }).unwrap();
    let version = world.committed.instance_version(instance);
    world.advance(3_599_999);
    assert!(world.committed.instance_version(instance) >= version);
    assert_eq!(world.committed.instances[&instance].status, InstanceStatus::Inactive);
    world.advance(86_400_000);
    let left = &world.committed;
    assert!(left.tasks.is_empty() && left.services.is_empty() && left.deployments.is_empty(), "{left:?}");
    assert!(left.events.is_empty() && left.tokens.is_empty() && left.definitions.is_empty(), "{left:?}");
    assert!(left.instances.is_empty() && left.usage.is_empty(), "{left:?}");
    assert_eq!(world.core.next_wakeup(), None);
}

/// CI-5: the version of an instance only grows, also when its STOPPED tasks are forgotten.
#[test]
fn an_instances_version_never_goes_back() {
    let mut world = world_with(&[("web", 5)]);
    let instance = world.instance("a");
    let mut last = 0;
    for desired in [0, 3, 1, 4, 0] {
        let mut update = update_service("web");
        update.desired_count = Some(desired);
        world.command(Command::UpdateService(Box::new(update))).unwrap();
        world.advance(1_900_000);
        let version = world.committed.instance_version(instance);
        assert!(version > last, "{last} -> {version} at {desired}");
        last = version;
    }
}

/// ATTR-2..4.
#[test]
fn custom_attributes_are_limited_and_outlive_a_new_registration() {
    let mut world = world_with(&[]);
    let instance = world.instance("a");
    let target = |name: &str| AttributeTarget { instance, name: name.into(), value: Some("v".into()) };
    let ten: Vec<_> = (0..10).map(|number| target(&format!("name-{number}"))).collect();
    world.command(Command::PutAttributes(ten.clone())).unwrap();
    world.command(Command::PutAttributes(vec![target("name-3")])).unwrap();
    let error = world.command(Command::PutAttributes(vec![target("one-more")])).unwrap_err();
    assert_eq!(error, CommandError::AttributeLimitExceeded { instance, count: 11, limit: 10 });
    world.disconnect("a");
    world.connect("a");
    assert_eq!(world.committed.instances[&instance].attribute("name-3"), Some("v"), "CI-3");
    world.command(Command::DeleteAttributes(vec![target("name-3"), target("absent")])).unwrap();
    assert_eq!(world.committed.instances[&instance].attribute("name-3"), None);
}

/// Same seed, same inputs, same bytes (I-7).
#[test]
fn the_same_inputs_lead_to_the_same_rows() {
    let play = || world_with(&[("web", 7), ("api", 3)]).committed;
    assert_eq!(play(), play());
}

/// I-14: hundreds of services that find no room cost nothing until the fleet changes.
#[test]
fn services_without_room_wait_quietly() {
    let mut world = World::new(config());
    world.check_load = false;
    let definition = world.define("web:1", serde_json::json!({ "cpu": 4, "memory": 4 }));
    world.add_node("a", resources(1, 1), Default::default());
    for number in 0..300 {
        let request = create_service(&format!("s{number}"), Arc::clone(&definition), 1);
        world.command(Command::CreateService(Box::new(request))).unwrap();
    }
    // Rounds without a place are counted once a minute up to the threshold (DEP-41).
    world.advance(180_000);
    let wakeup = world.core.next_wakeup().unwrap();
    assert!(wakeup.millis_since(world.now) > 6 * 3_600_000 - 200_000, "only to repeat the event");
    world.add_node("b", resources(2_000, 2_000), Default::default());
    world.settle();
    assert_eq!(world.committed.total().running, 300);
}
