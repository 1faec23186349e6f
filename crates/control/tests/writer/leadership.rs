//! Several processes on one store (I-31, I-32).

use crate::common::{FaultyStore, control, create, key, until};
use plimsoll_control::{Control, ControlSettings};
use plimsoll_core::Command;
use plimsoll_model::Image;
use plimsoll_store::Store;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn quick() -> ControlSettings {
    ControlSettings {
        lease_time_to_live: Duration::from_millis(300),
        clusters_discovered_every: Duration::from_millis(50),
        ..ControlSettings::default()
    }
}

/// W-14, I-31: a process that could not renew for a whole time to live cannot know what another has written since.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_outdated_is_not_read() {
    let store = FaultyStore::new();
    let control = control(&store, quick()).await;
    let cluster = control.cluster_or_start(&key("a")).await;
    cluster.submit(create()).await.unwrap();
    let away = |is: bool| {
        store.no_leases.store(is, Ordering::SeqCst);
        store.no_renewals.store(is, Ordering::SeqCst);
    };
    away(true);
    assert!(cluster.read(Image::is_active).unwrap(), "for a while nobody else can have taken it");
    until("it is not read any more", || cluster.read(|_| ()).is_err()).await;
    away(false);
    until("it is read again", || cluster.read(Image::is_active).is_ok_and(|active| active)).await;
    assert!(control.metrics().reloads(&key("a")) > 0, "it was loaded anew");
}

/// I-32: also a cluster that was made after the process started.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_another_process_made_is_taken_over_when_that_ends() {
    let first = FaultyStore::new();
    let (leader, store) = (control(&first, quick()).await, Arc::new(first.inner.another_process()));
    let standby = Control::start(store as Arc<dyn Store>, quick()).await.unwrap();
    leader.cluster_or_start(&key("a")).await.submit(create()).await.unwrap();
    until("it is found", || standby.cluster(&key("a")).is_some()).await;
    let waiting = standby.cluster(&key("a")).unwrap();
    assert!(waiting.read(|_| ()).is_err(), "the other process leads");

    leader.shutdown().await;
    until("it is taken over", || waiting.read(Image::is_active).is_ok_and(|active| active)).await;
    waiting.submit(Command::DeleteCluster).await.unwrap();
    assert_eq!(standby.discover().await.unwrap(), 0);
}
