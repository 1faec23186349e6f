//! What a core records is what happened to its fleet, and it records only when it is asked to.

use crate::harness::{World, config, create_service, resources};
use plimsoll_core::Command;
use plimsoll_core::journal::Event;
use plimsoll_model::PlacementStrategy;
use std::collections::BTreeMap;

fn world(records: bool) -> (World, Vec<Event>) {
    let mut config = config();
    config.records_decisions = records;
    let mut world = World::new(config);
    world.add_node("a", resources(512, 1_024), BTreeMap::new());
    world.define("web:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    let mut service = create_service("web", world.definition("web:1"), 2);
    service.placement_strategy = vec![PlacementStrategy::Random];
    world.command(Command::CreateService(Box::new(service))).unwrap();
    world.settle();
    let decisions = std::mem::take(&mut world.decisions).into_iter().map(|one| one.event).collect();
    (world, decisions)
}

#[test]
fn every_choice_is_recorded_with_what_it_was_made_from() {
    let (world, events) = world(true);
    assert!(matches!(events[0], Event::Begins { .. }), "{events:?}");
    let at = |is: fn(&Event) -> bool| events.iter().position(is).expect("it happened");
    let joined = at(|event| matches!(event, Event::Instance(spec) if spec.connected));
    let asked = at(|event| matches!(event, Event::Asked(_)));
    let placed = at(|event| matches!(event, Event::TaskPlaced { .. }));
    assert!(joined < asked && asked < placed, "{events:?}");
    let Event::Asked(request) = &events[asked] else { unreachable!("it was found by that") };
    let node = world.instance("a");
    assert_eq!((&*request.group, request.count, &request.placed[..]), ("service:web", 2, &[node, node][..]));
    assert_eq!(request.strategies, [PlacementStrategy::Random]);
    let tasks = events.iter().filter(|event| matches!(event, Event::TaskPlaced { .. })).count();
    assert_eq!(tasks, world.committed.tasks.len());
    let text = serde_json::to_string(&events).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Event>>(&text).unwrap(), events, "as it is written, so it is read");
}

#[test]
fn nobody_pays_for_a_record_that_nobody_wants() {
    assert_eq!(world(false).1, []);
}
