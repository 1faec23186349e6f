//! Why tasks are where they are, or are nowhere; and asking changes nothing.

use crate::harness::{World, config, create_service, launch, resources, update_service};
use plimsoll_core::command::{RunTask, StrategyChoice};
use plimsoll_core::explain::{Explain, Explained, Subject, Waits};
use plimsoll_core::{Command, CommandError, Output};
use plimsoll_model::{Attribute, PlacementConstraint, PlacementStrategy, ServiceName};
use plimsoll_placement::{Check, Reason};
use std::collections::BTreeMap;

/// Three nodes of four tasks each in two zones; `web` has two tasks.
fn world() -> World {
    let mut world = World::new(config());
    for (name, zone) in [("a", "east"), ("b", "east"), ("c", "west")] {
        let zone = Attribute { value: Some(zone.into()), custom: false };
        world.add_node(name, resources(512, 1_024), BTreeMap::from([("ecs.availability-zone".into(), zone)]));
    }
    world.define("web:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    world.define("big:1", serde_json::json!({ "cpu": 450, "memory": 128 }));
    let service = create_service("web", world.definition("web:1"), 2);
    world.command(Command::CreateService(Box::new(service))).unwrap();
    world.settle();
    world
}

fn ask(world: &mut World, subject: Subject) -> Result<Explained, CommandError> {
    let before = world.committed.clone();
    let answer = world.command(Command::Explain(Box::new(Explain { subject, candidates_max: 2 })));
    assert_eq!(world.committed, before, "an answer changes nothing");
    match answer? {
        Output::Explained(explained) => Ok(*explained),
        other => panic!("an explanation, not {other:?}"),
    }
}

fn run(world: &World, definition: &str, count: u32) -> RunTask {
    RunTask {
        definition: world.definition(definition),
        count,
        launch: launch(),
        capacity_provider_strategy: StrategyChoice::LaunchType,
        placement_constraints: Vec::new(),
        placement_strategy: Vec::new(),
        scaled_providers: Default::default(),
        client_token: None,
    }
}

#[test]
fn a_request_is_explained_as_it_would_be_carried_out() {
    let mut world = world();
    let mut request = run(&world, "big:1", 3);
    request.placement_strategy = vec![PlacementStrategy::BinpackCpu];
    request.placement_constraints =
        vec![PlacementConstraint::MemberOf("attribute:ecs.availability-zone == east".into())];
    let command = Command::RunTask(Box::new(request));
    let explained = ask(&mut world, Subject::Request(Box::new(command.clone()))).unwrap();
    let [asked] = &explained.asks[..] else { panic!("no provider, so one answer: {explained:?}") };
    let ids = ["a", "b", "c"].map(|node| world.instance(node));
    let holder = world.committed.tasks.values().filter_map(|task| task.instance).find(|id| *id != ids[2]).unwrap();
    let free = if holder == ids[0] { ids[1] } else { ids[0] };
    assert_eq!((asked.count, &asked.places[..]), (3, &[(free, 1)][..]));
    assert_eq!(asked.explanation.refusal(holder), Some(Reason::Cpu));
    assert_eq!(asked.explanation.refusal(ids[2]), Some(Reason::Cpu), "a task is there, and CPU is checked first");
    let constraint = Check::MemberOf(0, "attribute:ecs.availability-zone == east".into());
    let alone: Vec<(&Check, u32)> = asked.explanation.obstacles.iter().map(|one| (&one.check, one.only)).collect();
    assert_eq!(alone, [(&Check::Cpu, 1), (&constraint, 0)]);
    assert_eq!(explained.needs.demand.cpu_units, 450);

    match world.command(command).unwrap() {
        Output::Tasks { tasks, failures } => {
            assert_eq!(
                tasks.iter().filter_map(|task| task.instance).collect::<Vec<_>>(),
                [free],
                "as it was explained"
            );
            assert_eq!(failures.len(), 3);
        }
        other => panic!("tasks, not {other:?}"),
    }
}

#[test]
fn a_service_says_what_it_misses_and_what_holds_it_back() {
    let mut world = world();
    let web = ServiceName::parse("web").unwrap();
    let steady = ask(&mut world, Subject::Service(web.clone())).unwrap();
    let standing = steady.service.unwrap();
    assert_eq!((standing.desired, standing.running, standing.missing, standing.waits.len()), (2, 2, 0, 0));
    assert_eq!((steady.asks[0].count, steady.asks[0].places.len()), (1, 1), "where one more would go");
    assert_eq!(steady.tasks.len(), 2);
    assert!(steady.tasks.iter().all(|one| one.rank.is_some()), "{:?}", steady.tasks);

    let mut more = update_service("web");
    more.definition = Some(world.definition("big:1"));
    more.maximum_percent = Some(100);
    more.minimum_healthy_percent = Some(100);
    let update = Command::UpdateService(Box::new(more));
    let planned = ask(&mut world, Subject::Request(Box::new(update.clone()))).unwrap();
    assert_eq!((planned.needs.definition.to_string(), planned.asks[0].count), ("big:1".to_owned(), 2));
    world.command(update).unwrap();
    world.settle();
    let stuck = ask(&mut world, Subject::Service(web)).unwrap().service.unwrap();
    assert_eq!((stuck.missing, stuck.waits), (2, vec![Waits::MaximumPercent { tasks: 2, most: 2 }]));
    let nobody = ServiceName::parse("nobody").unwrap();
    let refused = ask(&mut world, Subject::Service(nobody.clone()));
    assert_eq!(refused, Err(CommandError::ServiceNotFound { service: nobody }));
}

/// It is ranked as if it were not there yet: one task alone on its instance would be second to empty ones otherwise.
#[test]
fn a_task_is_where_it_would_go_again() {
    let mut world = world();
    let tasks: Vec<_> = world.committed.tasks.keys().copied().collect();
    for id in tasks {
        let explained = ask(&mut world, Subject::Task(id)).unwrap();
        let [standing] = &explained.tasks[..] else { panic!("{explained:?}") };
        let best = &explained.asks[0].explanation.candidates[0];
        assert_eq!((standing.task.id, best.scores[0].1), (id, 0), "its zone is empty without it");
        assert!(standing.rank.unwrap() <= 2, "{standing:?}");
    }
}
