//! What a node registers with: how large the machine is, what it is, and what its runtime really can do.

use crate::Error;
use crate::runtime::RuntimeKind;
use crate::settings::{AgentSettings, SimulatedSettings};
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_model::{Attribute, PortClaim, Protocol, Resources, Tags, VersionInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// ssh, the Docker daemon's TCP ports, and the Amazon agent's own: nothing is placed on them.
const RESERVED_TCP_PORTS: [u16; 6] = [22, 2375, 2376, 51678, 51679, 51680];

/// Measured memory is rounded down to a multiple of this: it differs a little from one kernel to the next, and a node
/// that comes back with another size is refused (CI-3).
const MEMORY_STEP_MIB: u32 = 64;

/// What is true of the runtime and not of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub kind: RuntimeKind,
    /// Names of capability attributes (TD-71, TD-72).
    pub capabilities: BTreeSet<String>,
    pub engine_version: Option<String>,
}

pub(crate) fn of_machine(settings: &AgentSettings, offer: &Offer) -> Result<RegisterContainerInstance, Error> {
    let machine = &settings.machine;
    let cpu_units = match machine.cpu_units {
        Some(given) => given,
        None => measured_cpu_units()?,
    };
    let memory_mib = match machine.memory_mib {
        Some(given) => given,
        None => {
            let memory_mib = measured_memory_mib()?.saturating_sub(machine.memory_reserve_mib);
            memory_mib - memory_mib % MEMORY_STEP_MIB
        }
    };
    let zone = machine.availability_zone.as_deref().unwrap_or("local");
    Ok(registration(settings, offer, Size { cpu_units, memory_mib, zone }))
}

pub(crate) fn of_simulated(
    settings: &AgentSettings,
    simulated: &SimulatedSettings,
    offer: &Offer,
    node: u32,
) -> RegisterContainerInstance {
    let zone = format!("zone-{}", node % simulated.zones + 1);
    let size = Size { cpu_units: simulated.cpu_units, memory_mib: simulated.memory_mib, zone: &zone };
    registration(settings, offer, size)
}

struct Size<'a> {
    cpu_units: u32,
    memory_mib: u32,
    zone: &'a str,
}

fn registration(settings: &AgentSettings, offer: &Offer, size: Size<'_>) -> RegisterContainerInstance {
    let instance_type = settings.machine.instance_type.clone();
    let instance_type =
        instance_type.unwrap_or_else(|| format!("plimsoll.{}x{}", size.cpu_units / 1024, size.memory_mib / 1024));
    let mut attributes: BTreeMap<Arc<str>, Option<Arc<str>>> = BTreeMap::new();
    for (name, value) in [
        ("ecs.os-type", "linux"),
        ("ecs.os-family", "LINUX"),
        ("ecs.cpu-architecture", architecture()),
        ("ecs.availability-zone", size.zone),
        ("ecs.instance-type", &*instance_type),
        ("plimsoll.runtime", offer.kind.as_str()),
    ] {
        attributes.insert(name.into(), Some(value.into()));
    }
    attributes.extend(offer.capabilities.iter().map(|name| (Arc::from(name.as_str()), None)));
    for (name, value) in &settings.attributes {
        attributes.insert(name.as_str().into(), value.as_deref().map(Arc::from));
    }
    let reserved_ports = RESERVED_TCP_PORTS.map(|port| PortClaim { protocol: Protocol::Tcp, port }).into();
    RegisterContainerInstance {
        instance: None,
        resources: Resources {
            cpu_units: size.cpu_units,
            memory_mib: size.memory_mib,
            reserved_ports,
            gpus: BTreeSet::new(),
            others: BTreeMap::new(),
        },
        attributes: attributes.into_iter().map(|(name, value)| (name, Attribute { value, custom: false })).collect(),
        version_info: VersionInfo {
            agent_version: Some(env!("CARGO_PKG_VERSION").into()),
            agent_hash: None,
            docker_version: offer.engine_version.as_ref().map(|version| format!("DockerVersion: {version}").into()),
        },
        ec2_instance_id: None,
        tags: Tags::new(),
    }
}

/// The name ECS has for it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

fn measured_cpu_units() -> Result<u32, Error> {
    let unreadable = Error::Machine { what: "the number of cores", path: "/proc/self/status" };
    let cores = std::thread::available_parallelism().map_err(|_| unreadable)?;
    Ok(u32::try_from(cores.get()).unwrap_or(u32::MAX).saturating_mul(1024))
}

fn measured_memory_mib() -> Result<u32, Error> {
    const PATH: &str = "/proc/meminfo";
    let kib = std::fs::read_to_string(PATH).ok().and_then(|text| total_memory_kib(&text));
    let kib = kib.ok_or(Error::Machine { what: "the memory", path: PATH })?;
    Ok(u32::try_from(kib / 1024).unwrap_or(u32::MAX))
}

fn total_memory_kib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

pub(crate) const CAPABILITY: &str = "com.amazonaws.ecs.capability";

/// Every capability a definition can ask for (TD-71) that has nothing to do with a cloud: a simulated node pretends
/// to all of them, because nothing runs on it.
pub(crate) fn everything_local() -> BTreeSet<String> {
    let mut names: BTreeSet<String> = [
        "ecs.capability.task-eni",
        "ecs.capability.task-cpu-mem-limit",
        "ecs.capability.container-ordering",
        "ecs.capability.container-health-check",
        "ecs.capability.container-restart-policy",
        "ecs.capability.pid-ipc-namespace-sharing",
        "ecs.capability.network.container-port-range",
        "ecs.capability.docker-plugin.local",
        "ecs.capability.gpu",
    ]
    .map(str::to_owned)
    .into();
    let local = ["privileged-container", "apparmor", "selinux", "task-iam-role", "task-iam-role-network-host"];
    names.extend(local.map(|name| format!("{CAPABILITY}.{name}")));
    names.extend((17..=44).map(|minor| format!("{CAPABILITY}.docker-remote-api.1.{minor}")));
    let drivers = ["json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens"];
    names.extend(drivers.map(|driver| format!("{CAPABILITY}.logging-driver.{driver}")));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RuntimeChoice;

    #[test]
    fn total_memory_is_read_from_the_kernels_text() {
        assert_eq!(total_memory_kib("MemTotal:       16384000 kB\nMemFree: 1 kB\n"), Some(16_384_000));
        assert_eq!(total_memory_kib("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn given_attributes_win_over_built_in_ones() {
        let mut settings = AgentSettings::new("http://localhost:1", "default", RuntimeChoice::Process);
        settings.machine.cpu_units = Some(512);
        settings.machine.memory_mib = Some(1024);
        settings.attributes.insert("ecs.availability-zone".to_owned(), Some("rack-7".to_owned()));
        let offer = Offer { kind: RuntimeKind::Process, capabilities: BTreeSet::new(), engine_version: None };
        let registration = of_machine(&settings, &offer).unwrap();
        let zone = &registration.attributes["ecs.availability-zone"];
        assert_eq!((zone.value.as_deref(), zone.custom), (Some("rack-7"), false));
        assert_eq!(registration.attributes["ecs.os-type"].value.as_deref(), Some("linux"), "ATTR-6");
        assert_eq!((registration.resources.cpu_units, registration.resources.memory_mib), (512, 1024));
        assert_eq!(registration.resources.reserved_ports.len(), 6);
    }
}
