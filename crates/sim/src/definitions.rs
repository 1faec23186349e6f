//! The task definitions of the simulated users. The image tells the simulated runtime how the container behaves.

use plimsoll_model::{Family, TaskDefinition, TaskDefinitionId};
use serde_json::{Value, json};
use std::sync::Arc;

/// Runs until it is stopped.
pub(crate) const STEADY: &str = "steady";
/// Runs for a moment and exits with code 0.
pub(crate) const DONE: &str = "done";
/// Runs for a moment and exits with code 1.
pub(crate) const CRASHES: &str = "crashes";
/// Cannot be pulled.
pub(crate) const MISSING: &str = "missing";

/// Revisions of each family: the same but for their number, so that there is something to roll out.
const REVISIONS: u32 = 3;

#[derive(Debug)]
pub(crate) struct Definitions {
    all: Vec<Arc<TaskDefinition>>,
    /// The first of `all` that cannot start or do not stay.
    bad: usize,
}

impl Definitions {
    pub fn new() -> Self {
        let steady = [
            ("web", json!([container("web", STEADY)])),
            ("port", json!([with(container("web", STEADY), json!({"portMappings": [port(8080)]}))])),
            (
                "pair",
                json!([
                    with(container("web", STEADY), depends("side", "START")),
                    with(container("side", STEADY), json!({"essential": false})),
                ]),
            ),
            (
                "migrated",
                json!([
                    with(container("web", STEADY), depends("migrate", "SUCCESS")),
                    with(container("migrate", DONE), json!({"essential": false})),
                ]),
            ),
            ("checked", json!([with(container("web", STEADY), json!({"healthCheck": {"command": ["CMD", "true"]}}))])),
        ];
        let bad = [
            ("crashing", json!([with(container("web", CRASHES), restarts_after_a_second())])),
            ("missing", json!([container("web", MISSING)])),
            ("half", json!([container("web", STEADY), with(container("side", MISSING), json!({"essential": false}))])),
        ];
        let revisions = |(family, containers): &(&str, Value)| {
            (1..=REVISIONS).map(|revision| definition(family, revision, containers)).collect::<Vec<_>>()
        };
        let mut all: Vec<_> = steady.iter().flat_map(revisions).collect();
        let first_bad = all.len();
        all.extend(bad.iter().flat_map(revisions));
        Definitions { all, bad: first_bad }
    }

    pub fn all(&self) -> &[Arc<TaskDefinition>] {
        &self.all
    }

    /// Those whose tasks start and stay.
    pub fn steady(&self) -> &[Arc<TaskDefinition>] {
        &self.all[..self.bad]
    }

    pub fn is_steady(&self, id: &TaskDefinitionId) -> bool {
        self.steady().iter().any(|definition| definition.id == *id)
    }

    pub fn get(&self, id: &TaskDefinitionId) -> Option<&Arc<TaskDefinition>> {
        self.all.iter().find(|definition| definition.id == *id)
    }
}

fn container(name: &str, image: &str) -> Value {
    json!({"name": name, "image": image, "cpu": 128, "memory": 64, "stopTimeout": 5})
}

fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

fn depends(name: &str, condition: &str) -> Value {
    json!({"dependsOn": [{"containerName": name, "condition": condition}]})
}

fn restarts_after_a_second() -> Value {
    json!({"restartPolicy": {"enabled": true, "restartAttemptPeriod": 1}})
}

fn port(host_port: u16) -> Value {
    json!({"containerPort": 80, "hostPort": host_port, "protocol": "tcp"})
}

fn definition(family: &str, revision: u32, containers: &Value) -> Arc<TaskDefinition> {
    let id = TaskDefinitionId { family: Family::parse(family).expect("a valid family"), revision };
    let document = Arc::new(json!({"family": family, "containerDefinitions": containers}));
    Arc::new(TaskDefinition::from_document(id, document).expect("a valid document"))
}
