//! Operations from validated body to answer, on a memory store and a real control plane, without HTTP.

mod behaviour;
mod capacity;
mod deployments;
mod errors;
mod golden;
mod hostile;
mod rules;
mod tags;
mod task_sets;

use crate::settings::{Auth, Limits, ServerSettings};
use crate::{Context, ops};
use plimsoll_control::{Control, ControlSettings};
use plimsoll_ecs_api::{ApiError, Operation, validate};
use plimsoll_model::Namespace;
use plimsoll_store::{MemoryStore, Store};
use serde_json::{Value, json};
use std::sync::Arc;

/// One control plane with an empty store.
struct Api {
    context: Context,
}

impl Api {
    async fn empty() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let control = Control::start(Arc::clone(&store), ControlSettings::default()).await.unwrap();
        let settings = ServerSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            account_id: "123456789012".into(),
            region: Some("eu-west-1".into()),
            auth: Auth::Open,
            store,
            control: ControlSettings::default(),
            limits: Limits::default(),
        };
        let context = Context {
            now: control.now(),
            stage: None,
            control,
            namespace: Namespace { account: "123456789012".into(), region: "eu-west-1".into() },
            caller_arn: "arn:aws:iam::123456789012:user/tester".into(),
            settings: Arc::new(settings),
            endpoint: "http://127.0.0.1:4747".into(),
        };
        Api { context }
    }

    /// A cluster `default` with definition `web:1` and instances.
    async fn with_instances(count: usize) -> Self {
        let api = Api::empty().await;
        api.ok("RegisterTaskDefinition", web()).await;
        api.ok("CreateCluster", json!({})).await;
        for _ in 0..count {
            api.ok("RegisterContainerInstance", instance()).await;
        }
        api
    }

    async fn call(&self, operation: &str, body: Value) -> Result<Value, ApiError> {
        let operation = Operation::named(operation).unwrap_or_else(|| panic!("no operation {operation}"));
        let input = validate(operation, body.to_string().as_bytes())?;
        ops::dispatch(&self.context, operation, input).await
    }

    async fn ok(&self, operation: &str, body: Value) -> Value {
        let answer = self.call(operation, body.clone()).await;
        answer.unwrap_or_else(|error| panic!("{operation} {body}: {error}"))
    }

    async fn refused(&self, operation: &str, body: Value) -> ApiError {
        match self.call(operation, body.clone()).await {
            Err(error) => error,
            Ok(answer) => panic!("{operation} {body} answered {answer}"),
        }
    }

    /// All pages of a list, each of `size` entries at most.
    async fn pages(&self, operation: &str, mut body: Value, member: &str, size: usize) -> Vec<Value> {
        let mut entries = Vec::new();
        body["maxResults"] = json!(size);
        loop {
            let page = self.ok(operation, body.clone()).await;
            let list = page[member].as_array().unwrap();
            assert!(list.len() <= size, "{page}");
            entries.extend(list.iter().cloned());
            match page.get("nextToken") {
                Some(token) => body["nextToken"] = token.clone(),
                None => return entries,
            }
        }
    }

    async fn instances(&self) -> Vec<String> {
        texts(&self.ok("ListContainerInstances", json!({})).await["containerInstanceArns"])
    }

    async fn run(&self, body: Value) -> Value {
        self.ok("RunTask", body).await
    }
}

fn web() -> Value {
    json!({
        "family": "web",
        "containerDefinitions": [{
            "name": "app", "image": "busybox:1.36", "cpu": 256, "memory": 128,
            "portMappings": [{"containerPort": 80}],
        }],
    })
}

fn instance() -> Value {
    json!({
        "totalResources": [
            {"name": "CPU", "type": "INTEGER", "integerValue": 1024},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": 1024},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22", "2375"]},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []},
        ],
        "attributes": [{"name": "ecs.availability-zone", "value": "eu-west-1a"}, {"name": "ecs.os-type", "value": "linux"}],
        "versionInfo": {"agentVersion": "1.90.0", "agentHash": "abc", "dockerVersion": "24"},
    })
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}
