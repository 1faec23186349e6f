//! Table of refusals and of what is stored, by rule.

use super::{DefinitionError, Prepared, prepare};
use serde_json::{Map, Value, json};

fn definition(container: Value, task: Value) -> Value {
    let mut base = json!({ "name": "app", "image": "busybox", "memory": 64 });
    merge(&mut base, container);
    let mut definition = json!({ "family": "web", "containerDefinitions": [base] });
    merge(&mut definition, task);
    definition
}

/// Members of `change` replace those of `base`; null removes one.
fn merge(base: &mut Value, change: Value) {
    let (Value::Object(base), Value::Object(change)) = (base, change) else { panic!("objects expected") };
    for (name, value) in change {
        if value.is_null() {
            base.remove(&name)
        } else {
            base.insert(name, value)
        };
    }
}

fn prepared(definition: Value) -> Result<Prepared, DefinitionError> {
    let Value::Object(members) = definition else { panic!("an object expected") };
    prepare(members)
}

#[test]
fn refusals_name_what_is_wrong() {
    let none = || json!({});
    let two = |first: Value, second: Value| {
        let container = |name: &str, change: Value| {
            let mut base = json!({ "name": name, "image": "busybox", "memory": 64 });
            merge(&mut base, change);
            base
        };
        json!({ "containerDefinitions": [container("a", first), container("b", second)] })
    };
    for (rule, definition, expected) in [
        ("TD-1", definition(none(), json!({"family": null})), "Family should not be null or empty."),
        ("TD-1", definition(none(), json!({"family": "a b"})), "Family contains invalid characters."),
        ("TD-2", definition(none(), json!({"containerDefinitions": []})), "Container list cannot be empty."),
        (
            "TD-2",
            definition(none(), json!({"containerDefinitions": vec![json!({"name": "a", "image": "b"}); 11]})),
            "Too many containers.",
        ),
        ("TD-3", definition(json!({"name": null}), none()), "Container.name should not be null or empty."),
        ("TD-3", definition(json!({"image": null}), none()), "Container.image should not be null or empty."),
        ("TD-4", definition(json!({"image": "a b"}), none()), "invalid characters"),
        ("TD-5", definition(json!({"essential": false}), none()), "At least one container must be essential"),
        (
            "TD-6",
            definition(json!({"environment": [{"name": "A", "value": "x".repeat(70_000)}]}), none()),
            "the maximum is 65536",
        ),
        (
            "TD-11",
            definition(json!({"memory": null}), none()),
            "At least one of 'memory' or 'memoryReservation' must be specified.",
        ),
        ("TD-12", definition(json!({"memoryReservation": 65}), none()), "less than 'memoryReservation' 65"),
        ("TD-13", definition(json!({"memory": 3}), none()), "3 MiB is less than 4"),
        ("TD-14", definition(none(), json!({"cpu": "lots"})), "Invalid 'cpu' setting for task."),
        ("TD-14", definition(none(), json!({"cpu": "127"})), "Invalid 'cpu' setting for task."),
        ("TD-15", definition(none(), json!({"memory": "0"})), "Invalid 'memory' setting for task."),
        ("TD-16", definition(json!({"cpu": 257}), json!({"cpu": "256"})), "The sum of all container 'cpu' values"),
        (
            "TD-17",
            definition(none(), json!({"memory": "32"})),
            "The 'memory' setting for container is greater than for the task.",
        ),
        (
            "TD-17",
            definition(json!({"memory": null, "memoryReservation": 64}), json!({"memory": "32"})),
            "'memoryReservation' values",
        ),
        (
            "TD-18",
            definition(none(), json!({"requiresCompatibilities": ["FARGATE"]})),
            "Fargate only supports network mode",
        ),
        (
            "TD-18",
            definition(none(), json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"})),
            "'cpu' be defined",
        ),
        (
            "TD-19",
            definition(
                none(),
                json!({"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "3072"}),
            ),
            "No Fargate configuration exists for given values",
        ),
        (
            "TD-31",
            definition(json!({"portMappings": [{"hostPort": 80}]}), none()),
            "Invalid 'containerPort' setting for container 'app'.",
        ),
        (
            "TD-31",
            definition(json!({"portMappings": [{"containerPort": 80, "hostPort": 70_000}]}), none()),
            "Invalid 'hostPort'",
        ),
        (
            "TD-32",
            definition(
                json!({"portMappings": [{"containerPort": 80}, {"containerPort": 80, "protocol": "udp"}]}),
                none(),
            ),
            "container ports 80 and 80 overlap",
        ),
        (
            "TD-33",
            definition(
                none(),
                two(
                    json!({"portMappings": [{"containerPort": 80, "hostPort": 8080}]}),
                    json!({"portMappings": [{"containerPort": 81, "hostPort": 8080}]}),
                ),
            ),
            "host port 8080/tcp is used more than once",
        ),
        (
            "TD-34",
            definition(json!({"portMappings": [{"containerPort": 80, "hostPort": 0}]}), json!({"networkMode": "host"})),
            "When networkMode=host, the host ports",
        ),
        (
            "TD-35",
            definition(json!({"portMappings": [{"containerPort": 80}]}), json!({"networkMode": "none"})),
            "networkMode=none",
        ),
        (
            "TD-37",
            definition(json!({"portMappings": [{"containerPortRange": "90-80"}]}), none()),
            "the first port must be below the last",
        ),
        (
            "TD-37",
            definition(json!({"portMappings": [{"containerPortRange": "80-90"}, {"containerPort": 85}]}), none()),
            "overlap",
        ),
        (
            "TD-38",
            definition(json!({"portMappings": [{"containerPort": 80, "name": "Web"}]}), none()),
            "port mapping name",
        ),
        (
            "TD-39",
            definition(json!({"links": ["x"]}), json!({"networkMode": "awsvpc"})),
            "Links are not supported when networkMode=awsvpc.",
        ),
        ("TD-39", definition(json!({"links": ["x:y"]}), none()), "names no other container"),
        (
            "TD-40",
            definition(json!({"hostname": "h"}), json!({"networkMode": "awsvpc"})),
            "hostname is not supported on container",
        ),
        (
            "TD-45",
            definition(json!({"dependsOn": [{"containerName": "x", "condition": "START"}]}), none()),
            "not in the task definition",
        ),
        (
            "TD-45",
            definition(
                none(),
                two(
                    json!({"dependsOn": [{"containerName": "b", "condition": "START"}]}),
                    json!({"dependsOn": [{"containerName": "a", "condition": "START"}]}),
                ),
            ),
            "containers a, b form a cycle",
        ),
        (
            "TD-46",
            definition(none(), two(json!({"dependsOn": [{"containerName": "b", "condition": "SUCCESS"}]}), none())),
            "cannot be an essential container",
        ),
        (
            "TD-47",
            definition(none(), two(json!({"dependsOn": [{"containerName": "b", "condition": "HEALTHY"}]}), none())),
            "has no healthCheck",
        ),
        ("TD-48", definition(json!({"stopTimeout": 121}), none()), "121 is not from 2 to 120"),
        ("TD-49", definition(json!({"healthCheck": {"command": ["CMD"]}}), none()), "healthCheck.command"),
        (
            "TD-50",
            definition(json!({"restartPolicy": {"enabled": true, "restartAttemptPeriod": 5}}), none()),
            "not from 60 to 1800",
        ),
        (
            "TD-52",
            definition(json!({"linuxParameters": {"capabilities": {"add": ["FLY"]}}}), none()),
            "unknown capability",
        ),
        (
            "TD-53",
            definition(json!({"ulimits": [{"name": "nofile", "softLimit": 9, "hardLimit": 8}]}), none()),
            "exceeds the hard limit 8",
        ),
        ("TD-54", definition(json!({"environment": [{"name": "", "value": "x"}]}), none()), "must not be empty"),
        (
            "TD-55",
            definition(
                json!({"environment": [{"name": "S", "value": "x"}], "secrets": [{"name": "S", "valueFrom": "p"}]}),
                none(),
            ),
            "such as 'S'",
        ),
        (
            "TD-56",
            definition(json!({"logConfiguration": {"logDriver": "awslogs"}}), none()),
            "Log driver awslogs requires options: awslogs-region, awslogs-group",
        ),
        (
            "TD-57",
            definition(json!({"logConfiguration": {"logDriver": "awsfirelens"}}), none()),
            "firelensConfiguration",
        ),
        (
            "TD-58",
            definition(json!({"resourceRequirements": [{"type": "GPU", "value": "0"}]}), none()),
            "not a positive integer",
        ),
        (
            "TD-59",
            definition(json!({"systemControls": [{"namespace": "vm.x", "value": "1"}]}), none()),
            "system control",
        ),
        ("TD-62", definition(none(), json!({"volumes": [{"name": "v"}, {"name": "v"}]})), "used more than once"),
        (
            "TD-63",
            definition(json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}), none()),
            "Unknown volume 'v'.",
        ),
        (
            "TD-64",
            definition(
                none(),
                json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"autoprovision": true}}]}),
            ),
            "scope 'shared'",
        ),
        (
            "TD-65",
            definition(
                none(),
                json!({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "f", "authorizationConfig": {"iam": "ENABLED"}}}]}),
            ),
            "transitEncryption",
        ),
        (
            "TD-66",
            definition(none(), json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:a =="}]})),
            "Invalid placement constraint expression",
        ),
        ("TD-67", definition(none(), json!({"proxyConfiguration": {"containerName": "envoy"}})), "'envoy'"),
        (
            "TD-70",
            definition(none(), json!({"requiresCompatibilities": ["EXTERNAL"], "networkMode": "awsvpc"})),
            "not compatible with EXTERNAL",
        ),
    ] {
        let DefinitionError::Client(message) = prepared(definition).expect_err(rule);
        assert!(message.contains(expected), "{rule}: {message:?} should contain {expected:?}");
    }
}

#[test]
fn td60_defaults_are_stored_and_everything_else_is_echoed() {
    let prepared = prepared(definition(
        json!({"portMappings": [{"containerPort": 80}], "links": [], "healthCheck": {"command": ["CMD-SHELL", "true"]}}),
        json!({"cpu": "1 vCPU", "memory": "0.5GB", "tags": [{"key": "k", "value": "v"}]}),
    ))
    .unwrap();
    assert_eq!(
        prepared.document,
        json!({
            "family": "web", "cpu": "1024", "memory": "512", "volumes": [], "placementConstraints": [],
            "containerDefinitions": [{
                "name": "app", "image": "busybox", "memory": 64, "cpu": 0, "essential": true, "links": [],
                "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}],
                "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
                "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 30, "timeout": 5, "retries": 3},
            }],
        })
    );
    assert_eq!(prepared.tags.unwrap().get("k").map(|value| &**value), Some("v"));
}

#[test]
fn td34_host_ports_follow_container_ports_outside_bridge() {
    let prepared =
        prepared(definition(json!({"portMappings": [{"containerPort": 80}]}), json!({"networkMode": "host"}))).unwrap();
    assert_eq!(prepared.document["containerDefinitions"][0]["portMappings"][0]["hostPort"], 80);
}

#[test]
fn td70_td71_derived_fields() {
    let plain = prepared(definition(json!({}), json!({}))).unwrap();
    let types: Vec<&str> = plain.compatibilities.iter().map(|one| one.as_str()).collect();
    assert_eq!((types, plain.requires_attributes.len()), (vec!["EXTERNAL", "EC2"], 0));

    let fargate = prepared(definition(
        json!({"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "r", "awslogs-group": "g"}},
               "dependsOn": [], "privileged": false}),
        json!({"networkMode": "awsvpc", "cpu": "256", "memory": "512", "executionRoleArn": "arn:aws:iam::1:role/x"}),
    ))
    .unwrap();
    let types: Vec<&str> = fargate.compatibilities.iter().map(|one| one.as_str()).collect();
    assert_eq!(types, ["EC2", "FARGATE"]);
    let attributes: Vec<&str> = fargate.requires_attributes.iter().map(|name| &**name).collect();
    assert_eq!(
        attributes,
        [
            "com.amazonaws.ecs.capability.docker-remote-api.1.18",
            "com.amazonaws.ecs.capability.docker-remote-api.1.19",
            "com.amazonaws.ecs.capability.logging-driver.awslogs",
            "ecs.capability.execution-role-awslogs",
            "ecs.capability.task-cpu-mem-limit",
            "ecs.capability.task-eni",
        ]
    );
}

#[test]
fn an_empty_object_is_refused_and_nothing_panics() {
    assert!(prepare(Map::new()).is_err());
}
