//! A rehearsal shows what then happens, changes nothing, and says what is in the way.

use crate::harness::{World, config, create_service, resources, update_service};
use plimsoll_core::rehearsal::{Outcome, Rehearsal, RehearsalError, rehearse};
use plimsoll_core::{Command, CommandError};
use plimsoll_model::{
    Attribute, InstanceId, PlacementConstraint, PlacementStrategy, ServiceName, SpreadField, TaskDefinitionId,
};
use std::collections::BTreeMap;

/// Three nodes in two zones, each with room for four tasks; `web` runs four on them.
fn world(strategies: Vec<PlacementStrategy>, (minimum, maximum): (u32, u32)) -> World {
    let mut world = World::new(config());
    for (name, zone) in [("a", "east"), ("b", "east"), ("c", "west")] {
        let zone = Attribute { value: Some(zone.into()), custom: false };
        world.add_node(name, resources(512, 1_024), BTreeMap::from([("ecs.availability-zone".into(), zone)]));
    }
    for name in ["web:1", "web:2"] {
        world.define(name, serde_json::json!({ "cpu": 128, "memory": 128 }));
    }
    world.define("big:1", serde_json::json!({ "cpu": 4_096, "memory": 128 }));
    let mut service = create_service("web", world.definition("web:1"), 4);
    service.placement_strategy = strategies;
    service.deployment_configuration.minimum_healthy_percent = minimum;
    service.deployment_configuration.maximum_percent = maximum;
    world.command(Command::CreateService(Box::new(service))).unwrap();
    world.settle();
    world
}

fn rehearsal_of(world: &World, command: Command) -> Result<Rehearsal, RehearsalError> {
    let name = ServiceName::parse("web").unwrap();
    let before = world.committed.clone();
    let shown = rehearse(config(), world.committed.clone(), world.now, &name, command);
    assert_eq!(world.committed, before);
    shown
}

fn update(definition: Option<&str>, desired: Option<u32>, world: &World) -> Command {
    let mut request = update_service("web");
    request.definition = definition.map(|name| world.definition(name));
    request.desired_count = desired;
    Command::UpdateService(Box::new(request))
}

/// Where tasks of a definition were started, most of them sorted away: instances with their counts.
fn places<'a>(
    started: impl Iterator<Item = (&'a TaskDefinitionId, InstanceId)>,
) -> BTreeMap<(TaskDefinitionId, InstanceId), u32> {
    let mut places = BTreeMap::new();
    for (definition, instance) in started {
        *places.entry((definition.clone(), instance)).or_default() += 1;
    }
    places
}

#[test]
fn what_is_rehearsed_is_what_happens() {
    let by_default = Vec::new();
    let packed = vec![PlacementStrategy::BinpackCpu];
    let spread = vec![PlacementStrategy::Spread(SpreadField::Attribute("ecs.availability-zone".into()))];
    for strategies in [by_default, packed, spread] {
        for (definition, desired, bounds) in [
            (Some("web:2"), None, (100, 200)),
            (Some("web:2"), None, (75, 100)),
            (Some("web:2"), Some(6), (50, 150)),
            (None, Some(9), (100, 200)),
            (None, Some(1), (100, 200)),
            (None, Some(0), (100, 200)),
        ] {
            let mut world = world(strategies.clone(), bounds);
            let command = update(definition, desired, &world);
            let shown = rehearsal_of(&world, command.clone()).unwrap();
            let what = format!("{strategies:?} {definition:?} {desired:?} {bounds:?}");
            assert_eq!(shown.outcome, Outcome::Steady, "{what}");
            assert!(shown.steps.iter().all(|step| step.at_ms == 0), "{what}");

            let known: Vec<_> = world.committed.tasks.keys().copied().collect();
            world.command(command).unwrap();
            world.settle();
            let new = world.committed.tasks.values().filter(|task| !known.contains(&task.id));
            let happened = places(new.map(|task| (&task.definition, task.instance.unwrap())));
            let moves = || shown.steps.iter().flat_map(|step| &step.started);
            assert_eq!(places(moves().map(|one| (&one.definition, one.instance))), happened, "{what}");
            let stopped: usize = shown.steps.iter().map(|step| step.stopped.len()).sum();
            let live = world.committed.tasks.values().filter(|task| task.is_live()).count();
            assert_eq!(known.len() + moves().count() - stopped, live, "{what}");
        }
    }
}

/// DEP-13: at most one and a quarter of what is wanted, and never less than three quarters.
#[test]
fn a_rollout_is_shown_step_by_step_within_its_percentages() {
    let world = world(Vec::new(), (75, 125));
    let shown = rehearsal_of(&world, update(Some("web:2"), None, &world)).unwrap();
    assert!(shown.steps.len() >= 4, "one or two at a time: {shown:?}");
    for step in &shown.steps {
        let running: u32 = step.deployments.iter().map(|one| one.running).sum();
        let pending: u32 = step.deployments.iter().map(|one| one.pending).sum();
        assert!((3..=5).contains(&running) && running + pending <= 5, "{step:?}");
    }
    let last = shown.steps.last().unwrap();
    assert!(last.events.iter().any(|event| event.contains("steady state")), "{last:?}");
}

#[test]
fn what_blocks_a_change_is_said() {
    let world = world(Vec::new(), (100, 200));
    let shown = rehearsal_of(&world, update(Some("big:1"), None, &world)).unwrap();
    assert_eq!(shown.outcome, Outcome::Blocked);
    let said: Vec<_> = shown.steps.iter().flat_map(|step| &step.events).collect();
    assert!(said.iter().any(|event| event.contains("insufficient CPU units")), "{said:?}");
    let stopped: usize = shown.steps.iter().map(|step| step.stopped.len()).sum();
    assert_eq!(stopped, 0, "nothing goes for what has no place");

    let mut request = update_service("web");
    let nowhere = "attribute:ecs.availability-zone == north".into();
    request.placement_constraints = Some(vec![PlacementConstraint::MemberOf(nowhere)]);
    request.force_new_deployment = true;
    let shown = rehearsal_of(&world, Command::UpdateService(Box::new(request))).unwrap();
    assert_eq!(shown.outcome, Outcome::Blocked);
}

#[test]
fn what_is_refused_is_refused_here_too() {
    let world = world(Vec::new(), (100, 200));
    let service = ServiceName::parse("web").unwrap();
    let command = Command::DeleteService { service: service.clone(), force: false };
    let error = rehearsal_of(&world, command).unwrap_err();
    assert!(matches!(error, RehearsalError::Refused(CommandError::ServiceScaledAboveZero { .. })), "{error}");
    let shown = rehearsal_of(&world, Command::DeleteService { service, force: true }).unwrap();
    assert_eq!(shown.outcome, Outcome::Steady);
    assert_eq!(shown.steps.iter().map(|step| step.stopped.len()).sum::<usize>(), 4);
}

/// A silent node keeps its tasks and gets no others, as in production.
#[test]
fn nodes_that_are_away_stay_away() {
    let mut world = world(Vec::new(), (100, 200));
    let c = world.instance("c");
    world.disconnect("c");
    let shown = rehearsal_of(&world, update(None, Some(8), &world)).unwrap();
    let on_c = shown.steps.iter().flat_map(|step| &step.started).filter(|one| one.instance == c);
    assert_eq!(on_c.count(), 0);
}

/// Tasks that wait to count as healthy hold a rollout up, and the wait shows.
#[test]
fn waiting_is_shown_as_time() {
    let mut world = world(Vec::new(), (100, 125));
    let mut slow = config();
    slow.healthy_ms = 40_000;
    world.settle();
    let name = ServiceName::parse("web").unwrap();
    let command = update(Some("web:2"), None, &world);
    let shown = rehearse(slow, world.committed.clone(), world.now, &name, command).unwrap();
    assert_eq!(shown.outcome, Outcome::Steady);
    let last = shown.steps.last().unwrap();
    assert!(last.at_ms >= 4 * 40_000, "one at a time, 40 s each: {} ms", last.at_ms);
}
