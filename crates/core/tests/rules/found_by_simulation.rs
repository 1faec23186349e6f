//! What simulated worlds have shown to break, as small as it gets.

use crate::harness::{Behaviour, World, config, create_service, resources};
use plimsoll_core::{Command, Input};
use plimsoll_model::{Attribute, PlacementStrategy};
use std::collections::BTreeMap;

/// A service that may place fewer tasks in a step than it misses, and cannot place even those, was looked at again at
/// once and for ever (I-14).
#[test]
fn a_refusal_ends_the_step_even_if_more_is_missing_than_a_step_places_i_14() {
    let mut world = World::new({
        let mut config = config();
        config.placements_per_step_max = 1;
        config
    });
    world.define("big:1", serde_json::json!({ "cpu": 4_096, "memory": 128 }));
    world.add_node("a", resources(1_024, 1_024), Default::default());
    let definition = world.definition("big:1");
    let created = world.command(Command::CreateService(Box::new(create_service("web", definition, 3))));
    assert!(created.is_ok(), "{created:?}");
    let wakeup = world.core.next_wakeup();
    assert!(wakeup.is_none_or(|at| at > world.now), "due at once: {wakeup:?}");
}

/// The first hello of a node names no instance. When it came twice, the node was registered twice and the first
/// instance stayed behind with its tasks (F-15).
#[test]
fn a_first_hello_that_comes_twice_is_one_instance_f_15() {
    let mut world = World::new(config());
    world.add_node("a", resources(1_024, 1_024), Default::default());
    let instance = world.instance("a");
    let (connection, again) = {
        let node = &mut world.nodes.get_mut("a").expect("added above");
        let known = node.instance.take();
        let again = node.hello();
        node.instance = known;
        (node.connection.expect("connected"), again)
    };
    world.batch(vec![Input::Node { connection, message: again }]);
    assert_eq!(world.committed.instances.keys().copied().collect::<Vec<_>>(), [instance]);
    assert!(world.committed.instances[&instance].agent_connected);
}

/// A writer whose clock is an hour behind the one before it waited that hour until tasks counted as healthy, back-offs
/// ended and rows were forgotten (F-22).
#[test]
fn a_clock_that_is_behind_the_rows_does_not_make_anybody_wait_f_22() {
    const HOUR_MS: u64 = 3_600_000;
    let mut world = World::new({
        let mut config = config();
        config.healthy_ms = 1_000;
        config
    });
    world.define("web:1", serde_json::json!({ "cpu": 128, "memory": 64 }));
    world.add_node("a", resources(1_024, 1_024), Default::default());
    let definition = world.definition("web:1");
    world.command(Command::CreateService(Box::new(create_service("web", definition, 1)))).expect("created");
    world.settle();
    let behind = world.now.minus_millis(HOUR_MS);
    let mut out = plimsoll_core::Outbox::default();
    let core = plimsoll_core::ClusterCore::load(config(), world.committed.clone(), behind, &mut out).expect("loads");
    assert!(core.now() >= world.now, "rows are never older than those before them");
    let wakeup = core.next_wakeup().expect("services are looked at");
    assert!(wakeup <= behind, "due by the clock of the process: {wakeup:?} of {behind:?}");
}

/// Moving tasks to emptier zones went on for ever where another strategy than the zones' chose which task goes (SVC-60).
#[test]
fn zones_are_left_alone_where_another_strategy_comes_first_svc_60() {
    let mut world = World::new(config());
    world.define("web:1", serde_json::json!({ "cpu": 128, "memory": 64 }));
    for (name, zone) in [("a", "x"), ("b", "y")] {
        let zone = Attribute { value: Some(zone.into()), custom: false };
        let attributes = BTreeMap::from([("ecs.availability-zone".into(), zone)]);
        world.add_node(name, resources(1_024, 1_024), attributes);
    }
    let mut service = create_service("web", world.definition("web:1"), 4);
    service.placement_strategy = vec![PlacementStrategy::BinpackCpu];
    service.availability_zone_rebalancing = true;
    world.command(Command::CreateService(Box::new(service))).expect("created");
    world.settle();
    let started = world.committed.tasks.len();
    assert_eq!(started, 4, "packed on one node, and left there");
}

/// A task that starts resets the count of failures in a row; three more of its fellows failing was announced anew each time
/// (EV-7, I-14).
#[test]
fn failing_again_after_one_start_is_no_news_ev_7() {
    let mut world = World::new(config());
    world.define("web:1", serde_json::json!({ "cpu": 128, "memory": 64 }));
    world.add_node("a", resources(4_096, 4_096), BTreeMap::new());
    world.add_node("b", resources(128, 4_096), BTreeMap::new());
    world.nodes.get_mut("a").expect("added above").behaviours.insert("web:1".to_owned(), Behaviour::FailToStart);
    let service = create_service("web", world.definition("web:1"), 5);
    world.command(Command::CreateService(Box::new(service))).expect("created");
    for _ in 0..4 {
        world.settle();
        world.advance(60_000);
    }
    let failed = world.committed.tasks.values().filter(|task| task.is_stopped()).count();
    assert!(failed > 8, "three rounds at least: {failed}");
    let row = world.committed.deployments.values().next().expect("there is one");
    assert!(row.has_run, "b has room for one, which resets the count");
    let said = world
        .committed
        .events
        .values()
        .flat_map(BTreeMap::values)
        .filter(|event| event.message.contains("consistently"));
    assert_eq!(said.count(), 1);
}
