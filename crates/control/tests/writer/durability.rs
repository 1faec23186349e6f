//! Acknowledged means committed, and one recovery for whatever goes wrong.

use crate::common::{Fault, FaultyStore, control, create, hear, hello, key, registration, until};
use plimsoll_control::{ClusterHandle, ControlSettings, Delivery, SubmitError, stream};
use plimsoll_core::Command;
use plimsoll_core::protocol::ToNode;
use plimsoll_model::Image;
use plimsoll_store::{MemoryStore, Store};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn is_active(cluster: &ClusterHandle) -> bool {
    cluster.read(Image::is_active).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_of_a_change_before_it_is_committed() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("a")).await;

    store.close_gate();
    let begun = store.commits_begun();
    let asking = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.submit(create()).await }
    });
    until("the commit is under way", || store.commits_begun() > begun).await;
    assert!(!asking.is_finished(), "answered before the commit");
    assert!(!is_active(&cluster), "readable before the commit");

    store.open_gate();
    asking.await.unwrap().unwrap();
    assert!(is_active(&cluster), "W-14: acknowledged and not readable");
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_come_during_a_commit_share_the_next_one() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("a")).await;

    store.close_gate();
    let begun = store.commits_begun();
    let register = || Command::RegisterContainerInstance(Box::new(registration()));
    let ask = |command: Command| {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.submit(command).await })
    };
    let mut asking = vec![ask(create())];
    until("the first commit is under way", || store.commits_begun() > begun).await;
    let stepped = control.metrics().inputs(&key("a"));
    asking.extend((0..50).map(|_| ask(register())));
    until("all are stepped", || control.metrics().inputs(&key("a")) >= stepped + 50).await;
    assert_eq!(store.commits_begun(), begun + 1, "one batch at a time");

    store.open_gate();
    for one in asking {
        one.await.unwrap().unwrap();
    }
    assert_eq!(store.commits_begun(), begun + 2);
    assert_eq!(cluster.read(Image::registered_instances).unwrap(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_loaded_by_the_next_process() {
    let store = FaultyStore::new();
    let first = control(&store, ControlSettings::default()).await;
    first.cluster_or_start(&key("a")).await.submit(create()).await.unwrap();
    drop(first);

    let second = control(&store, ControlSettings::default()).await;
    assert!(is_active(&second.cluster(&key("a")).unwrap()), "I-24");
    assert!(second.cluster(&key("b")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_is_retryable_and_leaves_nothing_behind() {
    for fault in [Fault::Before, Fault::Panic] {
        let store = FaultyStore::new();
        let control = control(&store, ControlSettings::default()).await;
        let cluster = control.cluster_or_start(&key("a")).await;
        store.fail_next(fault);
        let refused = cluster.submit(create()).await;
        assert_eq!(refused, Err(SubmitError::Unavailable { cluster: key("a") }), "{fault:?}");
        assert!(!is_active(&cluster), "{fault:?}");

        cluster.submit(create()).await.unwrap();
        assert!(is_active(&cluster), "{fault:?}");
        assert_eq!(control.metrics().reloads(&key("a")), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_outcome_is_unknown_is_settled_by_the_reload() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("a")).await;
    store.fail_next(Fault::After);
    assert!(matches!(cluster.submit(create()).await, Err(SubmitError::Unavailable { .. })));
    until("the cluster is reloaded with what was written", || is_active(&cluster)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_keep_the_committed_image_while_the_cluster_is_reloaded() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("a")).await;
    cluster.submit(create()).await.unwrap();
    for _ in 0..3 {
        store.fail_next(Fault::Before);
        assert!(cluster.submit(Command::DeleteCluster).await.is_err());
        assert!(is_active(&cluster));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_closes_the_connections_of_nodes() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("default")).await;
    let (sink, mut source) = stream(100);
    let connection = cluster.connect(&sink, 7);
    connection.send(hello()).await;
    let mut told = Vec::new();
    hear(&mut source, &mut told).await;
    assert!(matches!(&told[0], Delivery::Message { node: 7, message: ToNode::Welcome(_) }), "{told:?}");

    store.fail_next(Fault::Before);
    let other = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.submit(Command::RegisterContainerInstance(Box::new(registration()))).await }
    });
    assert!(other.await.unwrap().is_err());
    told.clear();
    hear(&mut source, &mut told).await;
    assert_eq!(told, [Delivery::Closed { node: 7 }]);

    // What it says over the closed connection is not heard; over another one it is.
    connection.send(hello()).await;
    let again = cluster.connect(&sink, 7);
    again.send(hello()).await;
    told.clear();
    hear(&mut source, &mut told).await;
    assert!(matches!(told[..], [Delivery::Message { node: 7, message: ToNode::Welcome(_) }]), "{told:?}");
}

/// F-5: a node that comes while the store is away is welcomed when it is back, however many attempts that takes.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_connect_during_an_outage_wait_for_its_end() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("default")).await;
    store.no_leases.store(true, Ordering::SeqCst);
    store.fail_next(Fault::Before);
    assert!(cluster.submit(create()).await.is_err());
    let reloads = || control.metrics().reloads(&key("default"));
    until("the run has ended", || reloads() > 1).await;

    let (sink, mut source) = stream(100);
    let connection = cluster.connect(&sink, 7);
    connection.send(hello()).await;
    let before = reloads();
    until("two attempts have failed", || reloads() > before + 1).await;
    store.no_leases.store(false, Ordering::SeqCst);
    let mut told = Vec::new();
    hear(&mut source, &mut told).await;
    assert!(matches!(told[..], [Delivery::Message { node: 7, message: ToNode::Welcome(_) }]), "{told:?}");
}

/// F-2, W-14: whoever lost its lease to another process does not answer from what was true before that.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_another_process_holds_is_not_read_here() {
    let store = FaultyStore::new();
    let lease_time_to_live = std::time::Duration::from_millis(300);
    let control = control(&store, ControlSettings { lease_time_to_live, ..ControlSettings::default() }).await;
    let cluster = control.cluster_or_start(&key("a")).await;
    cluster.submit(create()).await.unwrap();

    store.no_leases.store(true, Ordering::SeqCst);
    store.lost.lock().push(key("a"));
    until("the lease was lost", || control.metrics().reloads(&key("a")) > 0).await;
    assert!(is_active(&cluster), "nobody else can have written yet");
    let other = store.inner.another_process();
    until_taken(&other).await;
    store.no_leases.store(false, Ordering::SeqCst);
    until("nothing is read", || cluster.read(|_| ()).is_err()).await;

    drop(other);
    until("it is served again", || cluster.read(Image::is_active).is_ok()).await;
    assert!(is_active(&cluster));
}

/// The writer gives its lease back a moment after it says that it has ended.
async fn until_taken(other: &MemoryStore) {
    while other.acquire(&key("a")).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_cluster_does_not_reach_the_others() {
    let store = FaultyStore::new();
    store.load_panics.lock().push(key("a"));
    let control = control(&store, ControlSettings::default()).await;
    let ill = control.cluster_or_start(&key("a")).await;
    let well = control.cluster_or_start(&key("b")).await;
    well.submit(create()).await.unwrap();
    ill.submit(create()).await.unwrap();
    assert_eq!(control.metrics().reloads(&key("a")), 1);
    assert_eq!(control.metrics().reloads(&key("b")), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_is_taken_again_with_a_higher_epoch() {
    let store = FaultyStore::new();
    let lease_time_to_live = std::time::Duration::from_millis(300);
    let control = control(&store, ControlSettings { lease_time_to_live, ..ControlSettings::default() }).await;
    let cluster = control.cluster_or_start(&key("a")).await;
    cluster.submit(create()).await.unwrap();
    store.lost.lock().push(key("a"));
    until("the lease was lost", || control.metrics().reloads(&key("a")) > 0).await;
    cluster.submit(Command::DeleteCluster).await.unwrap();
    assert!(!is_active(&cluster));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_commits_what_is_under_way_and_refuses_the_rest() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("a")).await;
    store.close_gate();
    let begun = store.commits_begun();
    let asking = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.submit(create()).await }
    });
    until("the commit is under way", || store.commits_begun() > begun).await;
    let stopping = tokio::spawn({
        let control = Arc::clone(&control);
        async move { control.shutdown().await }
    });
    store.open_gate();
    stopping.await.unwrap();
    asking.await.unwrap().unwrap();
    assert!(matches!(cluster.submit(create()).await, Err(SubmitError::Unavailable { .. })));
}
