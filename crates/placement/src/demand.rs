//! What a task of a definition needs of an instance (RES-1..4).

use crate::Demand;
use plimsoll_model::{ContainerOverride, ContainerSpec, NetworkMode, PortClaim, TaskDefinition, TaskOverrides};
use std::collections::BTreeSet;

pub fn demand(definition: &TaskDefinition, overrides: Option<&TaskOverrides>) -> Demand {
    let container_override = |container: &ContainerSpec| {
        overrides.and_then(|all| all.containers.iter().find(|one| one.name == container.name))
    };
    let sum = |need: fn(&ContainerSpec, Option<&ContainerOverride>) -> u32| {
        let needs = definition.containers.iter().map(|container| need(container, container_override(container)));
        needs.fold(0, u32::saturating_add)
    };
    let task_cpu = overrides.and_then(|all| all.cpu_units).or(definition.cpu_units);
    let task_memory = overrides.and_then(|all| all.memory_mib).or(definition.memory_mib);
    Demand {
        cpu_units: task_cpu.unwrap_or_else(|| sum(container_cpu)),
        memory_mib: task_memory.unwrap_or_else(|| sum(container_memory)),
        ports: fixed_ports(definition),
        gpus: sum(container_gpus),
    }
}

fn container_cpu(container: &ContainerSpec, change: Option<&ContainerOverride>) -> u32 {
    change.and_then(|one| one.cpu_units).unwrap_or(container.cpu)
}

/// The soft limit where there is one: it is what the container is promised, the hard limit is what it may reach.
fn container_memory(container: &ContainerSpec, change: Option<&ContainerOverride>) -> u32 {
    let soft = change.and_then(|one| one.memory_reservation_mib).or(container.memory_reservation);
    let hard = change.and_then(|one| one.memory_mib).or(container.memory);
    soft.or(hard).unwrap_or(0)
}

fn container_gpus(container: &ContainerSpec, change: Option<&ContainerOverride>) -> u32 {
    change.and_then(|one| one.gpus).unwrap_or(container.gpus)
}

/// Ports the node would pick itself, and ranges, reserve nothing (RES-3).
fn fixed_ports(definition: &TaskDefinition) -> Vec<PortClaim> {
    let mappings = definition.containers.iter().flat_map(|container| &container.port_mappings);
    let ports: BTreeSet<PortClaim> = mappings
        .filter_map(|mapping| {
            let port = match definition.network_mode {
                NetworkMode::Bridge => mapping.host_port,
                NetworkMode::Host => mapping.container_port.unwrap_or(0),
                NetworkMode::Awsvpc | NetworkMode::None => 0,
            };
            (port != 0).then_some(PortClaim { protocol: mapping.protocol, port })
        })
        .collect();
    ports.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Family, Protocol, TaskDefinitionId};
    use serde_json::{Value, json};
    use std::sync::Arc;

    #[test]
    fn res_1_2_4_needs_are_summed_unless_the_task_says() {
        let containers = json!([
            {"name": "a", "image": "i", "cpu": 100, "memory": 512, "memoryReservation": 128},
            {"name": "b", "image": "i", "cpu": 50, "memory": 64,
             "resourceRequirements": [{"type": "GPU", "value": "1"}]},
        ]);
        let sums = definition(json!({"family": "f", "containerDefinitions": containers}));
        assert_eq!(needs(&sums, None), (150, 192, 1));
        let change = |change: Value| serde_json::from_value::<TaskOverrides>(change).unwrap();
        for (overrides, expected) in [
            (change(json!({"containers": [{"name": "a", "cpu_units": 10}]})), (60, 192, 1)),
            (change(json!({"containers": [{"name": "a", "memory_mib": 900}]})), (150, 192, 1)),
            (change(json!({"containers": [{"name": "a", "memory_reservation_mib": 1}]})), (150, 65, 1)),
            (change(json!({"containers": [{"name": "b", "memory_mib": 32, "gpus": 3}]})), (150, 160, 3)),
            (
                change(json!({"cpu_units": 7, "memory_mib": 8, "containers": [{"name": "a", "cpu_units": 1}]})),
                (7, 8, 1),
            ),
        ] {
            assert_eq!(needs(&sums, Some(&overrides)), expected, "{overrides:?}");
        }
        let whole =
            definition(json!({"family": "f", "cpu": "256", "memory": "512", "containerDefinitions": containers}));
        assert_eq!(needs(&whole, None), (256, 512, 1));
    }

    #[test]
    fn res_3_ports_are_fixed_by_network_mode() {
        let mappings = json!([
            {"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}, {"containerPort": 82, "hostPort": 0},
            {"containerPort": 53, "hostPort": 53, "protocol": "udp"}, {"containerPortRange": "100-110"},
        ]);
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        for (mode, expected) in [
            ("bridge", vec![(tcp, 8080), (udp, 53)]),
            ("host", vec![(tcp, 80), (tcp, 81), (tcp, 82), (udp, 53)]),
            ("awsvpc", vec![]),
            ("none", vec![]),
        ] {
            let container = json!({"name": "a", "image": "i", "portMappings": mappings});
            let definition =
                definition(json!({"family": "f", "networkMode": mode, "containerDefinitions": [container]}));
            let ports: Vec<_> = demand(&definition, None).ports.iter().map(|one| (one.protocol, one.port)).collect();
            assert_eq!(ports, expected, "{mode}");
        }
    }

    fn definition(document: Value) -> TaskDefinition {
        let id = TaskDefinitionId { family: Family::parse("f").unwrap(), revision: 1 };
        TaskDefinition::from_document(id, Arc::new(document)).unwrap()
    }

    fn needs(definition: &TaskDefinition, overrides: Option<&TaskOverrides>) -> (u32, u32, u32) {
        let demand = demand(definition, overrides);
        (demand.cpu_units, demand.memory_mib, demand.gpus)
    }
}
