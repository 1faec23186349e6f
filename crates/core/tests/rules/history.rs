//! How long the history of a service's deployments is kept (DEP-52).

use crate::harness::{World, config, create_service, resources, update_service};
use plimsoll_core::Command;
use plimsoll_model::{ServiceDeploymentStatus, ServiceName};

const DAY_MS: u64 = 86_400_000;

fn world() -> World {
    let mut world = World::new(config());
    world.check_load = false;
    world.add_node("a", resources(4_096, 4_096), Default::default());
    let definition = world.define("web:1", serde_json::json!({ "cpu": 128, "memory": 128 }));
    world.command(Command::CreateService(Box::new(create_service("web", definition, 1)))).unwrap();
    world.settle();
    world
}

fn deploy(world: &mut World) {
    let mut update = update_service("web");
    update.force_new_deployment = true;
    world.command(Command::UpdateService(Box::new(update))).unwrap();
}

fn statuses(world: &World) -> Vec<ServiceDeploymentStatus> {
    let web = ServiceName::parse("web").unwrap();
    world.committed.service_deployments_of(&web).map(|entry| entry.status).collect()
}

#[test]
fn a_finished_entry_is_kept_for_ninety_days_and_that_of_what_runs_for_ever() {
    let mut world = world();
    world.advance(DAY_MS);
    deploy(&mut world);
    world.settle();
    assert_eq!(statuses(&world), [ServiceDeploymentStatus::Successful; 2]);
    world.advance(88 * DAY_MS);
    assert_eq!(statuses(&world).len(), 2);
    world.advance(2 * DAY_MS);
    assert_eq!(statuses(&world), [ServiceDeploymentStatus::Successful], "the first is over for 90 days");
    world.advance(300 * DAY_MS);
    assert_eq!(statuses(&world), [ServiceDeploymentStatus::Successful]);
    world.check_load = true;
    deploy(&mut world);
    assert_eq!(statuses(&world).len(), 2, "what was kept because it ran is still a source of the next");
    world.settle();
    world.advance(60_000);
    assert_eq!(statuses(&world), [ServiceDeploymentStatus::Successful], "its time was over long ago");
}

#[test]
fn a_history_is_bounded() {
    let mut world = world();
    for _ in 0..1_100 {
        deploy(&mut world);
    }
    let kept = statuses(&world);
    assert!((1_000..=1_003).contains(&kept.len()), "{} entries", kept.len());
    world.settle();
    assert_eq!(statuses(&world)[0], ServiceDeploymentStatus::Successful);
}

#[test]
fn a_history_goes_with_its_service() {
    let mut world = world();
    deploy(&mut world);
    let service = ServiceName::parse("web").unwrap();
    world.command(Command::DeleteService { service, force: true }).unwrap();
    world.settle();
    assert_eq!(statuses(&world), [ServiceDeploymentStatus::Stopped, ServiceDeploymentStatus::Successful]);
    world.advance(2 * 3_600_000);
    assert_eq!(statuses(&world), []);
    assert!(world.committed.service_deployments.is_empty());
}
