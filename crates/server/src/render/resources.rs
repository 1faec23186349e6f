//! Resources of an instance: what it registered with, and what is left (RES-7).

use plimsoll_ecs_api::types;
use plimsoll_model::{PortClaim, Protocol, Resources, Usage};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn registered(resources: &Resources) -> Vec<types::Resource> {
    let ports = |protocol| port_texts(resources.reserved_ports.iter(), protocol);
    let gpus = resources.gpus.iter().map(|gpu| gpu.to_string()).collect();
    list(
        resources,
        resources.cpu_units.into(),
        resources.memory_mib.into(),
        [ports(Protocol::Tcp), ports(Protocol::Udp)],
        gpus,
    )
}

/// CPU and memory decrease, the port sets list what is taken and so grow, the GPU set lists what is free.
pub(super) fn remaining(
    resources: &Resources,
    usage: Usage,
    held_ports: &[PortClaim],
    held_gpus: &[Arc<str>],
) -> Vec<types::Resource> {
    let taken: BTreeSet<PortClaim> = resources.reserved_ports.iter().chain(held_ports).copied().collect();
    let ports = |protocol| port_texts(taken.iter(), protocol);
    let free = resources.gpus.iter().filter(|gpu| !held_gpus.contains(gpu)).map(|gpu| gpu.to_string()).collect();
    list(
        resources,
        u64::from(resources.cpu_units).saturating_sub(usage.cpu_units),
        u64::from(resources.memory_mib).saturating_sub(usage.memory_mib),
        [ports(Protocol::Tcp), ports(Protocol::Udp)],
        free,
    )
}

/// In the order ECS shows them.
fn list(
    resources: &Resources,
    cpu_units: u64,
    memory_mib: u64,
    [tcp, udp]: [Vec<String>; 2],
    gpus: Vec<String>,
) -> Vec<types::Resource> {
    let mut list =
        vec![integer("CPU", cpu_units), integer("MEMORY", memory_mib), set("PORTS", tcp), set("PORTS_UDP", udp)];
    if !resources.gpus.is_empty() {
        list.push(set("GPU", gpus));
    }
    list.extend(resources.others.iter().map(|(name, amount)| integer(name, u64::try_from(*amount).unwrap_or(0))));
    list
}

fn port_texts<'a>(claims: impl Iterator<Item = &'a PortClaim>, protocol: Protocol) -> Vec<String> {
    claims.filter(|claim| claim.protocol == protocol).map(|claim| claim.port.to_string()).collect()
}

/// All three number members are there whatever the type (W-11).
fn integer(name: &str, amount: u64) -> types::Resource {
    types::Resource {
        name: Some(name.into()),
        r#type: Some("INTEGER".into()),
        double_value: 0.0,
        long_value: 0,
        integer_value: i32::try_from(amount).unwrap_or(i32::MAX),
        string_set_value: None,
    }
}

fn set(name: &str, values: Vec<String>) -> types::Resource {
    types::Resource {
        name: Some(name.into()),
        r#type: Some("STRINGSET".into()),
        double_value: 0.0,
        long_value: 0,
        integer_value: 0,
        string_set_value: Some(values),
    }
}
