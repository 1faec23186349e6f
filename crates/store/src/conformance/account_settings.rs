//! Account settings, and the tags and deletion of task definitions.

use super::rows::*;
use super::{BackEnd, commit};
use plimsoll_model::{Change, Image, Tags, TaskDefinitionStatus};
use std::collections::BTreeMap;
use std::sync::Arc;

/// ACC-2: namespaces and principals each have their own.
pub async fn account_settings_are_kept_by_principal(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (ours, other) = (namespace("123456789012"), namespace("210987654321"));
    let root = "arn:aws:iam::123456789012:root";
    let none = BTreeMap::new();
    assert_eq!(store.account_settings(&ours, root).await.unwrap(), none);
    for (name, value) in
        [("containerInsights", "enabled"), ("awsvpcTrunking", "disabled"), ("containerInsights", "enhanced")]
    {
        store.set_account_setting(&ours, root, name, Some(value)).await.unwrap();
    }
    let both = BTreeMap::from([("awsvpcTrunking", "disabled"), ("containerInsights", "enhanced")]);
    let both: BTreeMap<String, String> = both.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!(store.account_settings(&ours, root).await.unwrap(), both);
    assert_eq!(store.account_settings(&other, root).await.unwrap(), none);
    assert_eq!(store.account_settings(&ours, "arn:aws:iam::123456789012:user/a").await.unwrap(), none);
    // Removing what is not there is no error.
    for name in ["awsvpcTrunking", "awsvpcTrunking", "nonsense"] {
        store.set_account_setting(&ours, root, name, None).await.unwrap();
    }
    let left: Vec<String> = store.account_settings(&ours, root).await.unwrap().into_keys().collect();
    assert_eq!(left, ["containerInsights"]);
}

/// TAG-2: two that change the tags at once do not undo each other.
pub async fn tags_of_a_definition_are_replaced_when_they_are_as_they_were(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    let registered = store.register_task_definition(&ours, definition("web")).await.unwrap();
    let id = &registered.id;
    let after: Tags = [("team".into(), "a \"quoted\" é".into()), ("empty".into(), "".into())].into();
    assert!(store.replace_task_definition_tags(&ours, id, &registered.tags, &after).await.unwrap());
    assert!(!store.replace_task_definition_tags(&ours, id, &registered.tags, &Tags::new()).await.unwrap());
    assert_eq!(store.task_definition(&ours, id).await.unwrap().unwrap().tags, after);
    assert!(store.replace_task_definition_tags(&ours, id, &after, &Tags::new()).await.unwrap());
    assert!(store.replace_task_definition_tags(&ours, id, &Tags::new(), &after).await.unwrap());
    let missing = plimsoll_model::TaskDefinitionId { revision: 9, ..id.clone() };
    assert!(!store.replace_task_definition_tags(&ours, &missing, &after, &Tags::new()).await.unwrap());
}

/// TD-80, TD-75.
pub async fn deleted_definitions_go_when_nothing_names_them(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let cluster = key("default");
    let ours = cluster.namespace.clone();
    let lease = store.acquire(&cluster).await.unwrap();
    let mut image = Image::default();
    let named = registered(&*store, &lease, "web").await;
    let unused = registered(&*store, &lease, "web").await;
    let inactive = registered(&*store, &lease, "web").await;
    let mut changes = vec![Change::Cluster(Arc::new(bare_cluster(&cluster)))];
    changes.extend(empty_instance(1));
    changes.push(Change::DefinitionReferenced(Arc::clone(&named)));
    changes.extend([created(&bare_task(1, 1, &named.id)), used(1, 1)]);
    commit(&*store, &lease, &mut image, &changes).await.unwrap();
    for (row, status) in [
        (&named, TaskDefinitionStatus::DeleteInProgress),
        (&unused, TaskDefinitionStatus::DeleteInProgress),
        (&inactive, TaskDefinitionStatus::Inactive),
    ] {
        let changed = store.set_task_definition_status(&ours, &row.id, status, at(100)).await.unwrap().unwrap();
        let requested = (status == TaskDefinitionStatus::DeleteInProgress).then_some(at(100));
        assert_eq!(changed.delete_requested_at, requested);
        assert_eq!(store.task_definition(&ours, &row.id).await.unwrap(), Some(changed));
    }
    assert_eq!(store.delete_unused_task_definitions(at(100)).await.unwrap(), []);
    let deleted = store.delete_unused_task_definitions(at(101)).await.unwrap();
    assert_eq!(deleted, [(ours.clone(), unused.id.clone())]);
    assert_eq!(store.task_definition(&ours, &unused.id).await.unwrap(), None);
    assert!(store.task_definition(&ours, &inactive.id).await.unwrap().is_some());
    store.load(&lease).await.unwrap();
    // Its number is not given again.
    assert_eq!(registered(&*store, &lease, "web").await.id.revision, 4);
}
