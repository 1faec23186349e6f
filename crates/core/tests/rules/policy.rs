//! A cluster that chose a placement policy by name.

use crate::harness::{World, config, create_service, resources};
use plimsoll_core::{Command, Output};
use plimsoll_model::{Attribute, InstanceId, NO_PLACEMENT_POLICY, PLACEMENT_POLICY, PlacementStrategy, SpreadField};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn world() -> World {
    let mut world = World::new(config());
    for (name, zone) in [("a", "east"), ("b", "west"), ("c", "north")] {
        let zone = Attribute { value: Some(zone.into()), custom: false };
        world.add_node(name, resources(1_024, 1_024), BTreeMap::from([("ecs.availability-zone".into(), zone)]));
    }
    world.define("web:1", json!({ "cpu": 128, "memory": 128 }));
    world
}

fn set(world: &mut World, name: &str, value: &str) -> Value {
    let settings = json!([{ "name": name, "value": value }]);
    let echo = Map::from_iter([("settings".to_owned(), settings)]);
    match world.command(Command::UpdateCluster { echo }).unwrap() {
        Output::Cluster(row) => row.echo["settings"].clone(),
        other => panic!("a cluster, not {other:?}"),
    }
}

fn serve(world: &mut World, name: &str, strategies: Vec<PlacementStrategy>) -> BTreeSet<InstanceId> {
    let mut service = create_service(name, world.definition("web:1"), 3);
    service.placement_strategy = strategies;
    service.availability_zone_rebalancing = true;
    world.command(Command::CreateService(Box::new(service))).unwrap();
    world.settle();
    places(world, name)
}

fn places(world: &World, name: &str) -> BTreeSet<InstanceId> {
    let is_its = |service: &plimsoll_model::ServiceName| service.to_string() == name;
    let tasks = world.committed.tasks.values().filter(|task| task.is_live());
    tasks.filter(|task| task.service.as_ref().is_some_and(is_its)).filter_map(|task| task.instance).collect()
}

#[test]
fn what_has_no_strategy_is_placed_by_the_policy_and_left_where_it_is() {
    for policy in ["first-fit", "best-fit?dimensions=cpu", "binpack-cpu", "dot-product?prefer=smallest", "fgd"] {
        let mut world = world();
        set(&mut world, PLACEMENT_POLICY, policy);
        assert_eq!(serve(&mut world, "web", Vec::new()).len(), 1, "{policy} fills the first");
        let spread = vec![PlacementStrategy::Spread(SpreadField::Instance)];
        assert_eq!(serve(&mut world, "spread", spread).len(), 3, "a strategy wins over {policy}");
        world.advance(600_000);
        world.settle();
        assert_eq!(places(&world, "web").len(), 1, "zones are not evened out under {policy}");

        set(&mut world, PLACEMENT_POLICY, NO_PLACEMENT_POLICY);
        world.settle();
        assert_eq!(places(&world, "web").len(), 3, "and are by the default");
    }
}

#[test]
fn settings_are_changed_by_name() {
    let mut world = world();
    let policy = json!({ "name": PLACEMENT_POLICY, "value": "worst-fit" });
    let insights = json!({ "name": "containerInsights", "value": "enabled" });
    assert_eq!(set(&mut world, PLACEMENT_POLICY, "first-fit").as_array().map(Vec::len), Some(1));
    assert_eq!(set(&mut world, PLACEMENT_POLICY, "worst-fit"), json!([policy]));
    assert_eq!(set(&mut world, "containerInsights", "enabled"), json!([policy, insights]));
    assert_eq!(set(&mut world, PLACEMENT_POLICY, NO_PLACEMENT_POLICY), json!([insights]));
}
