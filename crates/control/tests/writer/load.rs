//! Overload is answered early, and the lanes do not starve each other (I-35).

use crate::common::{FaultyStore, control, create, hear, hello, key, registration, until};
use plimsoll_control::{ControlSettings, Delivery, SubmitError, stream};
use plimsoll_core::Command;
use plimsoll_core::protocol::ToNode;
use plimsoll_model::Image;

fn register() -> Command {
    Command::RegisterContainerInstance(Box::new(registration()))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_limit_are_throttled_and_nodes_are_still_heard() {
    let store = FaultyStore::new();
    let settings = ControlSettings { commands_waiting_max: 3, changes_ahead_max: 1, ..ControlSettings::default() };
    let control = control(&store, settings).await;
    let cluster = control.cluster_or_start(&key("default")).await;
    cluster.submit(create()).await.unwrap();

    store.close_gate();
    let begun = store.commits_begun();
    let ask = || {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.submit(register()).await })
    };
    let mut asking = vec![ask()];
    until("a commit is under way", || store.commits_begun() > begun).await;
    let stepped = control.metrics().inputs(&key("default"));
    asking.push(ask());
    until("one is stepped ahead", || control.metrics().inputs(&key("default")) > stepped).await;
    // The writer takes no more. Of ten, three fit.
    asking.extend((0..10).map(|_| ask()));
    until("the rest is refused", || asking.iter().filter(|one| one.is_finished()).count() == 7).await;

    let (sink, mut source) = stream(10);
    let connection = cluster.connect(&sink, 0);
    connection.send(hello()).await;

    store.open_gate();
    let mut told = Vec::new();
    hear(&mut source, &mut told).await;
    assert!(matches!(told[0], Delivery::Message { node: 0, message: ToNode::Welcome(_) }), "{told:?}");
    let mut throttled = 0;
    for one in asking {
        match one.await.unwrap() {
            Ok(_) => {}
            Err(SubmitError::Throttled { waiting: 3, .. }) => throttled += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(throttled, 7);
    assert_eq!(cluster.read(Image::registered_instances).unwrap(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_read_too_slowly_is_closed() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("default")).await;
    let (sink, mut source) = stream(2);
    let mut connections = Vec::new();
    for node in 0..3 {
        let connection = cluster.connect(&sink, node);
        connection.send(hello()).await;
        connections.push(connection);
    }
    until("all three are connected", || {
        cluster.read(|image| image.instances.values().filter(|row| row.agent_connected).count()).unwrap() == 3
    })
    .await;
    // The effects follow the image.
    let mut told = Vec::new();
    while hear(&mut source, &mut told).await > 0 {}
    assert!(told.len() <= 3, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_is_a_disconnected_node() {
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("default")).await;
    let connected = || cluster.read(|image| image.instances.values().any(|row| row.agent_connected)).unwrap();
    let (sink, _source) = stream(10);
    let connection = cluster.connect(&sink, 0);
    connection.send(hello()).await;
    until("it is connected", connected).await;
    drop(connection);
    until("it is disconnected", || !connected()).await;
}

/// Prints what a writer does in a second; asserts only that group commit groups.
#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_commits() {
    const CALLERS: usize = 64;
    const EACH: usize = 50;
    let store = FaultyStore::new();
    let control = control(&store, ControlSettings::default()).await;
    let cluster = control.cluster_or_start(&key("default")).await;
    cluster.submit(create()).await.unwrap();
    let (inputs, batches) = (control.metrics().inputs(cluster.key()), control.metrics().batches(cluster.key()));
    let started = std::time::Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let cluster = cluster.clone();
            tokio::spawn(async move {
                for _ in 0..EACH {
                    cluster.submit(register()).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let seconds = started.elapsed().as_secs_f64();
    let inputs = control.metrics().inputs(cluster.key()) - inputs;
    let batches = control.metrics().batches(cluster.key()) - batches;
    println!("{:.0} inputs/s, {:.0} commits/s", inputs as f64 / seconds, batches as f64 / seconds);
    assert_eq!(inputs, (CALLERS * EACH) as u64);
    assert!(batches < inputs / 2, "{batches} batches for {inputs} inputs");
}
