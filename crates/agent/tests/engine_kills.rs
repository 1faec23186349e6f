//! Engines that are killed under an agent: F-17, F-18. Each test has a dockerd of its own.

// The helpers are part of the tests.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::engine::PrivateEngine;
use bench::{Agent, Bench, Docker, appeared, spec};
use plimsoll_core::node::{AdoptedState, ContainerRef, RuntimeEvent};
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Obeys SIGTERM, so that an engine that takes its containers down with it is quick.
const POLITE: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

fn pid_of(docker: &Docker, id: &str) -> String {
    let output =
        Command::new("docker").args(["-H", docker.host(), "inspect", "-f", "{{.State.Pid}}", id]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn gone(pid: &str) {
    let process = std::path::PathBuf::from("/proc").join(pid);
    while process.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(agent: &mut Agent, container: ContainerRef, spec: &Arc<plimsoll_core::node::LaunchSpec>) -> Arc<str> {
    agent.runtime.start(container, 0, Arc::clone(spec));
    match agent.event().await {
        RuntimeEvent::Started { runtime_id, .. } => runtime_id,
        other => panic!("{other:?} instead of a start"),
    }
}

/// With live-restore: what runs goes on, what ended meanwhile is told with its code, a stop is carried to its end, and
/// what was being started comes to one end or the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_outlive_an_engine_with_live_restore_f_17_f_18() {
    let Some(mut engine) = PrivateEngine::started(true) else { return };
    let docker = Docker::at(engine.host());
    let mut agent = Agent::on(&docker).await;
    let deaf = "trap 'touch $SHARED/told' TERM; touch $SHARED/ready; while :; do sleep 0.05; done";
    let spec = spec(docker.document(&[POLITE, "while [ ! -e $SHARED/go ]; do sleep 0.05; done; exit 5", deaf]));
    let at = |index| ContainerRef { task: spec.task, index };
    let steady = run(&mut agent, at(0), &spec).await;
    let ends = run(&mut agent, at(1), &spec).await;
    run(&mut agent, at(2), &spec).await;
    appeared(&docker.shared().join("ready")).await;
    let (steady_pid, ends_pid) = (pid_of(&docker, &steady), pid_of(&docker, &ends));

    engine.kill();
    std::fs::write(docker.shared().join("go"), "").unwrap();
    gone(&ends_pid).await;
    engine.start();
    assert_eq!(agent.exited(at(1)).await.0, Some(5), "F-17");
    assert_eq!(pid_of(&docker, &steady), steady_pid, "the same process");

    let grace = Duration::from_secs(4);
    agent.runtime.stop(at(2), grace);
    appeared(&docker.shared().join("told")).await;
    engine.kill();
    engine.start();
    assert_eq!(agent.exited(at(2)).await.0, Some(137), "F-18: a stop that failed is not an end");

    starts_survive_a_kill(&mut agent, &mut engine, &docker).await;
    agent.runtime.stop(at(0), Duration::from_secs(60));
    assert_eq!(agent.exited(at(0)).await.0, Some(0));
    agent.runtime.stop_all(Duration::ZERO).await;
    assert!(Agent::on(&docker).await.found.containers.is_empty(), "I-21");
}

/// F-18: killed among creates and starts.
async fn starts_survive_a_kill(agent: &mut Agent, engine: &mut PrivateEngine, docker: &Docker) {
    let spec = spec(docker.document(&[POLITE; 5]));
    let all: BTreeSet<ContainerRef> = (0..5).map(|index| ContainerRef { task: spec.task, index }).collect();
    for container in &all {
        agent.runtime.start(*container, 0, Arc::clone(&spec));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    engine.kill();
    engine.start();
    let (mut up, mut answered) = (BTreeSet::new(), BTreeSet::new());
    while answered != all {
        match agent.event().await {
            RuntimeEvent::Started { container, .. } => {
                up.insert(container);
                answered.insert(container);
            }
            RuntimeEvent::Failed { container, .. } => {
                answered.insert(container);
            }
            // Seen to have failed on the way up, or stopped because nobody could say whether it runs.
            RuntimeEvent::Exited { container, .. } => {
                up.remove(&container);
            }
            other => panic!("{other:?}"),
        }
    }
    let found = Agent::on(docker).await.found.containers;
    let running = found.iter().filter(|one| one.task == spec.task && one.state == AdoptedState::Running);
    let running: BTreeSet<ContainerRef> =
        running.map(|one| ContainerRef { task: one.task, index: one.index }).collect();
    assert!(running.is_superset(&up), "told to run: {up:?}, found running: {running:?}");
    agent.runtime.remove(spec.task);
    agent.removed(spec.task).await;
    let found = Agent::on(docker).await.found.containers;
    assert!(found.iter().all(|one| one.task != spec.task), "what was only created is removed too");
}

/// Without live-restore: what ran has ended, and that is told once each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_end_with_an_engine_without_live_restore_f_17() {
    let Some(mut engine) = PrivateEngine::started(false) else { return };
    let docker = Docker::at(engine.host());
    let mut agent = Agent::on(&docker).await;
    let spec = spec(docker.document(&[POLITE, POLITE]));
    for index in 0..2 {
        agent.run(&spec, index).await;
    }
    engine.kill();
    engine.start();
    let mut ended = BTreeSet::new();
    for _ in 0..2 {
        match agent.event().await {
            RuntimeEvent::Exited { container, .. } => assert!(ended.insert(container.index), "told twice"),
            other => panic!("{other:?} instead of an exit"),
        }
    }
    // Nothing else is told: the next event is about what was asked for next.
    agent.runtime.remove(spec.task);
    match agent.event().await {
        RuntimeEvent::Removed { task } => assert_eq!(task, spec.task),
        other => panic!("{other:?} instead of the removal"),
    }
    agent.runtime.stop_all(Duration::ZERO).await;
}
