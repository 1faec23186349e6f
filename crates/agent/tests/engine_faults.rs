//! Engines that hang, fail or talk nonsense: F-19; and one whose events do not come: F-21.

// The helpers are part of the tests.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::proxy::{Fault, GARBAGE, Proxy, SERVER_ERROR};
use bench::{Agent, Bench, Docker, eventually_found, spec};
use plimsoll_core::node::{AdoptedState, ContainerRef, LaunchSpec, RuntimeEvent};
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FOREVER: &str = "while :; do sleep 1; done";

/// The engine, and the same one behind the proxy with little patience.
fn behind_proxy() -> Option<(Docker, Docker, Proxy)> {
    let direct = Docker::asked_for()?;
    let proxy = Proxy::before(direct.host());
    let mut faulty = Docker::at(proxy.host());
    faulty.settings.quick_call = Duration::from_secs(8);
    faulty.settings.slow_call = Duration::from_secs(10);
    faulty.settings.patience = Duration::from_secs(1);
    Some((direct, faulty, proxy))
}

fn person(docker: &Docker, arguments: &[&str]) {
    let output = Command::new("docker").args(["-H", docker.host()]).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn run(agent: &mut Agent, spec: &Arc<LaunchSpec>, index: usize) -> (ContainerRef, Arc<str>) {
    let container = ContainerRef { task: spec.task, index };
    agent.runtime.start(container, 0, Arc::clone(spec));
    match agent.event().await {
        RuntimeEvent::Started { runtime_id, .. } => (container, runtime_id),
        other => panic!("{other:?} instead of a start"),
    }
}

async fn failure(agent: &mut Agent, container: ContainerRef) -> Arc<str> {
    match agent.event().await {
        RuntimeEvent::Failed { container: failed, reason } if failed == container => reason,
        other => panic!("{other:?} instead of a failure of {container:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_the_engine_hangs_on_holds_up_no_other_f_19() {
    let Some((direct, faulty, proxy)) = behind_proxy() else { return };
    let mut agent = Agent::on(&faulty).await;
    let spec = spec(faulty.document(&[FOREVER, FOREVER, "sleep 0.2; exit 6"]));
    let (stuck, stuck_id) = run(&mut agent, &spec, 0).await;
    let (other, other_id) = run(&mut agent, &spec, 1).await;
    proxy.fail(&["/containers/", &stuck_id], Fault::Hang);
    agent.runtime.stop(stuck, Duration::ZERO);
    person(&direct, &["kill", &stuck_id]);
    let killed = Instant::now();
    person(&direct, &["kill", &other_id]);
    assert_eq!(agent.exited(other).await.0, Some(137));
    assert!(killed.elapsed() < Duration::from_secs(6), "noticed after {:?}", killed.elapsed());
    // Others start and end.
    let (third, _) = run(&mut agent, &spec, 2).await;
    assert_eq!(agent.exited(third).await.0, Some(6));
    proxy.heal();
    assert_eq!(agent.exited(stuck).await.0, Some(137), "asked until it is known");
    agent.runtime.stop_all(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_and_garbage_are_failures_of_the_one_start_f_19() {
    let Some((_direct, faulty, proxy)) = behind_proxy() else { return };
    let mut agent = Agent::on(&faulty).await;
    let spec = spec(faulty.document(&[FOREVER; 5]));
    let at = |index| ContainerRef { task: spec.task, index };
    for (words, fault, class, why) in [
        (["POST", "/containers/create"], SERVER_ERROR, "CannotCreateContainerError: ", "disk is full"),
        (["POST", "/containers/create"], GARBAGE, "CannotCreateContainerError: ", "does not answer"),
        (["POST", "/start"], SERVER_ERROR, "CannotStartContainerError: ", "disk is full"),
    ] {
        proxy.fail(&words, fault);
        agent.runtime.start(at(0), 0, Arc::clone(&spec));
        let reason = failure(&mut agent, at(0)).await;
        assert!(reason.starts_with(class) && reason.contains(why), "{reason}");
        proxy.heal();
        // What is left of it goes with the task, after which it may be tried anew.
        agent.runtime.remove(spec.task);
        agent.removed(spec.task).await;
    }
    // Nobody can say whether it runs: in the end it does not.
    proxy.fail(&["POST", "/start"], Fault::Hang);
    agent.runtime.start(at(1), 0, Arc::clone(&spec));
    let reason = failure(&mut agent, at(1)).await;
    assert!(reason.starts_with("CannotStartContainerError: "), "{reason}");
    proxy.heal();
    agent.exited(at(1)).await;
    agent.run(&spec, 2).await;
    agent.runtime.stop_all(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_that_hangs_holds_up_no_other_and_can_be_stopped_f_19() {
    let Some((_direct, faulty, proxy)) = behind_proxy() else { return };
    let mut agent = Agent::on(&faulty).await;
    let mut document = faulty.document(&[FOREVER, FOREVER, FOREVER]);
    for (index, image) in [(0, "localhost:1/plimsoll-test/slow:1"), (2, "localhost:1/plimsoll-test/broken:1")] {
        document["containerDefinitions"][index]["image"] = json!(image);
    }
    let spec = spec(document);
    let at = |index| ContainerRef { task: spec.task, index };
    proxy.fail(&["POST", "/images/create", "slow"], Fault::Hang);
    proxy.fail(&["POST", "/images/create", "broken"], SERVER_ERROR);
    agent.runtime.start(at(0), 0, Arc::clone(&spec));
    agent.run(&spec, 1).await;
    agent.runtime.start(at(2), 0, Arc::clone(&spec));
    let reason = failure(&mut agent, at(2)).await;
    assert!(reason.starts_with("CannotPullContainerError: "), "{reason}");
    agent.runtime.stop(at(0), Duration::from_secs(60));
    assert_eq!(agent.exited(at(0)).await, (None, None), "TL-13: it never ran");
    agent.runtime.stop_all(Duration::ZERO).await;
}

/// An agent that is killed between create and start leaves a container that only exists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_only_created_is_found_and_started_f_10() {
    let Some((_direct, faulty, proxy)) = behind_proxy() else { return };
    proxy.fail(&["POST", "/start"], Fault::Hang);
    let first = Agent::on(&faulty).await;
    let spec = spec(faulty.document(&[FOREVER]));
    first.runtime.start(ContainerRef { task: spec.task, index: 0 }, 0, Arc::clone(&spec));
    eventually_found(&faulty, |found| found.containers.iter().find(|one| one.state == AdoptedState::Created).map(drop))
        .await;
    first.die();
    proxy.heal();
    let mut second = Agent::on(&faulty).await;
    let container = second.run(&spec, 0).await;
    second.runtime.stop(container, Duration::ZERO);
    assert_eq!(second.exited(container).await.0, Some(137));
    second.runtime.stop_all(Duration::ZERO).await;
}

/// F-21: without events there is still the regular look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_event_tells_is_seen_within_ten_seconds_f_21() {
    let Some((direct, faulty, proxy)) = behind_proxy() else { return };
    proxy.fail(&["GET", "/events"], Fault::Hang);
    let mut agent = Agent::on(&faulty).await;
    let mut document = faulty.document(&[FOREVER, FOREVER, FOREVER]);
    document["containerDefinitions"][2]["healthCheck"] =
        json!({"command": ["CMD", "/bin/false"], "interval": 1, "retries": 1});
    let spec = spec(document);
    let (killed, killed_id) = run(&mut agent, &spec, 0).await;
    let (removed, removed_id) = run(&mut agent, &spec, 1).await;
    person(&direct, &["kill", &killed_id]);
    person(&direct, &["rm", "-f", &removed_id]);
    let (checked, _) = run(&mut agent, &spec, 2).await;
    let since = Instant::now();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 3 {
        match agent.event().await {
            RuntimeEvent::Exited { container, .. } if container == killed || container == removed => {
                seen.insert(container);
            }
            RuntimeEvent::Health { container, .. } if container == checked => {
                seen.insert(container);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(since.elapsed() < Duration::from_secs(20), "after {:?}", since.elapsed());
    agent.runtime.stop_all(Duration::ZERO).await;
}
