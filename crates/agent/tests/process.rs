//! What is particular to containers that are plain processes.

mod bench;

use bench::{Agent, Bench, Process, spec};
use plimsoll_core::node::{ContainerRef, RuntimeEvent};
use plimsoll_model::HealthStatus;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The port reported is the one the container is told to listen on.
#[tokio::test]
async fn a_dynamic_port_is_passed_on() {
    let process = Process::new();
    let mut agent = Agent::on(&process).await;
    let mut document = process.document(&["exit $((PORT_80 == 0 || PORT_90 != 9090))"]);
    document["networkMode"] = json!("bridge");
    document["containerDefinitions"][0]["portMappings"] =
        json!([{"containerPort": 80}, {"containerPort": 90, "hostPort": 9090}]);
    let spec = spec(document);
    let container = ContainerRef { task: spec.task, index: 0 };
    agent.runtime.start(container, 0, Arc::clone(&spec));
    match agent.event().await {
        RuntimeEvent::Started { bindings, .. } => {
            assert_ne!(bindings[0].host_port, 0);
            assert_eq!((bindings[1].container_port, bindings[1].host_port), (90, 9090));
        }
        other => panic!("{other:?} instead of a start"),
    }
    assert_eq!(agent.exited(container).await.0, Some(0));
    agent.runtime.stop_all(Duration::ZERO).await;
}

#[tokio::test]
async fn what_needs_an_engine_is_refused_by_name() {
    let process = Process::new();
    let mut agent = Agent::on(&process).await;
    let mut with_mounts = process.document(&["true"]);
    with_mounts["containerDefinitions"][0]["mountPoints"] = json!([{"sourceVolume": "v", "containerPath": "/v"}]);
    let mut image_only = process.document(&["true"]);
    image_only["containerDefinitions"][0]["entryPoint"] = json!([]);
    image_only["containerDefinitions"][0]["command"] = json!([]);
    for (document, reason) in [(with_mounts, "mountPoints"), (image_only, "entryPoint or command")] {
        let spec = spec(document);
        agent.runtime.start(ContainerRef { task: spec.task, index: 0 }, 0, Arc::clone(&spec));
        match agent.event().await {
            RuntimeEvent::Failed { reason: given, .. } => assert!(given.contains(reason), "{given}"),
            other => panic!("{other:?} instead of a failure"),
        }
    }
}

/// TD-49: cut off at its timeout with everything it started, even in a session of its own; one at a time.
#[tokio::test]
async fn a_check_that_hangs_is_ended_with_its_children() {
    let process = Process::new();
    let mut agent = Agent::on(&process).await;
    let mut document = process.document(&["while :; do sleep 1; done"]);
    let script = "setsid sh -c 'echo $$ >> pids; exec sleep 600' & echo $$ >> pids; sleep 600";
    document["containerDefinitions"][0]["healthCheck"] =
        json!({"command": ["CMD-SHELL", script], "interval": 1, "timeout": 1, "retries": 2});
    let spec = spec(document);
    let container = agent.run(&spec, 0).await;
    assert_eq!(agent.health(container).await, HealthStatus::Unhealthy);
    let pids =
        fs::read_to_string(process.root().join(spec.task.to_string()).join("c0").join("work").join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 4, "two checks: {pids}");
    for pid in pids.lines() {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
    agent.runtime.stop_all(Duration::ZERO).await;
}

/// What a container started in the background, even in a session of its own, ends with it.
#[tokio::test]
async fn nothing_of_a_container_outlives_it() {
    let process = Process::new();
    let mut agent = Agent::on(&process).await;
    let spec = spec(
        process.document(&["setsid sh -c 'echo $$ > pid; exec sleep 600' & while [ ! -s pid ]; do :; done; exit 4"]),
    );
    let container = agent.run(&spec, 0).await;
    assert_eq!(agent.exited(container).await.0, Some(4));
    let file = process.root().join(spec.task.to_string()).join("c0/work/pid");
    let pid = fs::read_to_string(file).unwrap();
    let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    agent.runtime.stop_all(Duration::ZERO).await;
}

/// F-20, where cgroups can be written.
#[tokio::test]
async fn running_out_of_memory_is_told_as_such() {
    let process = Process::new();
    let mut agent = Agent::on(&process).await;
    let mut document = process.document(&["x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"]);
    document["containerDefinitions"][0]["memory"] = json!(8);
    let spec = spec(document);
    if !Path::new("/sys/fs/cgroup/memory/plimsoll").exists() && !Path::new("/sys/fs/cgroup/plimsoll").exists() {
        println!("cgroups are not writable here");
        return;
    }
    let container = agent.run(&spec, 0).await;
    let (exit_code, reason) = agent.exited(container).await;
    assert_eq!(exit_code, Some(137));
    assert_eq!(reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    agent.runtime.stop_all(Duration::ZERO).await;
}
