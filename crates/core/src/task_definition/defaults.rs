//! The defaults ECS stores and shows (TD-33, TD-34, TD-49, TD-60).

use plimsoll_model::NetworkMode;
use serde_json::{Map, Value, json};

pub(super) fn fill(request: &mut Map<String, Value>) {
    let mode = request.get("networkMode").and_then(Value::as_str).and_then(NetworkMode::parse);
    let mode = mode.unwrap_or(NetworkMode::Bridge);
    for member in ["volumes", "placementConstraints"] {
        default(request, member, || json!([]));
    }
    for volume in object_items(request, "volumes") {
        if let Some(docker) = volume.get_mut("dockerVolumeConfiguration").and_then(Value::as_object_mut) {
            default(docker, "scope", || json!("task"));
            default(docker, "driver", || json!("local"));
            if docker.get("scope") == Some(&json!("shared")) {
                default(docker, "autoprovision", || json!(false));
            }
        } else if volume.len() == 1 {
            volume.insert("host".into(), json!({}));
        }
    }
    for container in object_items(request, "containerDefinitions") {
        fill_container(container, mode);
    }
}

fn fill_container(container: &mut Map<String, Value>, mode: NetworkMode) {
    default(container, "cpu", || json!(0));
    default(container, "essential", || json!(true));
    for member in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        default(container, member, || json!([]));
    }
    for mapping in object_items(container, "portMappings") {
        default(mapping, "protocol", || json!("tcp"));
        if mapping.contains_key("containerPortRange") {
            continue;
        }
        let container_port = mapping.get("containerPort").cloned().unwrap_or(json!(0));
        let host_port = if mode == NetworkMode::Bridge { json!(0) } else { container_port };
        default(mapping, "hostPort", || host_port);
    }
    if let Some(health) = container.get_mut("healthCheck").and_then(Value::as_object_mut) {
        default(health, "interval", || json!(30));
        default(health, "timeout", || json!(5));
        default(health, "retries", || json!(3));
    }
    if let Some(policy) = container.get_mut("restartPolicy").and_then(Value::as_object_mut) {
        default(policy, "restartAttemptPeriod", || json!(300));
    }
}

fn default(members: &mut Map<String, Value>, name: &str, value: impl FnOnce() -> Value) {
    members.entry(name).or_insert_with(value);
}

fn object_items<'a>(
    members: &'a mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    members.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}
