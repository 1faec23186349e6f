//! What must hold after every step (I-1, I-2, I-4, I-6, I-8, I-10, I-23), and that a loaded core equals one that lived.

use plimsoll_core::{ClusterCore, Outbox};
use plimsoll_model::{
    DeploymentController, DeploymentStatus, Image, Scale, SchedulingStrategy, Service, ServiceStatus, Usage,
};
use std::collections::BTreeSet;

pub fn image(image: &Image) {
    assert_eq!(*image, image.recounted(), "derived counts differ from a recount (I-23)");
    for instance in image.instances.values() {
        let mut used = Usage::default();
        let mut ports = BTreeSet::new();
        for task in image.tasks_of_instance(instance.id).filter(|task| !task.is_stopped()) {
            used.cpu_units += u64::from(task.reserved.cpu_units);
            used.memory_mib += u64::from(task.reserved.memory_mib);
            for port in &task.reserved.ports {
                assert!(ports.insert(*port), "{port:?} is held twice on {} (I-2)", instance.id);
            }
        }
        assert!(used.cpu_units <= u64::from(instance.registered.cpu_units), "too much cpu on {} (I-1)", instance.id);
        assert!(used.memory_mib <= u64::from(instance.registered.memory_mib), "memory of {} (I-1)", instance.id);
        let stored = image.usage.get(&instance.id).copied().unwrap_or_default();
        assert_eq!(stored, used, "stored usage of {} (I-1)", instance.id);
    }
    for service in image.services.values() {
        let primaries = image
            .deployments_of_service(&service.name)
            .filter(|deployment| deployment.status == DeploymentStatus::Primary)
            .count();
        match service.controller {
            DeploymentController::Ecs => {
                let expected = usize::from(service.status != ServiceStatus::Inactive);
                assert_eq!(primaries, expected, "primary deployments of {} (I-10)", service.name);
            }
            DeploymentController::External => task_sets(image, service),
        }
        if service.scheduling_strategy == SchedulingStrategy::Daemon {
            daemons(image, service);
        }
    }
}

/// I-6: a second one never starts before the first is STOPPED.
fn daemons(image: &Image, service: &Service) {
    let mut instances = BTreeSet::new();
    for task in image.tasks_of_service(&service.name).filter(|task| !task.is_stopped()) {
        assert!(instances.insert(task.instance), "two tasks of {} on {:?} (I-6)", service.name, task.instance);
    }
}

/// SVC-51, SVC-53: the service shows what its PRIMARY set runs, and each set wants its share.
fn task_sets(image: &Image, service: &Service) {
    let name = &service.name;
    let primaries: Vec<_> =
        image.deployments_of_service(name).filter(|row| row.status == DeploymentStatus::Primary).collect();
    assert!(primaries.len() <= 1, "primary task sets of {name} (SVC-53)");
    assert_eq!(service.definition.as_ref(), primaries.first().map(|row| &row.definition), "shown by {name} (SVC-53)");
    for row in image.deployments_of_service(name) {
        let set = row.task_set.as_ref().expect("a deployment of such a service is a task set");
        assert_eq!(row.desired_count, set.scale.of(service.desired_count), "computed count of {} (SVC-51)", row.id);
        assert!(row.status != DeploymentStatus::Draining || set.scale == Scale::ZERO, "{} drains (SVC-54)", row.id);
    }
}

pub fn load(core: &ClusterCore) {
    let mut out = Outbox::default();
    let config = super::config();
    let loaded = ClusterCore::load(config, core.image().clone(), plimsoll_model::Timestamp::ZERO, &mut out)
        .expect("what the core writes can be loaded");
    assert_eq!(loaded.derived(), core.derived(), "a loaded core differs from one that lived");
}
