//! Sessions: stale, doubled and lost messages change nothing, and what is owed arrives (I-17 to I-20, F-9 to F-15).

use crate::harness::{Behaviour, World, config, launch, resources};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::{RegisterContainerInstance, RunTask, SubmitTaskStateChange};
use plimsoll_core::protocol::{FromNode, Heartbeat, Report, StopCause, TaskReport, ToNode};
use plimsoll_core::{Command, Effect, Input, Outbox, Output, RequestId};
use plimsoll_model::{Epoch, InstanceId, SessionId, StopCode, TaskId, TaskStatus};

fn world() -> World {
    let mut world = World::new(config());
    world.define("job:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    world.add_node("a", resources(1_024, 1_024), Default::default());
    world
}

fn run_command(world: &World) -> Command {
    Command::RunTask(Box::new(RunTask {
        definition: world.definition("job:1"),
        count: 1,
        launch: launch(),
        capacity_provider_strategy: plimsoll_core::command::StrategyChoice::LaunchType,
        scaled_providers: Default::default(),
        placement_constraints: Vec::new(),
        placement_strategy: Vec::new(),
        client_token: None,
    }))
}

fn run(world: &mut World) -> TaskId {
    let command = run_command(world);
    match world.command(command).unwrap() {
        Output::Tasks { tasks, failures } => {
            assert_eq!(failures, []);
            tasks[0].id
        }
        other => panic!("{other:?}"),
    }
}

fn status(world: &World, task: TaskId) -> TaskStatus {
    world.committed.tasks[&task].last_status
}

fn report_of(task: TaskId, status: TaskStatus) -> TaskReport {
    TaskReport {
        task,
        status,
        containers: Vec::new(),
        stop: None,
        pull_started_at: None,
        pull_stopped_at: None,
        execution_stopped_at: None,
    }
}

fn report(session: SessionId, sequence: u64, tasks: Vec<TaskReport>) -> FromNode {
    FromNode::Report(Report { session, sequence, tasks })
}

fn from(connection: ConnectionId, message: FromNode) -> Vec<Input> {
    vec![Input::Node { connection, message }]
}

fn sent(out: &Outbox) -> Vec<&ToNode> {
    let message = |effect: &'_ Effect| matches!(effect, Effect::Send { .. });
    out.effects
        .iter()
        .filter(|effect| message(effect))
        .map(|effect| match effect {
            Effect::Send { message, .. } => message,
            Effect::Close { .. } => unreachable!("filtered"),
        })
        .collect()
}

fn ids(world: &World) -> (ConnectionId, SessionId, InstanceId) {
    let instance = world.instance("a");
    (world.nodes["a"].connection.unwrap(), world.core.session_of(instance).unwrap(), instance)
}

#[test]
fn a_report_counts_once_and_is_acknowledged_each_time_i_17() {
    let mut world = world();
    let task = run(&mut world);
    let (connection, session, _) = ids(&world);
    let running = report(session, 1, vec![report_of(task, TaskStatus::Running)]);
    let out = world.batch(from(connection, running.clone()));
    assert_eq!(sent(&out), [&ToNode::Acknowledge { session, sequence: 1 }]);
    assert_eq!((status(&world, task), world.committed.tasks[&task].version), (TaskStatus::Running, 2));
    let out = world.batch(from(connection, running));
    assert_eq!(sent(&out), [&ToNode::Acknowledge { session, sequence: 1 }]);
    assert!(out.changes.is_empty(), "{out:?}");
}

#[test]
fn a_status_never_goes_back_i_17() {
    let mut world = world();
    let task = run(&mut world);
    let (connection, session, _) = ids(&world);
    world.batch(from(connection, report(session, 1, vec![report_of(task, TaskStatus::Running)])));
    let out = world.batch(from(connection, report(session, 2, vec![report_of(task, TaskStatus::Pending)])));
    assert!(out.changes.is_empty(), "{out:?}");
    world.batch(from(connection, report(session, 3, vec![report_of(task, TaskStatus::Stopped)])));
    let out = world.batch(from(connection, report(session, 4, vec![report_of(task, TaskStatus::Running)])));
    assert!(out.changes.is_empty(), "{out:?}");
    assert_eq!(status(&world, task), TaskStatus::Stopped);
}

#[test]
fn reports_of_another_session_or_connection_are_ignored_i_17() {
    let mut world = world();
    let task = run(&mut world);
    let (connection, session, _) = ids(&world);
    let running = |session| report(session, 1, vec![report_of(task, TaskStatus::Running)]);
    for (connection, session) in [(connection, SessionId(session.0 - 1)), (ConnectionId(999), session)] {
        let out = world.batch(from(connection, running(session)));
        assert!(out.changes.is_empty() && out.effects.is_empty(), "{out:?}");
    }
    assert_eq!(status(&world, task), TaskStatus::Pending);
}

#[test]
fn a_node_speaks_only_for_its_own_tasks_i_36() {
    let mut world = world();
    let task = run(&mut world);
    world.add_node("b", resources(1_024, 1_024), Default::default());
    let connection = world.nodes["b"].connection.unwrap();
    let session = world.core.session_of(world.instance("b")).unwrap();
    world.batch(from(connection, report(session, 1, vec![report_of(task, TaskStatus::Stopped)])));
    assert_eq!(status(&world, task), TaskStatus::Pending);
}

#[test]
fn what_a_node_should_not_have_it_is_told_to_stop_i_21() {
    let mut world = world();
    let (connection, session, _) = ids(&world);
    let stray = TaskId::from_u128(77);
    let out = world.batch(from(connection, report(session, 1, vec![report_of(stray, TaskStatus::Running)])));
    let stops = sent(&out).iter().any(|message| matches!(message, ToNode::Commands(one) if one.stop == [stray]));
    assert!(stops, "{out:?}");
}

#[test]
fn the_newest_session_of_a_node_wins_f_12() {
    let mut world = world();
    let (old, _, instance) = ids(&world);
    let hello = world.nodes["a"].hello();
    let out = world.batch(from(ConnectionId(50), hello));
    assert!(out.effects.contains(&Effect::Close { connection: old }), "{out:?}");
    // The old connection ends late: that says nothing about the new one.
    world.batch(vec![Input::NodeDisconnected { connection: old }]);
    assert!(world.committed.instances[&instance].agent_connected);
}

/// F-15: the welcome was lost, so the node does not know who it is.
#[test]
fn a_hello_said_again_on_one_connection_is_the_same_instance() {
    let mut world = world();
    let FromNode::Hello(mut hello) = world.nodes["a"].hello() else { panic!("a hello") };
    hello.registration.instance = None;
    let (connection, _, instance) = ids(&world);
    world.batch(from(connection, FromNode::Hello(hello)));
    assert_eq!(world.committed.instances.keys().collect::<Vec<_>>(), [&instance]);
}

#[test]
fn a_node_that_obeyed_a_later_writer_is_refused_f_9() {
    let mut world = world();
    let FromNode::Hello(mut hello) = world.nodes["a"].hello() else { panic!("a hello") };
    hello.epoch = Epoch(9);
    let out = world.batch(from(ConnectionId(50), FromNode::Hello(hello)));
    assert!(matches!(sent(&out)[..], [ToNode::Refused { .. }]), "{out:?}");
    assert!(out.changes.is_empty());
}

#[test]
fn other_hardware_is_refused_ci_3() {
    let mut world = world();
    let FromNode::Hello(mut hello) = world.nodes["a"].hello() else { panic!("a hello") };
    hello.registration.resources.cpu_units = 2_048;
    let out = world.batch(from(ConnectionId(50), FromNode::Hello(hello)));
    assert!(matches!(sent(&out)[..], [ToNode::Refused { .. }]), "{out:?}");
    assert!(out.changes.is_empty());
}

#[test]
fn a_node_that_stays_behind_gets_the_desired_set_again_f_15() {
    let mut world = world();
    let task = run(&mut world);
    let (connection, session, instance) = ids(&world);
    let heartbeat = || from(connection, FromNode::Heartbeat(Heartbeat { session, received: 0 }));
    let out = world.batch(heartbeat());
    assert!(out.effects.is_empty(), "the command may be on its way: {out:?}");
    let out = world.batch(heartbeat());
    let [ToNode::Welcome(welcome)] = sent(&out)[..] else { panic!("{out:?}") };
    assert_eq!(welcome.desired.len(), 1);
    assert_eq!(welcome.desired[0].task, task);
    assert!(welcome.session > session && world.core.session_of(instance) == Some(welcome.session));
    assert!(out.changes.is_empty(), "{out:?}");
}

#[test]
fn a_resync_is_answered_with_the_desired_set_f_15() {
    let mut world = world();
    run(&mut world);
    let (connection, session, _) = ids(&world);
    let out = world.batch(from(connection, FromNode::Resync { session }));
    assert!(matches!(sent(&out)[..], [ToNode::Welcome(_)]), "{out:?}");
}

/// TL-6, I-20: in one batch, so that no node has heard of it.
#[test]
fn a_task_stopped_before_any_node_heard_of_it_is_stopped_at_once() {
    let mut world = world();
    let mut out = Outbox::default();
    let command = run_command(&world);
    world.core.step(world.now, Input::Command { request: RequestId(1), command }, &mut out);
    let task = *world.core.image().tasks.keys().next().unwrap();
    let stop = Command::StopTask { task, reason: Some("changed my mind".into()) };
    world.core.step(world.now, Input::Command { request: RequestId(2), command: stop }, &mut out);
    world.core.step(world.now, Input::Reconcile, &mut out);
    let row = &world.core.image().tasks[&task];
    assert_eq!((row.last_status, row.stop_code), (TaskStatus::Stopped, Some(StopCode::UserInitiated)));
    assert_eq!(row.stopped_reason.as_deref(), Some("changed my mind"));
    let started = sent(&out).iter().any(|message| matches!(message, ToNode::Commands(one) if !one.start.is_empty()));
    assert!(!started, "{out:?}");
}

/// I-19, D-6: told before the stop, so the node has to confirm it.
#[test]
fn a_task_a_node_was_told_of_holds_its_resources_until_it_is_gone() {
    let mut world = world();
    for node in world.nodes.values_mut() {
        node.behaviours.insert("job:1".to_owned(), Behaviour::Deaf);
    }
    let task = run(&mut world);
    world.command(Command::StopTask { task, reason: None }).unwrap();
    world.settle();
    let instance = world.instance("a");
    assert!(world.committed.tasks[&task].is_stopping());
    assert_eq!(world.committed.usage[&instance].cpu_units, 128);
    let (connection, session, _) = ids(&world);
    let mut stopped = report_of(task, TaskStatus::Stopped);
    stopped.stop = Some(StopCause::Requested);
    world.batch(from(connection, report(session, 9, vec![stopped])));
    assert_eq!(status(&world, task), TaskStatus::Stopped);
    assert_eq!(world.committed.usage[&instance].cpu_units, 0);
}

/// OP-5: an instance of the API has no session; its agent speaks through SubmitTaskStateChange.
#[test]
fn an_instance_registered_over_the_api_takes_tasks() {
    let mut world = World::new(config());
    world.define("job:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    let registration = RegisterContainerInstance {
        instance: None,
        resources: resources(1_024, 1_024),
        attributes: Default::default(),
        version_info: crate::harness::version_info(),
        ec2_instance_id: None,
        tags: Default::default(),
    };
    let Ok(Output::Instance(instance)) = world.command(Command::RegisterContainerInstance(Box::new(registration)))
    else {
        panic!("registers")
    };
    assert!(instance.agent_connected && instance.ec2_instance_id.starts_with("i-"));
    let task = run(&mut world);
    let submit = |world: &mut World, status| {
        let request = SubmitTaskStateChange {
            task,
            status: Some(status),
            reason: None,
            containers: Vec::new(),
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
        };
        world.command(Command::SubmitTaskStateChange(Box::new(request))).unwrap();
    };
    submit(&mut world, TaskStatus::Running);
    assert_eq!(status(&world, task), TaskStatus::Running);
    world.command(Command::StopTask { task, reason: None }).unwrap();
    assert!(world.committed.tasks[&task].is_stopping(), "its agent knows it");
    submit(&mut world, TaskStatus::Pending);
    assert_eq!(status(&world, task), TaskStatus::Running, "backwards is ignored");
    submit(&mut world, TaskStatus::Stopped);
    assert_eq!(status(&world, task), TaskStatus::Stopped);
    world.advance(10_000_000);
    assert!(world.committed.instances[&instance.id].agent_connected, "no session, no grace");
}

/// Where a round trip takes longer than some heartbeats, each of them used to open one more session, and no report was
/// ever of the one the connection carried when it came.
#[test]
fn a_welcome_may_take_longer_than_a_few_heartbeats_f_15() {
    let mut world = world();
    let (connection, session, _) = ids(&world);
    let mut welcomes = 0;
    for _ in 0..60 {
        let heartbeat = Heartbeat { session: SessionId(session.0 - 1), received: 0 };
        let out = world.batch(from(connection, FromNode::Heartbeat(heartbeat)));
        welcomes += sent(&out).iter().filter(|message| matches!(message, ToNode::Welcome(_))).count();
    }
    assert!((2..=6).contains(&welcomes), "{welcomes} welcomes for 60 heartbeats");
}
