//! What is written is what is read.

use super::random::Generator;
use super::rows::*;
use super::{BackEnd, assert_stored, commit};
use plimsoll_model::{
    Batch, Change, DeploymentId, DesiredStatus, HealthStatus, Image, InstanceId, LaunchType, Service, StopCode, Task,
    TaskDefinition, TaskId, TaskStatus, TokenResult, Usage, Waiting,
};
use std::sync::Arc;

pub async fn rows_come_back_as_they_were_written(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("full")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let id = &definition.id;
    let mut image = Image::default();
    let task = full_task(1, 7, id);
    let usage = Usage { cpu_units: task.reserved.cpu_units.into(), memory_mib: task.reserved.memory_mib.into() };
    let changes = [
        Change::Cluster(Arc::new(full_cluster(&lease.cluster))),
        Change::Instance(Arc::new(full_instance(7))),
        Change::Usage(InstanceId::from_u128(7), usage),
        Change::Service(Arc::new(full_service("web", id))),
        Change::Deployment(Arc::new(full_deployment(u64::MAX >> 2, "web", id))),
        Change::ServiceDeployment(Arc::new(full_service_deployment(u64::MAX >> 2, "web", id))),
        // Of a deployment that is gone.
        Change::ServiceDeployment(Arc::new(full_service_deployment(3, "web", id))),
        created(&task),
        Change::Event(Arc::new(event("web", 0, "(service web) has started 1 tasks: \"…\""))),
        Change::Event(Arc::new(event("web", 1 << 40, ""))),
        Change::Token(Arc::new(token("RunTask", "t", TokenResult::Tasks(vec![task.id, TaskId::from_u128(0)])))),
        Change::Token(Arc::new(token("CreateService", "t", TokenResult::Service(service_name("web"))))),
        Change::Token(Arc::new(token("CreateTaskSet", "t", TokenResult::TaskSet(DeploymentId::from_u64(5))))),
        Change::DefinitionReferenced(definition),
    ];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;

    // And so does a process that comes later.
    drop(store);
    let store = back_end.open().await;
    assert_eq!(store.clusters().await.unwrap(), std::slice::from_ref(&lease.cluster));
    let lease = store.acquire(&lease.cluster).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn rows_without_optional_parts_come_back_without_them(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("bare")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let id = &definition.id;
    let mut image = Image::default();
    assert_stored(&*store, &lease, &image).await;
    commit(&*store, &lease, &mut image, &[]).await.unwrap();
    let changes = [
        Change::Cluster(Arc::new(bare_cluster(&lease.cluster))),
        // An instance whose use nobody has counted has no use, rather than a use of nothing.
        Change::Instance(Arc::new(bare_instance(8))),
        Change::Instance(Arc::new(bare_instance(7))),
        used(7, 1),
        Change::Service(Arc::new(bare_service("web", id))),
        Change::Service(Arc::new(Service { definition: None, ..bare_service("sets", id) })),
        Change::Deployment(Arc::new(bare_deployment(0, "web", id))),
        Change::ServiceDeployment(Arc::new(bare_service_deployment(0, "web", id))),
        created(&bare_task(1, 7, id)),
        Change::DefinitionReferenced(Arc::clone(&definition)),
    ];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;

    // What was set can be unset again.
    let mut task = bare_task(1, 7, id);
    for ending in [full_ending, |_: &mut Task| {}] {
        ending(&mut task);
        commit(&*store, &lease, &mut image, &[updated(&task)]).await.unwrap();
        assert_stored(&*store, &lease, &image).await;
        task = bare_task(1, 7, id);
    }
}

pub async fn every_word_of_a_task_is_kept(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("words")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let mut image = Image::default();
    let mut tasks = Vec::new();
    for (number, status) in TaskStatus::ALL.iter().enumerate() {
        let mut task = bare_task(number as u128 + 1, 7, &definition.id);
        task.last_status = *status;
        task.desired_status = DesiredStatus::ALL[number % DesiredStatus::ALL.len()];
        task.health = HealthStatus::ALL[number % HealthStatus::ALL.len()];
        task.launch_type = LaunchType::ALL[number % LaunchType::ALL.len()];
        task.stop_code = StopCode::ALL.get(number).copied();
        tasks.push(task);
    }
    let running = tasks.iter().filter(|task| !task.is_stopped()).count();
    let mut changes: Vec<Change> = tasks.iter().map(created).collect();
    changes.push(Change::Instance(Arc::new(bare_instance(7))));
    changes.push(used(7, running as u64));
    changes.push(Change::DefinitionReferenced(definition));
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn a_task_that_waits_for_an_instance_gets_one(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("waiting")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let mut image = Image::default();
    let [mut task, stopped] = [1, 2].map(|id| waiting_task(id, &definition.id));
    let without_wishes = Task { waiting: Some(Arc::new(Waiting::default())), ..waiting_task(3, &definition.id) };
    let changes = [
        Change::DefinitionReferenced(Arc::clone(&definition)),
        created(&task),
        created(&stopped),
        created(&without_wishes),
    ];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;

    let mut changes = empty_instance(7).to_vec();
    changes.extend(place(&mut task, 7));
    changes.push(used(7, 1));
    // It was not to have one any more.
    let mut stopped = stopped;
    stop(&mut stopped);
    changes.push(updated(&stopped));
    // Came, waited and was placed within one batch.
    let mut prompt = Task { id: TaskId::from_u128(4), ..waiting_task(4, &definition.id) };
    changes.extend([Change::Instance(Arc::new(bare_instance(8))), used(8, 1), created(&prompt)]);
    changes.extend(place(&mut prompt, 8));
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
    assert_eq!(image.waiting_tasks().count(), 1);

    // What it got with its place is its own until it is STOPPED.
    let mut second = bare_task(5, 7, &definition.id);
    second.reserved.ports = vec![tcp(8080)];
    let mut refused = image.clone();
    commit(&*store, &lease, &mut refused, &[created(&second), used(7, 2)]).await.unwrap_err();
    let lease = store.acquire(&lease.cluster).await.unwrap();
    stop(&mut task);
    commit(&*store, &lease, &mut image, &[updated(&task), created(&second)]).await.unwrap();
    assert_stored(&*store, &lease, &image).await;

    // A place and its loss in one batch leave nothing behind.
    let mut brief = without_wishes;
    let mut changes = place(&mut brief, 8).to_vec();
    stop(&mut brief);
    changes.push(updated(&brief));
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn random_batches_add_up_to_the_image(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    for seed in 0..3 {
        let lease = store.acquire(&key(&format!("random-{seed}"))).await.unwrap();
        let definitions: Vec<Arc<TaskDefinition>> = [
            registered(&*store, &lease, "web").await,
            registered(&*store, &lease, "web").await,
            registered(&*store, &lease, "batch").await,
        ]
        .into();
        let mut generator = Generator::new(seed, definitions);
        let mut image = Image::default();
        for step in 0..40 {
            let changes = generator.changes(&image);
            let written = commit(&*store, &lease, &mut image, &changes).await;
            written.unwrap_or_else(|error| panic!("seed {seed} step {step}: {error:?}"));
            if step % 8 == 7 {
                assert_stored(&*store, &lease, &image).await;
            }
        }
    }
}

pub async fn a_row_changed_often_in_a_batch_is_written_in_its_last_state(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("often")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let mut image = Image::default();
    let mut task = full_task(1, 7, &definition.id);
    let mut changes = vec![Change::DefinitionReferenced(Arc::clone(&definition))];
    changes.extend(empty_instance(7));
    changes.extend([used(7, 1), created(&task)]);
    stop(&mut task);
    changes.extend([updated(&task), used(7, 0)]);
    // Came and went: never in the database at all.
    let passing = bare_task(2, 7, &definition.id);
    changes.extend([created(&passing), Change::TaskRemoved(passing.id)]);
    changes.push(Change::Service(Arc::new(bare_service("web", &definition.id))));
    changes.push(Change::Service(Arc::new(full_service("web", &definition.id))));
    changes.push(Change::Service(Arc::new(bare_service("gone", &definition.id))));
    changes.push(Change::ServiceRemoved(service_name("gone")));
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;

    // The task was STOPPED when it was written, so its ports are free.
    let heir = Task { id: TaskId::from_u128(3), ..full_task(3, 7, &definition.id) };
    commit(&*store, &lease, &mut image, &[created(&heir), used(7, 1)]).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

/// A batch without new tasks may be sent again, as happens when its outcome was not heard of.
pub async fn updates_and_removals_may_be_committed_again(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("again")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let id = &definition.id;
    let mut image = Image::default();
    let (mut stays, goes) = (full_task(1, 7, id), bare_task(2, 7, id));
    let mut changes = vec![Change::DefinitionReferenced(Arc::clone(&definition))];
    changes.extend(empty_instance(7));
    changes.extend([created(&stays), created(&goes), used(7, 2)]);
    changes.push(Change::Event(Arc::new(event("web", 1, "one"))));
    changes.push(Change::Token(Arc::new(token("RunTask", "a", TokenResult::Tasks(vec![])))));
    commit(&*store, &lease, &mut image, &changes).await.unwrap();

    stop(&mut stays);
    let changes = [
        updated(&stays),
        used(7, 0),
        Change::TaskRemoved(goes.id),
        Change::Instance(Arc::new(full_instance(7))),
        Change::Service(Arc::new(full_service("web", id))),
        Change::Deployment(Arc::new(full_deployment(5, "web", id))),
        Change::ServiceDeployment(Arc::new(bare_service_deployment(5, "web", id))),
        Change::ServiceDeployment(Arc::new(bare_service_deployment(6, "web", id))),
        Change::EventRemoved(service_name("web"), 1),
        Change::Event(Arc::new(event("web", 2, "two"))),
        Change::TokenRemoved("RunTask".into(), "a".into()),
        Change::Token(Arc::new(token("RunTask", "b", TokenResult::Tasks(vec![])))),
    ];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    store.commit(&lease, &Batch::from_changes(&changes)).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn removed_rows_are_gone(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("gone")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let id = &definition.id;
    let mut image = Image::default();
    let task = full_task(1, 7, id);
    let deployment = full_deployment(5, "web", id);
    let mut changes = vec![
        Change::DefinitionReferenced(Arc::clone(&definition)),
        Change::Cluster(Arc::new(bare_cluster(&lease.cluster))),
        Change::Service(Arc::new(full_service("web", id))),
        Change::Deployment(Arc::new(deployment.clone())),
        Change::ServiceDeployment(Arc::new(full_service_deployment(5, "web", id))),
        Change::Event(Arc::new(event("web", 1, "one"))),
        Change::Event(Arc::new(event("web", 2, "two"))),
        Change::Token(Arc::new(token("RunTask", "a", TokenResult::Tasks(vec![task.id])))),
        Change::Token(Arc::new(token("CreateService", "a", TokenResult::Tasks(vec![])))),
    ];
    changes.extend(empty_instance(7));
    changes.extend(empty_instance(8));
    changes.extend([created(&task), used(7, 1)]);
    commit(&*store, &lease, &mut image, &changes).await.unwrap();

    let changes = [
        Change::TaskRemoved(task.id),
        Change::InstanceRemoved(InstanceId::from_u128(7)),
        Change::ServiceRemoved(service_name("web")),
        Change::DeploymentRemoved(deployment.id),
        Change::ServiceDeploymentRemoved(deployment.id),
        Change::EventRemoved(service_name("web"), 1),
        Change::TokenRemoved("RunTask".into(), "a".into()),
        Change::DefinitionReleased(id.clone()),
    ];
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
    assert_eq!((image.tasks.len(), image.instances.len(), image.usage.len()), (0, 1, 1));
    assert_eq!((image.events.len(), image.tokens.len()), (1, 1));
}

pub async fn two_thousand_tasks_fit_into_one_batch(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("large")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let mut image = Image::default();
    let tasks: Vec<Task> = (1..=2_000).map(|number| bare_task(number, number % 10, &definition.id)).collect();
    let mut changes: Vec<Change> = (0..10).flat_map(empty_instance).collect();
    changes.extend((0..10).map(|instance| used(instance, 200)));
    changes.extend(tasks.iter().map(created));
    changes.push(Change::DefinitionReferenced(Arc::clone(&definition)));
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    let ended = tasks.into_iter().map(|mut task| {
        full_ending(&mut task);
        updated(&task)
    });
    let ended: Vec<Change> = ended.collect();
    commit(&*store, &lease, &mut image, &ended).await.unwrap();
    assert_stored(&*store, &lease, &image).await;
}

pub async fn clusters_do_not_see_each_other(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let mut keys = vec![key("one"), key("two"), key("one")];
    keys[2].namespace = namespace("210987654321");
    let mut expected = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let lease = store.acquire(key).await.unwrap();
        let definition = registered(&*store, &lease, &format!("family-{number}")).await;
        let mut image = Image::default();
        let mut changes = vec![
            Change::Cluster(Arc::new(bare_cluster(key))),
            Change::Service(Arc::new(bare_service("web", &definition.id))),
            Change::Event(Arc::new(event("web", 1, key.namespace.account.as_ref()))),
            Change::DefinitionReferenced(Arc::clone(&definition)),
        ];
        changes.extend(empty_instance(7));
        // The same ids in every cluster.
        changes.extend([created(&full_task(1, 7, &definition.id)), used(7, 1)]);
        commit(&*store, &lease, &mut image, &changes).await.unwrap();
        expected.push((lease, image));
    }
    for (lease, image) in &expected {
        assert_stored(&*store, lease, image).await;
    }
    // Asked for, but never created: no cluster.
    store.acquire(&key("three")).await.unwrap();
    keys.sort();
    assert_eq!(store.clusters().await.unwrap(), keys);
}

/// A container's last words, or a user's, may hold anything.
pub async fn texts_with_nul_do_not_block_a_cluster(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let lease = store.acquire(&key("nul")).await.unwrap();
    let definition = registered(&*store, &lease, "web").await;
    let mut task = full_task(1, 7, &definition.id);
    task.stopped_reason = Some("a\0b".into());
    task.started_by = Some("\0".into());
    task.containers[0].reason = Some("\\u0000 \0".into());
    let mut service = full_service("web", &definition.id);
    service.tags = [("\0".into(), "\0".into())].into();
    let mut changes = Vec::from(empty_instance(7));
    changes.extend([
        created(&task),
        used(7, 1),
        Change::Service(Arc::new(service)),
        Change::Event(Arc::new(event("web", 1, "\0"))),
        Change::Token(Arc::new(token("RunTask", "\0", TokenResult::Tasks(vec![])))),
    ]);
    store.commit(&lease, &Batch::from_changes(&changes)).await.unwrap();
    let loaded = store.load(&lease).await.unwrap();
    let reason = loaded.tasks[&task.id].stopped_reason.clone().unwrap();
    assert!(reason.starts_with('a'));
    assert!(reason.ends_with('b'));
    let removed = Change::TokenRemoved("RunTask".into(), "\0".into());
    store.commit(&lease, &Batch::from_changes([&removed])).await.unwrap();
    assert!(store.load(&lease).await.unwrap().tokens.is_empty());
}
