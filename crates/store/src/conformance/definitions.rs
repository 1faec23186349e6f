//! Task definitions: revisions, statuses, lists.

use super::BackEnd;
use super::rows::*;
use crate::{DefinitionQuery, FamilyQuery, FamilyStatus, Store};
use plimsoll_model::{Namespace, TaskDefinitionId, TaskDefinitionStatus};
use std::collections::BTreeSet;
use std::sync::Arc;

async fn register(store: &dyn Store, namespace: &Namespace, name: &str) -> TaskDefinitionId {
    store.register_task_definition(namespace, definition(name)).await.unwrap().id.clone()
}

/// TD-75, I-27.
pub async fn revisions_count_up_without_gap(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    for revision in 1..=3 {
        let mut given = definition("web");
        given.id.revision = 77;
        let registered = store.register_task_definition(&ours, given.clone()).await.unwrap();
        given.id.revision = revision;
        assert_eq!(*registered, given);
        let read = store.task_definition(&ours, &given.id).await.unwrap();
        assert_eq!(read.as_deref(), Some(&given));
    }
    // Every namespace and every family counts for itself.
    assert_eq!(register(&*store, &namespace("210987654321"), "web").await.revision, 1);
    assert_eq!(register(&*store, &ours, "web-2").await.revision, 1);
    // An INACTIVE revision is not used again, though it was the highest.
    let highest = TaskDefinitionId { family: family("web"), revision: 3 };
    store.set_task_definition_status(&ours, &highest, TaskDefinitionStatus::DeleteInProgress, at(1)).await.unwrap();
    assert_eq!(register(&*store, &ours, "web").await.revision, 4);
    let missing = TaskDefinitionId { family: family("web"), revision: 5 };
    assert_eq!(store.task_definition(&ours, &missing).await.unwrap(), None);
    assert_eq!(store.latest_task_definition(&ours, &family("none")).await.unwrap(), None);
}

/// I-27.
pub async fn parallel_registrations_get_different_revisions(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let registering: Vec<_> = (0..24)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { register(&*store, &namespace("123456789012"), "web").await.revision })
        })
        .collect();
    let mut revisions = BTreeSet::new();
    for registered in registering {
        revisions.insert(registered.await.unwrap());
    }
    assert_eq!(revisions, (1..=24).collect());
}

/// TD-76, TD-77, TD-79.
pub async fn definitions_change_status_and_nothing_else(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    let (first, second) = (register(&*store, &ours, "web").await, register(&*store, &ours, "web").await);
    let latest = async |store: &dyn Store| {
        let found = store.latest_task_definition(&ours, &first.family).await.unwrap();
        found.map(|row| row.id.revision)
    };
    assert_eq!(latest(&*store).await, Some(2));
    let set = async |id: &TaskDefinitionId, status, millis| {
        store.set_task_definition_status(&ours, id, status, at(millis)).await.unwrap()
    };
    let mut expected = definition("web");
    expected.id = second.clone();
    expected.status = TaskDefinitionStatus::Inactive;
    expected.deregistered_at = Some(at(50));
    // Doing it again, or going further, keeps the first time.
    for (status, millis) in [
        (TaskDefinitionStatus::Inactive, 50),
        (TaskDefinitionStatus::Inactive, 60),
        (TaskDefinitionStatus::DeleteInProgress, 70),
    ] {
        expected.status = status;
        expected.delete_requested_at = (status == TaskDefinitionStatus::DeleteInProgress).then(|| at(millis));
        assert_eq!(set(&second, status, millis).await.as_deref(), Some(&expected));
    }
    assert_eq!(store.task_definition(&ours, &second).await.unwrap().as_deref(), Some(&expected));
    assert_eq!(latest(&*store).await, Some(1));
    set(&first, TaskDefinitionStatus::Inactive, 80).await;
    assert_eq!(latest(&*store).await, None);
    let missing = TaskDefinitionId { revision: 9, ..first.clone() };
    assert_eq!(set(&missing, TaskDefinitionStatus::Inactive, 90).await, None);
}

/// TD-78: revisions compare as numbers, and DESC turns both orders around.
pub async fn definitions_are_listed_in_order(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    for _ in 0..11 {
        register(&*store, &ours, "web").await;
    }
    for name in ["web-2", "Web", "a"] {
        register(&*store, &ours, name).await;
    }
    let second = TaskDefinitionId { family: family("web"), revision: 2 };
    store.set_task_definition_status(&ours, &second, TaskDefinitionStatus::Inactive, at(1)).await.unwrap();
    let list = async |name: Option<&str>, status, descending| {
        let query = DefinitionQuery { family: name.map(family), status, descending };
        let ids = store.list_task_definitions(&ours, &query).await.unwrap();
        ids.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    use TaskDefinitionStatus::{Active, Inactive};
    let of_web: Vec<String> =
        [1, 3, 4, 5, 6, 7, 8, 9, 10, 11].iter().map(|revision| format!("web:{revision}")).collect();
    assert_eq!(list(Some("web"), Active, false).await, of_web);
    assert_eq!(list(Some("web"), Inactive, false).await, ["web:2"]);
    let mut all: Vec<String> = ["Web:1", "a:1"].map(String::from).into();
    all.extend(of_web);
    all.push("web-2:1".to_owned());
    assert_eq!(list(None, Active, false).await, all);
    all.reverse();
    assert_eq!(list(None, Active, true).await, all);
    assert_eq!(list(Some("we"), Active, false).await, [""; 0]);
}

/// TD-78.
pub async fn families_are_listed_by_prefix_and_status(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    for name in ["web", "web", "web_1", "webX", "old", "other"] {
        register(&*store, &ours, name).await;
    }
    for (name, revision) in [("web", 2), ("old", 1), ("webX", 1)] {
        let id = TaskDefinitionId { family: family(name), revision };
        store.set_task_definition_status(&ours, &id, TaskDefinitionStatus::Inactive, at(1)).await.unwrap();
    }
    let list = async |prefix: &str, status| {
        let families = store.list_families(&ours, &FamilyQuery { prefix: prefix.to_owned(), status }).await.unwrap();
        families.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(list("", FamilyStatus::All).await, ["old", "other", "web", "webX", "web_1"]);
    assert_eq!(list("", FamilyStatus::Active).await, ["other", "web", "web_1"]);
    assert_eq!(list("", FamilyStatus::Inactive).await, ["old", "webX"]);
    assert_eq!(list("web_", FamilyStatus::All).await, ["web_1"]);
    assert_eq!(list("web", FamilyStatus::Inactive).await, ["webX"]);
    assert_eq!(list("%", FamilyStatus::All).await, [""; 0]);
}
