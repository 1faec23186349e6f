//! Whole answers, kept as files under `tests/golden`. Ids and times are replaced by placeholders. After a wanted change
//! run the tests with `PLIMSOLL_GOLDEN=write` and read the difference.

use super::{Api, instance, web};
use regex::Regex;
use serde_json::{Value, json};
use std::path::Path;

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";

struct Scrubber {
    patterns: Vec<(Regex, &'static str)>,
}

impl Scrubber {
    fn new() -> Self {
        let patterns = [
            (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
            (r"[0-9a-f]{32}", "<id>"),
            (r"ecs-svc/[0-9]{19}", "ecs-svc/<number>"),
            (r"(service-(?:deployment|revision)/[^/]+/[^/]+)/[0-9]{19}", "$1/<number>"),
            (r"\bi-[0-9a-f]{17}\b", "i-<id>"),
        ];
        Scrubber { patterns: patterns.map(|(pattern, with)| (Regex::new(pattern).unwrap(), with)).into() }
    }

    fn scrub(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::Number(_) if name.ends_with("At") => *value = json!("<time>"),
                        value => self.scrub(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub(item)),
            Value::String(text) => {
                for (pattern, with) in &self.patterns {
                    *text = pattern.replace_all(text, *with).into_owned();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

pub(super) fn check(name: &str, mut answer: Value) {
    Scrubber::new().scrub(&mut answer);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    if std::env::var("PLIMSOLL_GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, format!("{answer:#}\n")).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let expected: Value = serde_json::from_str(&expected).unwrap();
    assert!(answer == expected, "{name} is\n{answer:#}\nexpected\n{expected:#}");
}

#[tokio::test]
async fn w11_w12_cl6_cl7_clusters() {
    let api = Api::empty().await;
    let request = json!({
        "clusterName": "blue",
        "settings": [{"name": "containerInsights", "value": "enabled"}],
        "tags": [{"key": "team", "value": "a"}],
    });
    check("create_cluster", api.ok("CreateCluster", request).await);
    let plain = json!({"clusters": ["blue", "green", "blue"]});
    check("describe_clusters", api.ok("DescribeClusters", plain).await);
    let include = ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"];
    let full = json!({"clusters": ["blue"], "include": include});
    check("describe_clusters_include", api.ok("DescribeClusters", full).await);
    check("delete_cluster", api.ok("DeleteCluster", json!({"cluster": "blue"})).await);
}

#[tokio::test]
async fn td60_td61_task_definitions() {
    let api = Api::empty().await;
    check("register_task_definition_minimal", api.ok("RegisterTaskDefinition", web()).await);
    let full = json!({
        "family": "full", "networkMode": "bridge", "cpu": "0.5 vCPU", "memory": "1GB",
        "requiresCompatibilities": ["EC2"],
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
        "volumes": [{"name": "data", "host": {"sourcePath": "/srv"}}],
        "tags": [{"key": "team", "value": "a"}],
        "containerDefinitions": [
            {
                "name": "app", "image": "nginx", "essential": true, "memoryReservation": 128,
                "portMappings": [{"containerPort": 80, "hostPort": 8080, "protocol": "tcp"}],
                "environment": [{"name": "A", "value": "1"}],
                "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": true}],
                "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
                "healthCheck": {"command": ["CMD-SHELL", "true"]},
                "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}],
                "logConfiguration": {"logDriver": "json-file", "options": {"max-size": "10m"}},
            },
            {"name": "init", "image": "busybox", "essential": false, "command": ["true"], "memory": 64},
        ],
    });
    check("register_task_definition", api.ok("RegisterTaskDefinition", full).await);
    let describe = json!({"taskDefinition": "full", "include": ["TAGS"]});
    check("describe_task_definition", api.ok("DescribeTaskDefinition", describe).await);
    let deregister = json!({"taskDefinition": "full:1"});
    check("deregister_task_definition", api.ok("DeregisterTaskDefinition", deregister).await);
}

#[tokio::test]
async fn ci1_ci2_res7_container_instances() {
    let api = Api::empty().await;
    let definition = json!({
        "family": "gpu", "networkMode": "host",
        "containerDefinitions": [{
            "name": "app", "image": "cuda", "cpu": 100, "memory": 300,
            "portMappings": [{"containerPort": 53, "protocol": "udp"}, {"containerPort": 8080}],
            "resourceRequirements": [{"type": "GPU", "value": "1"}],
        }],
    });
    let definition = api.ok("RegisterTaskDefinition", definition).await;
    let mut request = instance();
    let required = definition["taskDefinition"]["requiresAttributes"].as_array().unwrap().iter().cloned();
    request["attributes"].as_array_mut().unwrap().extend(required);
    request["tags"] = json!([{"key": "rack", "value": "7"}]);
    request["platformDevices"] = json!([{"id": "gpu-0", "type": "GPU"}, {"id": "gpu-1", "type": "GPU"}]);
    check("register_container_instance", api.ok("RegisterContainerInstance", request).await);
    let instances = api.instances().await;
    let started = api.ok("StartTask", json!({"taskDefinition": "gpu", "containerInstances": instances})).await;
    assert_eq!(started["failures"], json!([]), "{started}");
    let described = json!({"containerInstances": [instances[0], UNKNOWN, instances[0]], "include": ["TAGS"]});
    check("describe_container_instances", api.ok("DescribeContainerInstances", described).await);
}

#[tokio::test]
async fn tl3_tl9_tl13_tasks() {
    let api = Api::with_instances(1).await;
    let run = json!({
        "taskDefinition": "web", "startedBy": "me", "tags": [{"key": "a", "value": "b"}],
        "enableECSManagedTags": true,
        "overrides": {"containerOverrides": [{"name": "app", "command": ["sleep", "9"], "cpu": 128}]},
    });
    let started = api.run(run).await;
    let task = started["tasks"][0]["taskArn"].clone();
    check("run_task", started);
    let container = json!({
        "containerName": "app", "status": "RUNNING", "runtimeId": "c0ffee",
        "networkBindings": [{"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"}],
    });
    let running = json!({
        "task": task, "status": "RUNNING", "containers": [container],
        "pullStartedAt": 1431444514.347, "pullStoppedAt": 1431444515,
    });
    check("submit_task_state_change", api.ok("SubmitTaskStateChange", running).await);
    let describe = json!({"tasks": [task, UNKNOWN], "include": ["TAGS"]});
    check("describe_tasks", api.ok("DescribeTasks", describe).await);
    check("stop_task", api.ok("StopTask", json!({"task": task, "reason": "enough"})).await);
    let stopped = json!({
        "task": task, "status": "STOPPED",
        "containers": [{"containerName": "app", "status": "STOPPED", "exitCode": 137}],
    });
    api.ok("SubmitTaskStateChange", stopped).await;
    check("describe_tasks_stopped", api.ok("DescribeTasks", json!({"tasks": [task]})).await);
}

#[tokio::test]
async fn run8_run9_failures_name_instances_and_reasons() {
    let api = Api::with_instances(1).await;
    let run = json!({"taskDefinition": "web", "count": 10});
    check("run_task_failures", api.run(run).await);
}

#[tokio::test]
async fn svc8_svc11_dep2_services() {
    let api = Api::with_instances(1).await;
    let create = json!({
        "serviceName": "front", "taskDefinition": "web", "desiredCount": 1,
        "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}],
        "placementConstraints": [{"type": "distinctInstance"}],
        "tags": [{"key": "a", "value": "b"}],
    });
    check("create_service", api.ok("CreateService", create).await);
    let list = json!({"serviceName": "front"});
    let tasks = api.ok("ListTasks", list).await["taskArns"].clone();
    let container = json!({"containerName": "app", "status": "RUNNING"});
    let running = json!({"task": tasks[0], "status": "RUNNING", "containers": [container]});
    api.ok("SubmitTaskStateChange", running).await;
    let describe = json!({"services": ["front", "back"], "include": ["TAGS"]});
    check("describe_services", api.ok("DescribeServices", describe).await);
    let update =
        json!({"service": "front", "forceNewDeployment": true, "deploymentConfiguration": {"maximumPercent": 150}});
    check("update_service", api.ok("UpdateService", update).await);
    check("delete_service", api.ok("DeleteService", json!({"service": "front", "force": true})).await);
}

#[tokio::test]
async fn attr3_attr4_attr5_attributes() {
    let api = Api::with_instances(1).await;
    let instance = api.instances().await.remove(0);
    let put = json!({"attributes": [{"name": "stack", "value": "prod", "targetId": instance}, {"name": "bare", "targetId": instance}]});
    check("put_attributes", api.ok("PutAttributes", put).await);
    check("list_attributes", api.ok("ListAttributes", json!({"targetType": "container-instance"})).await);
    let delete =
        json!({"attributes": [{"name": "stack", "targetId": instance}, {"name": "absent", "targetId": instance}]});
    check("delete_attributes", api.ok("DeleteAttributes", delete).await);
}

#[tokio::test]
async fn op4_discover_poll_endpoint() {
    let api = Api::empty().await;
    check("discover_poll_endpoint", api.ok("DiscoverPollEndpoint", json!({"cluster": "unknown"})).await);
}
