//! What only an engine can do, on the one that PLIMSOLL_TEST_DOCKER names.

// The helpers are part of the tests.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::{Agent, Bench, Docker, spec};
use plimsoll_core::node::{ContainerRef, RuntimeEvent};
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const FOREVER: &str = "while :; do sleep 1; done";

fn engine(docker: &Docker, arguments: &[&str]) -> String {
    let output = Command::new("docker").arg("--host").arg(docker.host()).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn runtime_id(agent: &mut Agent) -> Arc<str> {
    match agent.event().await {
        RuntimeEvent::Started { runtime_id, .. } => runtime_id,
        other => panic!("{other:?} instead of a start"),
    }
}

/// F-21.
#[tokio::test]
async fn what_a_person_does_to_a_container_is_noticed() {
    let Some(docker) = Docker::asked_for() else { return };
    let mut agent = Agent::on(&docker).await;
    let spec = spec(docker.document(&[FOREVER, FOREVER]));
    for (index, deed) in [(0, "rm"), (1, "kill")] {
        let container = ContainerRef { task: spec.task, index };
        agent.runtime.start(container, 0, Arc::clone(&spec));
        let id = runtime_id(&mut agent).await;
        match deed {
            "rm" => engine(&docker, &["rm", "--force", &id]),
            _ => engine(&docker, &["kill", &id]),
        };
        agent.exited(container).await;
    }
    agent.runtime.stop_all(Duration::ZERO).await;
}

/// F-20.
#[tokio::test]
async fn running_out_of_memory_is_told_as_such() {
    let Some(docker) = Docker::asked_for() else { return };
    let mut agent = Agent::on(&docker).await;
    let mut document = docker.document(&["x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"]);
    document["containerDefinitions"][0]["memory"] = json!(8);
    let spec = spec(document);
    let container = agent.run(&spec, 0).await;
    let (exit_code, reason) = agent.exited(container).await;
    assert_eq!(exit_code, Some(137));
    assert_eq!(reason.as_deref(), Some("OutOfMemoryError: Container killed due to memory usage"));
    agent.runtime.stop_all(Duration::ZERO).await;
}

/// TL-13, I-21: a dynamic port is read back; the task's volume goes with the task; a stranger's container stays.
#[tokio::test]
async fn ports_and_volumes_belong_to_the_task() {
    let Some(docker) = Docker::asked_for() else { return };
    let bridges = engine(&docker, &["network", "ls", "--filter", "driver=bridge", "--quiet"]);
    if bridges.is_empty() {
        println!("the engine has no bridge network: ports cannot be published");
        return;
    }
    let stranger = engine(&docker, &["create", "plimsoll-test/busybox:1", "/bin/true"]);
    let mut agent = Agent::on(&docker).await;
    let mut document = docker.document(&[FOREVER]);
    document["networkMode"] = json!("bridge");
    document["volumes"] = json!([{"name": "scratch"}]);
    document["containerDefinitions"][0]["portMappings"] = json!([{"containerPort": 80}]);
    document["containerDefinitions"][0]["mountPoints"] =
        json!([{"sourceVolume": "scratch", "containerPath": "/scratch"}]);
    let spec = spec(document);
    let container = ContainerRef { task: spec.task, index: 0 };
    agent.runtime.start(container, 0, Arc::clone(&spec));
    match agent.event().await {
        RuntimeEvent::Started { bindings, .. } => {
            assert_eq!(bindings.len(), 1, "{bindings:?}");
            assert_eq!(bindings[0].container_port, 80);
            assert!(bindings[0].host_port > 1024, "{bindings:?}");
        }
        other => panic!("{other:?} instead of a start"),
    }
    let volumes = || engine(&docker, &["volume", "ls", "--quiet", "--filter", &format!("name={}", spec.task)]);
    assert_eq!(volumes(), format!("plimsoll-{}-scratch", spec.task));
    agent.runtime.remove(spec.task);
    agent.removed(spec.task).await;
    assert_eq!(volumes(), "");
    agent.runtime.stop_all(Duration::ZERO).await;
    engine(&docker, &["rm", &stranger]);
}
