//! DAEMON services: every small rollout and drain, with what must hold checked after every step, and nodes that come and
//! go by the hour and by the hundred (SVC-40..46, F-16, F-24).

use crate::harness::{FakeNode, World, config, create_service, resources, update_service};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::{Command, Input, Outbox};
use plimsoll_model::{
    Image, InstanceId, InstanceStatus, RolloutState, SchedulingStrategy, ServiceName, StopCode, Task, TaskDefinition,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const STEPS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Case {
    nodes: usize,
    min: u32,
    /// Chooses which node answers next.
    order: usize,
}

fn cases() -> impl Iterator<Item = Case> {
    (1..=6).flat_map(|nodes| {
        (0..=10).flat_map(move |tenth| (0..3).map(move |order| Case { nodes, min: tenth * 10, order }))
    })
}

fn agent() -> ServiceName {
    ServiceName::parse("agent").unwrap()
}

fn create_daemon(world: &mut World, definition: &Arc<TaskDefinition>, min: u32) {
    let mut request = create_service("agent", Arc::clone(definition), 0);
    request.scheduling_strategy = SchedulingStrategy::Daemon;
    request.deployment_configuration.maximum_percent = 100;
    request.deployment_configuration.minimum_healthy_percent = min;
    world.command(Command::CreateService(Box::new(request))).unwrap();
}

fn steady_world(case: Case) -> World {
    let mut world = World::new(config());
    world.check_load = false;
    for node in 0..case.nodes {
        world.add_node(&format!("n{node}"), resources(1_024, 1_024), BTreeMap::new());
    }
    for definition in ["agent:1", "agent:2", "web:1"] {
        world.define(definition, serde_json::json!({ "cpu": 128, "memory": 128 }));
    }
    let definition = world.definition("agent:1");
    create_daemon(&mut world, &definition, case.min);
    world.settle();
    assert_covered(&world, 1);
    world
}

fn live(image: &Image) -> impl Iterator<Item = &Task> {
    let name = agent();
    let live: Vec<&Task> = image.tasks_of_service(&name).map(|task| &**task).filter(|task| task.is_live()).collect();
    live.into_iter()
}

/// SVC-40: exactly one, of the given revision, on every ACTIVE, connected instance, none elsewhere, and desiredCount
/// says so.
fn assert_covered(world: &World, revision: u32) {
    let image = &world.committed;
    let wanted: BTreeSet<InstanceId> = image
        .instances
        .values()
        .filter(|row| row.status == InstanceStatus::Active && row.agent_connected)
        .map(|row| row.id)
        .collect();
    let found: Vec<InstanceId> = live(image).filter_map(|task| task.instance).collect();
    assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(found.len(), wanted.len(), "two on one instance");
    assert!(live(image).all(|task| task.definition.revision == revision && task.is_running()));
    let primary = image.primary_deployment(&agent()).unwrap();
    assert_eq!(image.services[&agent()].desired_count as usize, wanted.len());
    assert_eq!(primary.desired_count as usize, wanted.len());
    assert_eq!(primary.rollout_state, RolloutState::Completed);
    assert_eq!(image.deployments_of_service(&agent()).count(), 1);
}

/// I-13.
fn assert_quiet(world: &mut World) {
    for _ in 0..100 {
        let mut out = Outbox::default();
        world.core.step(world.now, Input::Reconcile, &mut out);
        assert!(out.changes.is_empty() && out.effects.is_empty(), "{out:?}");
    }
    assert!(world.core.next_wakeup().is_none_or(|at| at > world.now));
}

fn drive(world: &mut World, case: Case, mut check: impl FnMut(&World)) {
    for step in 0..STEPS_MAX {
        if !world.settle_one(case.order * step) {
            return;
        }
        check(world);
    }
    panic!("{case:?}: not quiet after {STEPS_MAX} steps");
}

/// SVC-44: nothing fails here, so whoever is without a healthy task is so because of the rollout.
fn check_minimum(world: &World, case: Case) {
    let healthy = live(&world.committed).filter(|task| task.is_running()).count();
    let minimum = (case.nodes * case.min as usize).div_ceil(100);
    assert!(healthy >= minimum, "{case:?}: {healthy} healthy of {minimum}");
}

#[test]
fn every_small_rollout_goes_instance_by_instance_svc_43_44() {
    for case in cases() {
        let mut world = steady_world(case);
        let mut request = update_service("agent");
        request.definition = Some(world.definition("agent:2"));
        world.command(Command::UpdateService(Box::new(request))).unwrap();
        check_minimum(&world, case);
        // Nothing may be missing: nothing can be stopped (DEP-17).
        let blocked = (case.nodes * case.min as usize).div_ceil(100) == case.nodes;
        let allowed = case.nodes - (case.nodes * case.min as usize).div_ceil(100);
        assert_eq!(live(&world.committed).count(), case.nodes - allowed, "{case:?}: all that may stop does");
        drive(&mut world, case, |world| check_minimum(world, case));
        if blocked {
            assert!(live(&world.committed).all(|task| task.definition.revision == 1), "{case:?}");
            let said = |text: &str| text.contains("because of the service deployment configuration");
            let name = agent();
            let events = world.committed.events_of_service(&name);
            assert_eq!(events.filter(|event| said(&event.message)).count(), 1, "{case:?} (EV-6)");
        } else {
            assert_covered(&world, 2);
        }
        assert_quiet(&mut world);
    }
}

/// SVC-42: nothing of another service is left when the daemon's task is told to stop.
#[test]
fn every_small_drain_ends_with_the_daemon_svc_42() {
    for case in cases().filter(|case| case.min % 50 == 0) {
        let mut world = steady_world(case);
        let mut web = create_service("web", world.definition("web:1"), 3);
        web.deployment_configuration.minimum_healthy_percent = 0;
        world.command(Command::CreateService(Box::new(web))).unwrap();
        world.settle();
        let instance = world.instance("n0");
        let drained = |status| Command::UpdateContainerInstancesState { instances: vec![instance], status };
        let check = |world: &World| {
            let on_it = || world.committed.tasks_of_instance(instance).filter(|task| !task.is_stopped());
            let others = on_it().filter(|task| task.service.as_ref() != Some(&agent())).count();
            let daemon = on_it().find(|task| task.service.as_ref() == Some(&agent()));
            assert!(others == 0 || daemon.is_some_and(|task| task.is_live()), "{case:?}: {others} are left alone");
        };
        world.command(drained(InstanceStatus::Draining)).unwrap();
        check(&world);
        drive(&mut world, case, check);
        assert_covered(&world, 1);
        assert_eq!(world.committed.instance_counts(instance).not_stopped, 0, "{case:?}");
        assert_quiet(&mut world);
        world.command(drained(InstanceStatus::Active)).unwrap();
        drive(&mut world, case, |_| {});
        assert_covered(&world, 1);
        assert_quiet(&mut world);
    }
}

/// Instances that come, go, drain and return while the service rolls: in the end each has its one.
#[test]
fn instances_come_and_go_in_the_middle_of_a_rollout_svc_41() {
    let rolls = |case: &Case| (case.nodes * case.min as usize).div_ceil(100) < case.nodes;
    for case in cases().filter(|case| case.nodes >= 3 && rolls(case)) {
        let mut world = steady_world(case);
        let mut request = update_service("agent");
        request.definition = Some(world.definition("agent:2"));
        world.command(Command::UpdateService(Box::new(request))).unwrap();
        world.settle_one(case.order);
        world.add_node("late", resources(1_024, 1_024), BTreeMap::new());
        world.settle_one(case.order);
        let (drained, gone) = (world.instance("n0"), world.instance("n1"));
        let instances = vec![drained];
        world.command(Command::UpdateContainerInstancesState { instances, status: InstanceStatus::Draining }).unwrap();
        world.settle_one(case.order);
        world.command(Command::DeregisterContainerInstance { instance: gone, force: true }).unwrap();
        // Nobody listens to it any more.
        world.nodes.remove("n1");
        world.disconnect("n2");
        world.settle_one(case.order);
        let instances = vec![drained];
        world.command(Command::UpdateContainerInstancesState { instances, status: InstanceStatus::Active }).unwrap();
        world.connect("n2");
        // The replaced writer knows nothing of what went on and ends at the same place.
        let mut out = Outbox::default();
        world.core = plimsoll_core::ClusterCore::load(config(), world.committed.clone(), world.now, &mut out).unwrap();
        world.committed.apply_all(&out.changes);
        for node in ["n0", "n2", "n3", "n4", "n5", "late"] {
            if world.nodes.contains_key(node) {
                world.connect(node);
            }
        }
        drive(&mut world, case, |_| {});
        assert_covered(&world, 2);
        assert_quiet(&mut world);
    }
}

/// SVC-45, however tight: after replicas filled all they may, every new node still takes the daemon first.
#[test]
fn replicas_never_take_the_daemons_room_svc_45() {
    for first in ["agent", "web"] {
        let mut world = World::new(config());
        world.add_node("n0", resources(1_024, 1_024), BTreeMap::new());
        let daemon = world.define("agent:1", serde_json::json!({ "cpu": 700, "memory": 64 }));
        let web = world.define("web:1", serde_json::json!({ "cpu": 100, "memory": 64 }));
        create_daemon(&mut world, &daemon, 0);
        // Named so that it comes before the daemon, or after it.
        let name = if first == "web" { "a-web" } else { "web" };
        world.command(Command::CreateService(Box::new(create_service(name, web, 40)))).unwrap();
        for node in 1..=5 {
            world.add_node(&format!("n{node}"), resources(1_024, 1_024), BTreeMap::new());
            world.settle();
            let services = &world.committed.services;
            assert_eq!(services[&agent()].desired_count, node + 1);
            assert_eq!(world.committed.service_counts(&agent()).running, node + 1);
            let web = world.committed.service_counts(&ServiceName::parse(name).unwrap());
            assert_eq!(web.running, 3 * (node + 1), "what the daemon leaves is used");
        }
    }
}

/// F-16: an hour of a session that breaks every 5 to 20 seconds, with a grace it outlives and with one it does not.
#[test]
fn an_hour_of_flapping_makes_little_noise_f_16() {
    for grace_ms in [120_000, 4_000] {
        let mut settings = config();
        settings.disconnect_grace_ms = Some(grace_ms);
        let mut world = World::new(settings);
        world.check_load = false;
        for node in ["flaps", "b", "c"] {
            world.add_node(node, resources(1_024, 1_024), BTreeMap::new());
        }
        let definition = world.define("agent:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
        create_daemon(&mut world, &definition, 0);
        world.command(Command::CreateService(Box::new(create_service("web", definition, 6)))).unwrap();
        world.settle();
        let flaps = world.instance("flaps");
        let lost = |world: &World| world.committed.instances[&flaps].lost;
        let placed_before = world.committed.tasks.len();
        let (mut losses, mut was_lost) = (0, false);
        let end = world.now.plus_millis(3_600_000);
        let mut seconds = 5;
        while world.now < end {
            world.disconnect("flaps");
            world.advance(seconds * 500);
            losses += u32::from(lost(&world) && !was_lost);
            world.connect("flaps");
            was_lost = lost(&world);
            world.advance(seconds * 500);
            // 5 to 20, each in its turn.
            seconds = 5 + (seconds * 7 + 3) % 16;
        }
        let placed = world.committed.tasks.len() - placed_before;
        assert!(losses <= 3, "grace {grace_ms}: lost {losses} times");
        assert!(placed <= 12, "grace {grace_ms}: {placed} tasks placed");
        let events = |name: &str| world.committed.events_of_service(&ServiceName::parse(name).unwrap()).count();
        assert!(events("agent") + events("web") <= 20, "grace {grace_ms}: {} {}", events("agent"), events("web"));
        // Stable at last, it is covered again.
        world.advance(300_000);
        assert_covered(&world, 1);
        assert_eq!(world.committed.service_counts(&ServiceName::parse("web").unwrap()).running, 6);
    }
}

/// F-24, D-8: half of a thousand instances go silent together and come back together: none is lost, no task is
/// touched. If they stay away, they are given up one per ten seconds, and whoever returns is safe.
#[test]
fn half_of_a_thousand_instances_return_and_none_is_killed_f_24() {
    const NODES: u64 = 1_000;
    let mut world = World::new(config());
    world.check_load = false;
    let definition = world.define("agent:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    let hello = |world: &mut World, nodes: std::ops::Range<u64>, connection: u64| {
        let inputs = nodes.map(|node| {
            let fake = world.nodes.get_mut(&format!("n{node}")).unwrap();
            fake.connection = Some(ConnectionId(connection + node));
            Input::Node { connection: ConnectionId(connection + node), message: fake.hello() }
        });
        let inputs = inputs.collect();
        world.batch(inputs);
        world.settle();
    };
    let silence = |world: &mut World, nodes: std::ops::Range<u64>| {
        let inputs = nodes.map(|node| {
            let connection = world.nodes.get_mut(&format!("n{node}")).unwrap().connection.take().unwrap();
            Input::NodeDisconnected { connection }
        });
        let inputs = inputs.collect();
        world.batch(inputs);
    };
    for node in 0..NODES {
        let name = format!("n{node}");
        world.nodes.insert(name.clone(), FakeNode::new(&name, resources(1_024, 1_024), BTreeMap::new()));
    }
    hello(&mut world, 0..NODES, 10_000);
    create_daemon(&mut world, &definition, 0);
    world.command(Command::CreateService(Box::new(create_service("web", definition, 1_000)))).unwrap();
    world.settle();
    assert_covered(&world, 1);
    let tasks = world.committed.tasks.clone();

    silence(&mut world, 0..NODES / 2);
    world.advance(119_000);
    hello(&mut world, 0..NODES / 2, 20_000);
    world.advance(600_000);
    assert_eq!(world.committed.tasks, tasks, "no task was touched");

    silence(&mut world, 0..NODES / 2);
    world.advance(120_000 + 95_000);
    let lost = |world: &World| world.committed.instances.values().filter(|row| row.lost).count();
    assert_eq!(lost(&world), 10, "one at once and one per ten seconds");
    let terminated = |world: &World| {
        let stopped = world.committed.tasks.values().filter(|task| task.is_stopped());
        let by_loss = stopped.filter(|task| task.stop_code == Some(StopCode::TerminationNotice));
        by_loss.map(|task| task.instance).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(terminated(&world), 10);
    hello(&mut world, 0..NODES / 2, 30_000);
    world.advance(600_000);
    assert_eq!((lost(&world), terminated(&world)), (0, 10), "whoever returns is not killed after all");
    assert_covered(&world, 1);
    assert_eq!(world.committed.service_counts(&ServiceName::parse("web").unwrap()).running, 1_000);
}

/// D-7, I-13: silent instances with a live task stay covered.
#[test]
fn a_restart_of_the_control_plane_moves_no_daemon() {
    let case = Case { nodes: 6, min: 0, order: 0 };
    let mut world = steady_world(case);
    let before = world.committed.tasks.clone();
    let mut out = Outbox::default();
    let now = Timestamp::from_millis(world.now.as_millis() + 1);
    world.core = plimsoll_core::ClusterCore::load(config(), world.committed.clone(), now, &mut out).unwrap();
    world.committed.apply_all(&out.changes);
    world.now = now;
    world.batch(Vec::new());
    assert_eq!(world.committed.services[&agent()].desired_count, 6, "disconnected ones with a live task count");
    for node in 0..6 {
        world.connect(&format!("n{node}"));
    }
    world.settle();
    assert_eq!(world.committed.tasks, before);
    assert_covered(&world, 1);
    assert_quiet(&mut world);
}
