//! What the engine's answers say of a container.

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, ImageInspect, PortMap};
use plimsoll_core::node::AdoptedState;
use plimsoll_model::{NetworkBinding, Protocol};
use std::sync::Arc;

use crate::runtime::OUT_OF_MEMORY;

pub(super) fn state_of(inspected: &ContainerInspectResponse) -> AdoptedState {
    let state = inspected.state.clone().unwrap_or_default();
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) => AdoptedState::Created,
        Some(
            ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD | ContainerStateStatusEnum::REMOVING,
        ) => AdoptedState::Exited {
            exit_code: state.exit_code.and_then(|code| i32::try_from(code).ok()),
            reason: reason_of(state.oom_killed, state.error.as_deref()),
        },
        // Paused and restarting ones hold their resources like running ones.
        _ => AdoptedState::Running,
    }
}

/// How long the container has run, or ran the last time, by the engine's clock, which is this machine's.
pub(super) fn ran_ms(inspected: &ContainerInspectResponse) -> u64 {
    let state = inspected.state.as_ref();
    let time = |text: Option<&String>| text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let Some(started) = time(state.and_then(|state| state.started_at.as_ref())) else { return 0 };
    let ended = match state_of(inspected) {
        AdoptedState::Running => jiff::Timestamp::now(),
        AdoptedState::Created => return 0,
        AdoptedState::Exited { .. } => time(state.and_then(|state| state.finished_at.as_ref())).unwrap_or(started),
    };
    u64::try_from(ended.duration_since(started).as_millis()).unwrap_or(0)
}

fn reason_of(oom_killed: Option<bool>, error: Option<&str>) -> Option<Arc<str>> {
    if oom_killed == Some(true) {
        return Some(OUT_OF_MEMORY.into());
    }
    error.filter(|error| !error.is_empty()).map(Arc::from)
}

/// Published ports; in host mode the exposed ones, which are the host's own (TL-13).
pub(super) fn bindings_of(inspected: &ContainerInspectResponse) -> Vec<NetworkBinding> {
    let host_mode = inspected.host_config.as_ref().and_then(|host| host.network_mode.as_deref()) == Some("host");
    if host_mode {
        let config = inspected.config.as_ref();
        let exposed = config.and_then(|config| config.exposed_ports.as_ref()).into_iter().flatten();
        let own = exposed.filter_map(|port| port_and_protocol(port));
        return sorted(own.map(|(port, protocol)| NetworkBinding {
            bind_ip: "0.0.0.0".into(),
            container_port: port,
            host_port: port,
            protocol,
        }));
    }
    let settings = inspected.network_settings.as_ref();
    settings.and_then(|settings| settings.ports.as_ref()).map(published).unwrap_or_default()
}

fn published(ports: &PortMap) -> Vec<NetworkBinding> {
    let mut bindings = Vec::new();
    for (port, published) in ports {
        let Some((container_port, protocol)) = port_and_protocol(port) else { continue };
        for binding in published.iter().flatten() {
            let Some(host_port) = binding.host_port.as_deref().and_then(|port| port.parse().ok()) else { continue };
            let bind_ip = binding.host_ip.as_deref().unwrap_or("0.0.0.0").into();
            bindings.push(NetworkBinding { bind_ip, container_port, host_port, protocol });
        }
    }
    sorted(bindings.into_iter())
}

fn sorted(bindings: impl Iterator<Item = NetworkBinding>) -> Vec<NetworkBinding> {
    let mut bindings: Vec<_> = bindings.collect();
    bindings.sort_by(|one, other| {
        let key = |binding: &NetworkBinding| (binding.container_port, binding.protocol, binding.host_port);
        key(one).cmp(&key(other)).then_with(|| one.bind_ip.cmp(&other.bind_ip))
    });
    bindings
}

/// `80/tcp`
fn port_and_protocol(text: &str) -> Option<(u16, Protocol)> {
    let (port, protocol) = text.split_once('/')?;
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    Some((port.parse().ok()?, protocol))
}

/// The registry's digest. Images that never saw a registry have none.
pub(super) fn digest_of(image: &ImageInspect) -> Option<Arc<str>> {
    let digests = image.repo_digests.as_ref()?;
    digests.iter().find_map(|digest| digest.split_once('@')).map(|(_, digest)| digest.into())
}
