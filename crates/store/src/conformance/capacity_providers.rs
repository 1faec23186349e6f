//! Capacity providers: objects of a namespace, which clusters are associated with (SVC-57, CL-11).

use super::rows::*;
use super::{BackEnd, commit};
use crate::{Lease, ProviderDeletion, Store};
use plimsoll_model::{CapacityProvider, CapacityProviderUpdate, Change, ClusterStatus, Image, Namespace};
use std::sync::Arc;

async fn names(store: &dyn Store, namespace: &Namespace) -> Vec<String> {
    let rows = store.list_capacity_providers(namespace).await.unwrap();
    rows.iter().map(|row| row.name.to_string()).collect()
}

pub async fn capacity_providers_come_back_as_they_were_written(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let (ours, theirs) = (namespace("123456789012"), namespace("210987654321"));
    for name in ["racks", "Zoo", "edge-1", "a_b"] {
        assert!(store.create_capacity_provider(&ours, &capacity_provider(name)).await.unwrap());
    }
    // Of a name there is one in each namespace, and it stays the first.
    let mut second = capacity_provider("racks");
    second.tags.clear();
    assert!(!store.create_capacity_provider(&ours, &second).await.unwrap());
    assert!(store.create_capacity_provider(&theirs, &second).await.unwrap());
    assert_eq!(store.capacity_provider(&ours, "racks").await.unwrap().as_deref(), Some(&capacity_provider("racks")));
    assert_eq!(store.capacity_provider(&theirs, "racks").await.unwrap().as_deref(), Some(&second));
    assert_eq!(store.capacity_provider(&ours, "rack").await.unwrap(), None);
    assert_eq!(names(&*store, &ours).await, ["Zoo", "a_b", "edge-1", "racks"]);
    drop(store);
    assert_eq!(names(&*back_end.open().await, &theirs).await, ["racks"]);
}

pub async fn a_capacity_provider_is_changed_from_the_version_that_is_stored(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    let before = capacity_provider("racks");
    let mut after = CapacityProvider { version: 2, ..before.clone() };
    after.update = Some(CapacityProviderUpdate::UpdateComplete);
    after.auto_scaling_group["managedDraining"] = "ENABLED".into();
    assert!(!store.replace_capacity_provider(&ours, &after).await.unwrap(), "there is none to change");
    assert!(store.create_capacity_provider(&ours, &before).await.unwrap());
    assert!(store.replace_capacity_provider(&ours, &after).await.unwrap());
    assert!(!store.replace_capacity_provider(&ours, &after).await.unwrap(), "made from a version that is gone");
    assert_eq!(store.capacity_provider(&ours, "racks").await.unwrap().as_deref(), Some(&after));
    let third = CapacityProvider { version: 3, ..after };
    assert!(store.replace_capacity_provider(&ours, &third).await.unwrap());
    assert_eq!(store.list_capacity_providers(&ours).await.unwrap(), [Arc::new(third)]);
}

pub async fn a_capacity_provider_with_a_cluster_is_not_deleted(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let ours = namespace("123456789012");
    let delete = async |name: &str| store.delete_capacity_provider(&ours, name).await.unwrap();
    assert_eq!(delete("racks").await, ProviderDeletion::Missing);
    let row = Arc::new(capacity_provider("racks"));
    assert!(store.create_capacity_provider(&ours, &row).await.unwrap());
    assert!(store.create_capacity_provider(&namespace("210987654321"), &row).await.unwrap());

    let mut clusters = Vec::new();
    for name in ["plain", "second", "first"] {
        let lease = store.acquire(&key(name)).await.unwrap();
        let providers: &[&str] = if name == "plain" { &[] } else { &["FARGATE", "racks"] };
        associate(&*store, &lease, providers, ClusterStatus::Active).await;
        clusters.push(lease);
    }
    let refused = |name: &str| ProviderDeletion::Associated(key(name).name);
    assert_eq!(delete("racks").await, refused("first"));
    associate(&*store, &clusters[2], &["FARGATE"], ClusterStatus::Active).await;
    assert_eq!(delete("racks").await, refused("second"));
    assert_eq!(names(&*store, &ours).await, ["racks"]);
    // A cluster that was deleted holds on to nothing.
    associate(&*store, &clusters[1], &["racks"], ClusterStatus::Inactive).await;
    assert_eq!(delete("racks").await, ProviderDeletion::Deleted(row));
    assert_eq!(delete("racks").await, ProviderDeletion::Missing);
    assert_eq!(names(&*store, &namespace("210987654321")).await, ["racks"]);
}

async fn associate(store: &dyn Store, lease: &Lease, providers: &[&str], status: ClusterStatus) {
    let mut row = bare_cluster(&lease.cluster);
    row.status = status;
    row.capacity_providers = providers.iter().map(|name| Arc::from(*name)).collect();
    commit(store, lease, &mut Image::default(), &[Change::Cluster(Arc::new(row))]).await.unwrap();
}
