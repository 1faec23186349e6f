//! Tasks that wait for an instance (RUN-12), where a script says too little.

use crate::harness::{World, config, launch, resources};
use plimsoll_core::command::{AssociatedProviders, CreateCluster, RunTask, StrategyChoice, SubmitTaskStateChange};
use plimsoll_core::{ClusterCore, Command, CommandError, Input, Outbox, Output};
use plimsoll_model::{
    Attribute, CAPACITY_PROVIDER_ATTRIBUTE, CapacityProviderStrategyItem, StopCode, Task, TaskId, TaskOverrides,
    TaskStatus,
};
use std::sync::Arc;

fn world() -> World {
    let mut world = World::new(config());
    world.define("job:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    world.command(Command::CreateCluster(CreateCluster::default())).unwrap();
    let capacity_providers = vec!["racks".into()];
    let associated = AssociatedProviders { capacity_providers, default_strategy: Vec::new() };
    world.command(Command::PutClusterCapacityProviders(associated)).unwrap();
    world
}

fn run(count: u32, world: &World) -> RunTask {
    let item = CapacityProviderStrategyItem { provider: "racks".into(), weight: 1, base: 0 };
    RunTask {
        definition: world.definition("job:1"),
        count,
        launch: launch(),
        capacity_provider_strategy: StrategyChoice::Given(vec![item]),
        scaled_providers: ["racks".into()].into(),
        placement_constraints: Vec::new(),
        placement_strategy: Vec::new(),
        client_token: None,
    }
}

fn wait(count: u32, world: &mut World) -> Vec<TaskId> {
    let command = Command::RunTask(Box::new(run(count, world)));
    match world.command(command).unwrap() {
        Output::Tasks { tasks, failures } => {
            assert!(failures.is_empty() && tasks.iter().all(|task| task.is_waiting()), "{tasks:?} {failures:?}");
            tasks.iter().map(|task| task.id).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn join(world: &mut World, name: &str) {
    let attribute = Attribute { value: Some("racks".into()), custom: false };
    let attributes = [(CAPACITY_PROVIDER_ATTRIBUTE.into(), attribute)].into();
    world.add_node(name, resources(1_024, 1_024), attributes);
}

fn task<'a>(world: &'a World, id: &TaskId) -> &'a Arc<Task> {
    &world.committed.tasks[id]
}

#[test]
fn run_12_three_hundred_may_wait_and_no_more() {
    let mut world = world();
    for _ in 0..29 {
        wait(10, &mut world);
    }
    wait(9, &mut world);
    assert_eq!(world.committed.total().pending, 299, "CL-6");
    let before = world.committed.clone();
    let command = Command::RunTask(Box::new(run(2, &world)));
    let refused = world.command(command).unwrap_err();
    assert_eq!(refused, CommandError::TooManyProvisioningTasks { count: 301, limit: 300 });
    assert_eq!(world.committed, before, "refused whole");
    wait(1, &mut world);

    // What is placed, or does not wait, is not counted.
    join(&mut world, "a");
    assert_eq!(world.committed.waiting_tasks().len(), 292);
    wait(8, &mut world);
    let unscaled = RunTask { scaled_providers: Default::default(), ..run(1, &world) };
    match world.command(Command::RunTask(Box::new(unscaled))).unwrap() {
        Output::Tasks { tasks, failures } => assert_eq!((tasks.len(), failures.len()), (0, 1), "RUN-8"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn run_12_the_oldest_get_the_first_places_a_step_at_a_time() {
    let mut world = World::new(plimsoll_core::ClusterConfig { placements_per_step_max: 3, ..config() });
    world.define("job:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    let associated = AssociatedProviders { capacity_providers: vec!["racks".into()], default_strategy: Vec::new() };
    world.command(Command::CreateCluster(CreateCluster { capacity: associated, ..Default::default() })).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.extend(wait(1, &mut world));
        world.advance(1_000);
    }
    join(&mut world, "a");
    world.settle();
    let (placed, left) = waiting.split_at(8);
    assert!(placed.iter().all(|id| task(&world, id).instance == Some(world.instance("a"))), "as many as it holds");
    assert!(left.iter().all(|id| task(&world, id).is_waiting()));
    assert_eq!(world.committed.instance_counts(world.instance("a")).live, 8);
    assert_eq!(world.core.next_wakeup().unwrap(), task(&world, &left[0]).created_at.plus_millis(900_000), "I-14");
}

#[test]
fn run_12_waiting_outlives_the_process() {
    let mut world = world();
    let overrides = TaskOverrides { cpu_units: Some(700), ..Default::default() };
    let mut request = run(1, &world);
    request.launch.overrides = Some(Arc::new(overrides));
    world.command(Command::RunTask(Box::new(request))).unwrap();
    let waiting = world.committed.waiting_tasks().next().unwrap().id;
    world.advance(300_000);

    // With the rows alone: the overrides are kept (RUN-4), and so is the time that it has waited.
    let later = world.now.plus_millis(1);
    let mut core = ClusterCore::load(config(), world.committed.clone(), later, &mut Outbox::default()).unwrap();
    core.step(later, Input::Reconcile, &mut Outbox::default());
    assert_eq!(core.derived().retention, world.core.derived().retention);
    world.core = core;
    join(&mut world, "a");
    let row = task(&world, &waiting);
    assert_eq!((row.last_status, row.reserved.cpu_units, &row.waiting), (TaskStatus::Pending, 700, &None));
    assert_eq!(world.committed.usage[&world.instance("a")].cpu_units, 700);
}

#[test]
fn run_12_nobody_reports_of_a_task_that_is_nowhere() {
    let mut world = world();
    let waiting = wait(1, &mut world)[0];
    let report = SubmitTaskStateChange {
        task: waiting,
        status: Some(TaskStatus::Running),
        reason: None,
        containers: Vec::new(),
        pull_started_at: None,
        pull_stopped_at: None,
        execution_stopped_at: None,
    };
    assert_eq!(world.command(Command::SubmitTaskStateChange(Box::new(report))), Ok(Output::Acknowledged));
    assert!(task(&world, &waiting).is_waiting());
    world.command(Command::StopTask { task: waiting, reason: None }).unwrap();
    let row = task(&world, &waiting);
    assert_eq!((row.last_status, row.stop_code), (TaskStatus::Stopped, Some(StopCode::UserInitiated)));
    assert!(row.stopped_at.is_some() && row.containers.iter().all(|one| one.last_status == TaskStatus::Stopped));
}
