//! What every runtime has to do, tried on each that can be had here.

// The helpers are part of the tests.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::{Agent, Bench, Docker, Process, Simulated, appeared, eventually_found, spec};
use plimsoll_core::node::{AdoptedState, ContainerRef, RuntimeEvent};
use plimsoll_model::{HealthStatus, TaskId};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const FOREVER: &str = "while :; do sleep 1; done";
/// Larger than any test, so that a stop that needs it fails by time.
const LONG_GRACE: Duration = Duration::from_secs(600);

/// Each property on each runtime, as tests of their own.
macro_rules! on_each_runtime {
    ($($property:ident),+ $(,)?) => {
        mod process {
            $(#[tokio::test] async fn $property() { super::$property(&super::Process::new()).await; })+
        }
        mod docker {
            $(#[tokio::test] async fn $property() {
                if let Some(docker) = super::Docker::asked_for() {
                    super::$property(&docker).await;
                }
            })+
        }
    };
}

on_each_runtime!(
    exit_codes_are_reported_once,
    a_stop_is_sigterm_first,
    what_ignores_sigterm_is_killed,
    a_stop_needs_nothing_to_stop,
    starting_twice_is_starting_once,
    a_start_that_fails_says_why,
    containers_outlive_the_agent,
    removed_tasks_leave_nothing,
    stopping_everything_leaves_nothing,
    a_stop_overtakes_a_start,
    health_follows_the_check,
    health_outlives_the_agent,
    a_run_follows_the_other,
);

/// Virtual containers run no scripts and end with their agent; the rest holds for them too.
mod simulated {
    use super::*;

    #[tokio::test]
    async fn a_stop_needs_nothing_to_stop() {
        super::a_stop_needs_nothing_to_stop(&Simulated::new()).await;
    }

    #[tokio::test]
    async fn starting_twice_is_starting_once() {
        super::starting_twice_is_starting_once(&Simulated::new()).await;
    }

    #[tokio::test]
    async fn a_stop_overtakes_a_start() {
        super::a_stop_overtakes_a_start(&Simulated::new()).await;
    }

    /// TL-9, TL-13.
    #[tokio::test]
    async fn what_is_stopped_before_it_has_started_has_no_exit_code() {
        let mut slow = Simulated::new();
        slow.settings.start_latency = 600_000..=600_000;
        let mut agent = Agent::on(&slow).await;
        let spec = spec(slow.document(&[""]));
        let container = ContainerRef { task: spec.task, index: 0 };
        agent.runtime.start(container, 0, Arc::clone(&spec));
        agent.runtime.stop(container, LONG_GRACE);
        assert_eq!(agent.exited(container).await, (None, None));
    }

    #[tokio::test]
    async fn a_start_that_fails_says_why() {
        let mut failing = Simulated::new();
        failing.settings.start_failures_permille = 1000;
        super::a_start_that_fails_says_why(&failing).await;
    }

    /// TD-49: healthy, unless the image says otherwise.
    #[tokio::test]
    async fn checks_succeed_unless_the_image_says_otherwise() {
        let bench = Simulated::new();
        let mut agent = Agent::on(&bench).await;
        let mut document = bench.document(&["", ""]);
        for (index, image) in [(0, "app:1"), (1, "registry.example/unhealthy:1")] {
            document["containerDefinitions"][index]["image"] = json!(image);
            document["containerDefinitions"][index]["healthCheck"] = json!({"command": ["true"]});
        }
        let spec = spec(document);
        for (index, health) in [(0, HealthStatus::Healthy), (1, HealthStatus::Unhealthy)] {
            let container = agent.run(&spec, index).await;
            assert_eq!(agent.health(container).await, health);
        }
    }

    #[tokio::test]
    async fn containers_with_a_run_time_exit() {
        let mut short = Simulated::new();
        short.settings.run_time = Some(1..=5);
        let mut agent = Agent::on(&short).await;
        let spec = spec(short.document(&["", ""]));
        let container = agent.run(&spec, 0).await;
        assert_eq!(agent.exited(container).await, (Some(0), None));
        agent.runtime.remove(spec.task);
        agent.removed(spec.task).await;
    }
}

/// TD-49: the check runs inside the container, with its environment.
async fn health_follows_the_check(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(checked(bench, "[ -e $SHARED/well ]"));
    let container = agent.run(&spec, 0).await;
    assert_eq!(agent.health(container).await, HealthStatus::Unhealthy);
    std::fs::write(bench.shared().join("well"), "").unwrap();
    assert_eq!(agent.health(container).await, HealthStatus::Healthy);
    std::fs::remove_file(bench.shared().join("well")).unwrap();
    assert_eq!(agent.health(container).await, HealthStatus::Unhealthy);
    clean(bench).await;
}

/// F-10.
async fn health_outlives_the_agent(bench: &dyn Bench) {
    let mut first = Agent::on(bench).await;
    let spec = spec(checked(bench, "[ ! -e $SHARED/ill ]"));
    let container = first.run(&spec, 0).await;
    assert_eq!(first.health(container).await, HealthStatus::Healthy);
    first.die();
    let mut second = Agent::on(bench).await;
    assert_eq!(second.found.healths, [(container, HealthStatus::Healthy)]);
    std::fs::write(bench.shared().join("ill"), "").unwrap();
    assert_eq!(second.health_other_than(container, HealthStatus::Healthy).await, HealthStatus::Unhealthy);
    clean(bench).await;
}

fn checked(bench: &dyn Bench, script: &str) -> Value {
    let mut document = bench.document(&[FOREVER]);
    document["containerDefinitions"][0]["healthCheck"] =
        json!({"command": ["CMD-SHELL", script], "interval": 1, "timeout": 2, "retries": 1});
    document
}

/// TD-50: the same container, which finds what it left.
async fn a_run_follows_the_other(bench: &dyn Bench) {
    let mut first = Agent::on(bench).await;
    let again = "[ -e first ] || { touch first; exit 4; }
        [ -e second ] || { touch second; while [ ! -e $SHARED/go ]; do sleep 0.05; done; exit 5; }
        while :; do sleep 1; done";
    let mut document = bench.document(&[again]);
    if bench.is_docker() {
        document["containerDefinitions"][0]["workingDirectory"] = json!("/bin");
    }
    let spec = spec(document);
    let container = first.run(&spec, 0).await;
    assert_eq!(first.exited(container).await.0, Some(4));
    first.runtime.start(container, 0, Arc::clone(&spec));
    first.runtime.start(container, 1, Arc::clone(&spec));
    first.runtime.start(container, 1, Arc::clone(&spec));
    match first.event().await {
        RuntimeEvent::Started { container: started, run, .. } => assert_eq!((started, run), (container, 1)),
        other => panic!("{other:?} instead of a start"),
    }
    first.die();
    // For the next agent it is the first run again, and an exit of it may be followed by the next (F-10).
    let mut second = Agent::on(bench).await;
    assert_eq!(second.found.containers[0].state, AdoptedState::Running);
    std::fs::write(bench.shared().join("go"), "").unwrap();
    assert_eq!(second.exited(container).await.0, Some(5));
    second.runtime.start(container, 1, Arc::clone(&spec));
    assert_eq!(second.started().await, container);
    second.runtime.stop(container, Duration::ZERO);
    assert_eq!(second.exited(container).await.0, Some(137));
    clean(bench).await;
}

async fn clean(bench: &dyn Bench) {
    let agent = Agent::on(bench).await;
    agent.runtime.stop_all(Duration::ZERO).await;
}

/// I-22.
async fn exit_codes_are_reported_once(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&["exit 7", "exit 0"]));
    for (index, code) in [(0, 7), (1, 0)] {
        let container = agent.run(&spec, index).await;
        assert_eq!(agent.exited(container).await.0, Some(code));
    }
    agent.runtime.remove(spec.task);
    agent.removed(spec.task).await;
    clean(bench).await;
}

/// TL-6.
async fn a_stop_is_sigterm_first(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&["trap 'exit 3' TERM; touch $SHARED/ready; while :; do sleep 0.05; done"]));
    let container = agent.run(&spec, 0).await;
    appeared(&bench.shared().join("ready")).await;
    agent.runtime.stop(container, LONG_GRACE);
    agent.runtime.stop(container, LONG_GRACE);
    assert_eq!(agent.exited(container).await.0, Some(3));
    clean(bench).await;
}

/// F-20.
async fn what_ignores_sigterm_is_killed(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&["trap '' TERM; touch $SHARED/ready; while :; do sleep 0.05; done"]));
    let container = agent.run(&spec, 0).await;
    appeared(&bench.shared().join("ready")).await;
    let asked = std::time::Instant::now();
    agent.runtime.stop(container, Duration::from_secs(1));
    assert_eq!(agent.exited(container).await.0, Some(137));
    let took = asked.elapsed();
    assert!(took >= Duration::from_secs(1) && took <= Duration::from_secs(3), "killed after {took:?}");
    clean(bench).await;
}

async fn a_stop_needs_nothing_to_stop(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let container = ContainerRef { task: TaskId::from_u128(99), index: 0 };
    agent.runtime.stop(container, LONG_GRACE);
    assert_eq!(agent.exited(container).await, (None, None));
    agent.runtime.remove(container.task);
    agent.removed(container.task).await;
}

async fn starting_twice_is_starting_once(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&[FOREVER]));
    let container = ContainerRef { task: spec.task, index: 0 };
    agent.runtime.start(container, 0, Arc::clone(&spec));
    agent.runtime.start(container, 0, Arc::clone(&spec));
    assert_eq!(agent.started().await, container);
    agent.runtime.start(container, 0, Arc::clone(&spec));
    agent.runtime.stop(container, Duration::ZERO);
    assert_eq!(agent.exited(container).await.0, Some(137));
    clean(bench).await;
}

/// TL-8.
async fn a_start_that_fails_says_why(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let (document, class) = bench.broken();
    let spec = spec(document);
    let container = ContainerRef { task: spec.task, index: 0 };
    agent.runtime.start(container, 0, Arc::clone(&spec));
    match agent.event().await {
        RuntimeEvent::Failed { container: failed, reason } => {
            assert_eq!(failed, container);
            assert!(reason.starts_with(class), "{reason}");
        }
        other => panic!("{other:?} instead of a failure"),
    }
    clean(bench).await;
}

/// F-10: nothing of it restarts, and what ended meanwhile is told with its exit code.
async fn containers_outlive_the_agent(bench: &dyn Bench) {
    let mut first = Agent::on(bench).await;
    let spec = spec(bench.document(&[FOREVER, "sleep 0.5; exit 5"]));
    let lives = first.run(&spec, 0).await;
    first.run(&spec, 1).await;
    first.die();
    let exit = eventually_found(bench, |found| {
        let state = |index| found.containers.iter().find(|one| one.index == index).map(|one| one.state.clone());
        assert_eq!(state(0), Some(AdoptedState::Running));
        assert_eq!(found.instance, Some(bench.instance()), "F-11");
        state(1).filter(|state| *state != AdoptedState::Running)
    });
    assert_eq!(exit.await, AdoptedState::Exited { exit_code: Some(5), reason: None });
    let mut second = Agent::on(bench).await;
    let found = second.found.containers.iter().find(|one| one.index == 0);
    assert_eq!(found.map(|one| &*one.name), Some("c0"));
    second.runtime.start(lives, 0, Arc::clone(&spec));
    second.runtime.stop(lives, Duration::ZERO);
    assert_eq!(second.exited(lives).await.0, Some(137));
    clean(bench).await;
}

/// I-21.
async fn removed_tasks_leave_nothing(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&[FOREVER, "exit 0"]));
    agent.run(&spec, 0).await;
    let second = agent.run(&spec, 1).await;
    agent.exited(second).await;
    agent.runtime.remove(spec.task);
    agent.runtime.remove(spec.task);
    agent.removed(spec.task).await;
    agent.die();
    assert!(Agent::on(bench).await.found.containers.is_empty());
}

async fn stopping_everything_leaves_nothing(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&[FOREVER, "exit 0", "trap '' TERM; while :; do sleep 0.05; done"]));
    let late = ContainerRef { task: spec.task, index: 2 };
    agent.run(&spec, 0).await;
    agent.runtime.start(late, 0, Arc::clone(&spec));
    agent.runtime.stop_all(Duration::from_secs(1)).await;
    agent.runtime.start(ContainerRef { task: spec.task, index: 1 }, 0, Arc::clone(&spec));
    assert!(Agent::on(bench).await.found.containers.is_empty());
}

/// I-20: whichever comes first, at the end it is over, and nothing runs.
async fn a_stop_overtakes_a_start(bench: &dyn Bench) {
    let mut agent = Agent::on(bench).await;
    let spec = spec(bench.document(&[FOREVER]));
    let container = ContainerRef { task: spec.task, index: 0 };
    agent.runtime.start(container, 0, Arc::clone(&spec));
    agent.runtime.stop(container, Duration::ZERO);
    loop {
        match agent.event().await {
            RuntimeEvent::Started { .. } => {}
            RuntimeEvent::Exited { container: exited, .. } => {
                assert_eq!(exited, container);
                break;
            }
            other => panic!("{other:?} instead of an exit"),
        }
    }
    agent.die();
    let running = |state: &AdoptedState| *state == AdoptedState::Running;
    assert!(!Agent::on(bench).await.found.containers.iter().any(|one| running(&one.state)));
    clean(bench).await;
}
