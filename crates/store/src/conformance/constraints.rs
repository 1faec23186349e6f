//! The second line behind the scheduler: a batch that breaks a rule is refused, and nothing of it is written.

use super::rows::*;
use super::{BackEnd, assert_stored, commit};
use crate::{Error, Lease, Store};
use plimsoll_model::{Batch, Change, Image, Instance, InstanceId, Task, TaskDefinition, TaskId, Usage};
use std::sync::Arc;

/// A cluster with instances 7 and 8, task 1 on 7 with ports, and a definition.
async fn start(store: &dyn Store, name: &str) -> (Lease, Image, Arc<TaskDefinition>, Task) {
    let lease = store.acquire(&key(name)).await.unwrap();
    let definition = registered(store, &lease, "web").await;
    let mut image = Image::default();
    let task = full_task(1, 7, &definition.id);
    let mut changes = vec![Change::DefinitionReferenced(Arc::clone(&definition))];
    changes.extend(empty_instance(7));
    changes.extend(empty_instance(8));
    changes.extend([created(&task), used(7, 1)]);
    commit(store, &lease, &mut image, &changes).await.unwrap();
    (lease, image, definition, task)
}

async fn assert_refused(store: &dyn Store, lease: &Lease, image: &Image, changes: &[Change]) {
    let mut batch = Batch::from_changes(changes);
    // Something harmless beside the offence: it must not be written either.
    batch.push(&Change::Event(Arc::new(event("web", 99, "refused"))));
    let error = store.commit(lease, &batch).await.expect_err("the batch breaks a rule");
    assert!(matches!(error, Error::Constraint { .. }), "{error:?}");
    assert!(!error.is_retryable());
    assert_stored(store, lease, image).await;
}

/// I-1.
pub async fn over_commitment_is_refused_whole(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, mut image, ..) = start(&*store, "over").await;
    let id = InstanceId::from_u128(8);
    let over = |usage| [Change::Usage(id, usage)];
    let cpu = Usage { cpu_units: CAPACITY.cpu_units + 1, memory_mib: 0 };
    assert_refused(&*store, &lease, &image, &over(cpu)).await;
    let memory = Usage { cpu_units: 0, memory_mib: CAPACITY.memory_mib + 1 };
    assert_refused(&*store, &lease, &image, &over(memory)).await;
    let smaller = Instance { registered: Default::default(), ..bare_instance(7) };
    assert_refused(&*store, &lease, &image, &[Change::Instance(Arc::new(smaller))]).await;
    let nobody = Change::Usage(InstanceId::from_u128(99), Usage::default());
    assert_refused(&*store, &lease, &image, &[nobody]).await;
    // The cluster goes on.
    commit(&*store, &lease, &mut image, &[used(8, 0)]).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn capacity_and_use_may_grow_or_shrink_together(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, mut image, _, mut task) = start(&*store, "together").await;
    let mut instance = bare_instance(7);
    instance.registered.cpu_units = 5;
    stop(&mut task);
    let changes = [Change::Instance(Arc::new(instance.clone())), used(7, 0), updated(&task)];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
    instance.registered.cpu_units = 10;
    let next = bare_task(2, 7, &task.definition);
    let changes = [Change::Instance(Arc::new(instance)), used(7, 1), created(&next)];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

/// I-2.
pub async fn a_port_held_twice_is_refused_whole(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, mut image, definition, _) = start(&*store, "ports").await;
    let second = |id, instance, ports: &[_]| {
        let mut task = bare_task(id, instance, &definition.id);
        task.reserved.ports = ports.to_vec();
        created(&task)
    };
    assert_refused(&*store, &lease, &image, &[second(2, 7, &[tcp(1), udp(8080)]), used(7, 2)]).await;
    // Two tasks of one batch.
    let twins = [second(2, 8, &[tcp(9)]), second(3, 8, &[tcp(9)]), used(8, 2)];
    assert_refused(&*store, &lease, &image, &twins).await;
    // Another instance, another protocol, another port: all fine.
    let apart = [second(2, 8, &[tcp(8080)]), second(3, 7, &[udp(8081), tcp(8082)]), used(7, 2), used(8, 1)];
    commit(&*store, &lease, &mut image, &apart).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn a_port_is_handed_over_within_a_batch(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, mut image, definition, mut before) = start(&*store, "hand-over").await;
    for id in 2..5 {
        stop(&mut before);
        let next = full_task(id, 7, &definition.id);
        let changes = [created(&next), updated(&before), used(7, 1)];
        commit(&*store, &lease, &mut image, &changes).await.unwrap();
        // A STOPPED task that changes again does not take anything from the next one.
        before.version += 1;
        commit(&*store, &lease, &mut image, &[updated(&before)]).await.unwrap();
        assert_refused(&*store, &lease, &image, &[created(&full_task(99, 7, &definition.id)), used(7, 2)]).await;
        before = next;
    }
}

/// As when an instance is deregistered by force.
pub async fn a_task_removed_while_running_gives_its_ports_back(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, mut image, definition, task) = start(&*store, "removed").await;
    let next = full_task(2, 7, &definition.id);
    let changes = [Change::TaskRemoved(task.id), created(&next), used(7, 1)];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
    // Removing a STOPPED task whose port has a new holder takes nothing from it.
    let mut next = next;
    stop(&mut next);
    let heir = full_task(3, 7, &definition.id);
    commit(&*store, &lease, &mut image, &[updated(&next), created(&heir), used(7, 1)]).await.unwrap();
    commit(&*store, &lease, &mut image, &[Change::TaskRemoved(next.id)]).await.unwrap();
    assert_refused(&*store, &lease, &image, &[created(&full_task(4, 7, &definition.id)), used(7, 2)]).await;
}

pub async fn tasks_are_created_once_and_updated_only_when_there(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, image, definition, task) = start(&*store, "once").await;
    assert_refused(&*store, &lease, &image, &[created(&bare_task(1, 8, &definition.id))]).await;
    let missing = bare_task(99, 8, &definition.id);
    assert_refused(&*store, &lease, &image, &[updated(&missing), updated(&task)]).await;
}

pub async fn use_that_no_task_explains_is_found_on_load(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, ..) = start(&*store, "unexplained").await;
    store.commit(&lease, &Batch::from_changes([&used(8, 1)])).await.unwrap();
    let error = store.load(&lease).await.expect_err("instance 8 has no task");
    let Error::Corrupt { table, id, .. } = error else { panic!("{error:?}") };
    assert_eq!((table, id), ("instance_usage", InstanceId::from_u128(8).to_string()));
}

pub async fn a_missing_definition_is_found_on_load(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (lease, _, definition, _) = start(&*store, "missing").await;
    let mut unknown = definition.id.clone();
    unknown.revision += 1;
    let mut task = bare_task(2, 8, &unknown);
    task.id = TaskId::from_u128(2);
    store.commit(&lease, &Batch::from_changes(&[created(&task), used(8, 1)])).await.unwrap();
    let error = store.load(&lease).await.expect_err("the definition does not exist");
    let Error::Corrupt { table, id, .. } = error else { panic!("{error:?}") };
    assert_eq!((table, id), ("task_definitions", unknown.to_string()));
}
