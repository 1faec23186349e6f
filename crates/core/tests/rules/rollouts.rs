//! Every small rollout, driven to its end or to a standstill with the bounds checked after every step (DEP-10..20).

use crate::harness::{Behaviour, World, config, create_service, resources, update_service};
use plimsoll_core::cluster::rollout_bounds;
use plimsoll_core::{Command, Outbox};
use plimsoll_model::{DeploymentStatus, Image, RolloutState, ServiceName, Task};

const STEPS_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
struct Case {
    desired: u32,
    min: u32,
    max: u32,
    /// Chooses which node answers next.
    order: usize,
}

fn cases() -> impl Iterator<Item = Case> {
    (0..=6).flat_map(|desired| {
        (0..=4).flat_map(move |min| {
            (4..=8).flat_map(move |max| (0..3).map(move |order| Case { desired, min: min * 25, max: max * 25, order }))
        })
    })
}

fn name() -> ServiceName {
    ServiceName::parse("web").unwrap()
}

/// Two nodes and a steady service of the case's size.
fn steady_world(case: Case) -> World {
    let mut world = World::new(config());
    world.check_load = false;
    world.add_node("a", resources(4_096, 4_096), Default::default());
    world.add_node("b", resources(4_096, 4_096), Default::default());
    for definition in ["web:1", "web:2"] {
        world.define(definition, serde_json::json!({ "cpu": 128, "memory": 128 }));
    }
    let mut request = create_service("web", world.definition("web:1"), case.desired);
    request.deployment_configuration.minimum_healthy_percent = case.min;
    request.deployment_configuration.maximum_percent = case.max;
    world.command(Command::CreateService(Box::new(request))).unwrap();
    world.settle();
    assert_eq!(world.committed.service_counts(&name()).running, case.desired, "{case:?}");
    world
}

fn live(image: &Image) -> Vec<&Task> {
    image.tasks_of_service(&name()).map(|task| &**task).filter(|task| task.is_live()).collect()
}

fn healthy(image: &Image) -> u32 {
    u32::try_from(live(image).iter().filter(|task| task.is_running()).count()).unwrap()
}

/// DEP-13, I-8, I-9: nothing fails here, so the bounds themselves hold, not only for what the scheduler does.
fn check_bounds(world: &World, case: Case) {
    let bounds = rollout_bounds(case.desired, case.min, case.max);
    let image = &world.committed;
    let counts = image.service_counts(&name());
    assert!(counts.not_stopped <= bounds.total_max, "{case:?}: {counts:?} beyond {bounds:?}");
    assert!(healthy(image) >= bounds.healthy_min, "{case:?}: {counts:?} below {bounds:?}");
    let primary = image.primary_deployment(&name()).unwrap().id;
    assert!(image.deployment_counts(primary).live <= case.desired.max(bounds.total_max), "{case:?}");
}

/// One answer at a time, in an order that depends on the case.
fn drive(world: &mut World, case: Case, mut check: impl FnMut(&World)) {
    for step in 0..STEPS_MAX {
        if !world.settle_one(case.order * step) {
            return;
        }
        check(world);
    }
    panic!("{case:?}: not quiet after {STEPS_MAX} steps");
}

fn is_blocked_by_configuration(case: Case) -> bool {
    let bounds = rollout_bounds(case.desired, case.min, case.max);
    case.desired > 0 && bounds.total_max <= case.desired && bounds.healthy_min >= case.desired
}

fn blocked_events(world: &World) -> usize {
    let said = |text: &str| text.contains("was unable to stop or start tasks during a deployment");
    world.committed.events_of_service(&name()).filter(|event| said(&event.message)).count()
}

#[test]
fn every_small_rollout_ends_unless_it_is_blocked() {
    for case in cases() {
        let mut world = steady_world(case);
        let mut request = update_service("web");
        request.definition = Some(world.definition("web:2"));
        world.command(Command::UpdateService(Box::new(request))).unwrap();
        check_bounds(&world, case);
        drive(&mut world, case, |world| check_bounds(world, case));

        let image = &world.committed;
        let new = live(image).iter().filter(|task| task.definition.revision == 2).count();
        let primary = image.primary_deployment(&name()).unwrap();
        if is_blocked_by_configuration(case) {
            assert_eq!(new, 0, "{case:?}");
            assert_eq!(primary.rollout_state, RolloutState::InProgress, "{case:?}");
            assert_eq!(blocked_events(&world), 1, "{case:?} (DEP-17)");
        } else {
            assert_eq!((new, live(image).len()), (case.desired as usize, case.desired as usize), "{case:?}");
            assert_eq!(primary.rollout_state, RolloutState::Completed, "{case:?}");
            assert_eq!(image.deployments_of_service(&name()).count(), 1, "{case:?} (DEP-1)");
            assert_eq!(blocked_events(&world), 0, "{case:?}");
        }
        assert_quiet(&mut world, case);
    }
}

/// I-13.
fn assert_quiet(world: &mut World, case: Case) {
    for _ in 0..100 {
        let mut out = Outbox::default();
        world.core.step(world.now, plimsoll_core::Input::Reconcile, &mut out);
        assert!(out.changes.is_empty() && out.effects.is_empty(), "{case:?}: {out:?}");
    }
}

#[test]
fn every_small_drain_ends_unless_it_is_blocked() {
    for case in cases() {
        let mut world = steady_world(case);
        let (instance, other) = (world.instance("a"), world.instance("b"));
        let had_tasks = world.committed.instance_counts(instance).live > 0;
        world
            .command(Command::UpdateContainerInstancesState {
                instances: vec![instance],
                status: plimsoll_model::InstanceStatus::Draining,
            })
            .unwrap();
        check_bounds(&world, case);
        drive(&mut world, case, |world| check_bounds(world, case));

        let blocked = is_blocked_by_configuration(case) && had_tasks;
        assert_eq!(blocked_events(&world), usize::from(blocked), "{case:?} (DEP-17)");
        if !blocked {
            assert_eq!(world.committed.instance_counts(instance).not_stopped, 0, "{case:?}");
            assert_eq!(world.committed.instance_counts(other).running, case.desired, "{case:?}");
        }
        let deployments: Vec<_> = world.committed.deployments_of_service(&name()).collect();
        assert_eq!(deployments.len(), 1, "{case:?}: draining makes no deployment (DEP-31)");
        assert_eq!(deployments[0].status, DeploymentStatus::Primary);
        assert_quiet(&mut world, case);
    }
}

/// DEP-4, DEP-5, DEP-16: the size changes in the middle of a rollout, then the definition once more.
#[test]
fn every_small_rollout_survives_being_resized() {
    for case in cases().filter(|case| case.order == 1) {
        for resized in [0, 1, 3, 6] {
            let mut world = steady_world(case);
            let update = |world: &mut World, definition: Option<&str>, desired: Option<u32>| {
                let mut request = update_service("web");
                request.definition = definition.map(|id| world.definition(id));
                request.desired_count = desired;
                world.command(Command::UpdateService(Box::new(request))).unwrap();
            };
            update(&mut world, Some("web:2"), None);
            for step in 0..3 {
                world.settle_one(step);
            }
            update(&mut world, None, Some(resized));
            for step in 0..2 {
                world.settle_one(step);
            }
            update(&mut world, Some("web:1"), None);
            drive(&mut world, case, |_| {});
            let end = Case { desired: resized, ..case };
            let image = &world.committed;
            let primary = image.primary_deployment(&name()).unwrap();
            let counts = image.service_counts(&name());
            if primary.rollout_state == RolloutState::Completed {
                assert_eq!((counts.live, counts.not_stopped), (resized, resized), "{case:?} resized to {resized}");
                assert_eq!(image.deployment_counts(primary.id).live, resized, "{case:?} resized to {resized}");
            } else {
                assert!(is_blocked_by_configuration(end), "{case:?} resized to {resized}: {counts:?}");
                assert!(blocked_events(&world) > 0, "{case:?} resized to {resized}: {counts:?}");
            }
            assert_quiet(&mut world, end);
        }
    }
}

/// DEP-13 b, SVC-23: a definition that never starts leaves the old tasks at or above the minimum, whatever happens.
#[test]
fn a_rollout_that_fails_keeps_the_minimum() {
    for case in cases().filter(|case| case.order == 0) {
        let mut world = steady_world(case);
        for node in world.nodes.values_mut() {
            node.behaviours.insert("web:2".to_owned(), Behaviour::FailToStart);
        }
        let mut request = update_service("web");
        request.definition = Some(world.definition("web:2"));
        world.command(Command::UpdateService(Box::new(request))).unwrap();
        for _ in 0..20 {
            drive(&mut world, case, |world| check_bounds(world, case));
            world.now = world.now.plus_millis(60_000);
        }
    }
}
