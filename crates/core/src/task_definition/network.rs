//! Network mode, ports and links (TD-30 to TD-41).

use super::document::{ContainerDocument, Document, given, integer, objects, text, texts};
use super::{Checked, DefinitionError, refuse};
use plimsoll_model::NetworkMode;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Port ranges of one container (TD-37).
const RANGES_MAX: usize = 100;

/// What has been claimed so far, over all containers of the definition.
#[derive(Default)]
struct Claims<'a> {
    static_host_ports: BTreeSet<(&'a str, i64)>,
    shared_ports: BTreeSet<(&'a str, i64)>,
    names: BTreeSet<&'a str>,
}

pub(super) fn check(document: &Document<'_>) -> Checked {
    let mode = document.network_mode();
    let mut claims = Claims::default();
    for container in document.containers() {
        check_mode(document, container, mode)?;
        check_ports(container, mode, &mut claims)?;
        for host in objects(container.members, "extraHosts") {
            if !given(host, "hostname") || !given(host, "ipAddress") {
                return refuse(format!(
                    "Container '{}': an extra host needs 'hostname' and 'ipAddress'.",
                    container.name()
                ));
            }
        }
    }
    Ok(())
}

/// What a network mode rules out (TD-35, TD-39, TD-40).
fn check_mode(document: &Document<'_>, container: ContainerDocument<'_>, mode: NetworkMode) -> Checked {
    let mode_name = mode.as_str();
    if mode == NetworkMode::None && given(container.members, "portMappings") {
        return refuse(format!(
            "Port mappings are not supported when networkMode=none. Container '{}'.",
            container.name()
        ));
    }
    if mode != NetworkMode::Bridge && given(container.members, "links") {
        return refuse(format!("Links are not supported when networkMode={mode_name}."));
    }
    if mode == NetworkMode::Awsvpc {
        for member in ["hostname", "extraHosts"] {
            if given(container.members, member) {
                return refuse(format!("{member} is not supported on container when networkMode=awsvpc."));
            }
        }
    }
    for link in texts(container.members, "links") {
        let target = link.split(':').next().unwrap_or_default();
        if target == container.name() || document.container(target).is_none() {
            return refuse(format!("Container '{}': link {link:?} names no other container.", container.name()));
        }
    }
    Ok(())
}

fn check_ports<'a>(container: ContainerDocument<'a>, mode: NetworkMode, claims: &mut Claims<'a>) -> Checked {
    let mut taken: Vec<(i64, i64)> = Vec::new();
    let mut ranges = 0;
    for mapping in objects(container.members, "portMappings") {
        let span = if given(mapping, "containerPortRange") {
            ranges += 1;
            check_range_mapping(container, mapping, mode)?
        } else {
            let port = check_single_mapping(container, mapping, mode, claims)?;
            (port, port)
        };
        if let Some(other) = taken.iter().find(|other| other.0 <= span.1 && span.0 <= other.1) {
            let ports = |(first, last): (i64, i64)| match first == last {
                true => first.to_string(),
                false => format!("{first}-{last}"),
            };
            let (name, before, again) = (container.name(), ports(*other), ports(span));
            return refuse(format!("Container '{name}': container ports {before} and {again} overlap."));
        }
        taken.push(span);
        check_name(container, mapping, claims)?;
    }
    if ranges > RANGES_MAX {
        return refuse(format!(
            "Container '{}': {ranges} container port ranges given, the maximum is {RANGES_MAX}.",
            container.name()
        ));
    }
    Ok(())
}

/// TD-31 to TD-34.
fn check_single_mapping<'a>(
    container: ContainerDocument<'a>,
    mapping: &'a Map<String, Value>,
    mode: NetworkMode,
    claims: &mut Claims<'a>,
) -> Result<i64, DefinitionError> {
    let name = container.name();
    let container_port = integer(mapping, "containerPort").unwrap_or(0);
    if !(1..=65_535).contains(&container_port) {
        return refuse(format!(
            "Invalid 'containerPort' setting for container '{name}'. {container_port} is not from 1 to 65535."
        ));
    }
    let host_port = integer(mapping, "hostPort");
    if host_port.is_some_and(|port| !(0..=65_535).contains(&port)) {
        return refuse(format!(
            "Invalid 'hostPort' setting for container '{name}'. {} is not from 0 to 65535.",
            host_port.unwrap_or(0)
        ));
    }
    let protocol = text(mapping, "protocol").unwrap_or("tcp");
    if mode == NetworkMode::Bridge {
        let fixed = host_port.unwrap_or(0);
        if fixed != 0 && !claims.static_host_ports.insert((protocol, fixed)) {
            return refuse(format!("Container '{name}': host port {fixed}/{protocol} is used more than once."));
        }
        return Ok(container_port);
    }
    if host_port.is_some_and(|port| port != container_port) {
        return refuse(format!(
            "When networkMode={}, the host ports and container ports in port mappings must match.",
            mode.as_str()
        ));
    }
    if !claims.shared_ports.insert((protocol, container_port)) {
        return refuse(format!(
            "Container '{name}': port {container_port}/{protocol} is used more than once; with networkMode={} the containers share one network.",
            mode.as_str()
        ));
    }
    Ok(container_port)
}

/// TD-37.
fn check_range_mapping(
    container: ContainerDocument<'_>,
    mapping: &Map<String, Value>,
    mode: NetworkMode,
) -> Result<(i64, i64), DefinitionError> {
    let name = container.name();
    let range = text(mapping, "containerPortRange").unwrap_or_default();
    let invalid =
        |why: &str| refuse(format!("Invalid 'containerPortRange' setting {range:?} for container '{name}': {why}."));
    if !matches!(mode, NetworkMode::Bridge | NetworkMode::Awsvpc) {
        return invalid("only network modes bridge and awsvpc support it");
    }
    if mapping.contains_key("hostPort") || mapping.contains_key("containerPort") {
        return invalid("it excludes hostPort and containerPort");
    }
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0).map(i64::from);
    let Some((first, last)) = range.split_once('-').and_then(|(first, last)| Some((port(first)?, port(last)?))) else {
        return invalid("the form is first-last with ports from 1 to 65535");
    };
    if first >= last {
        return invalid("the first port must be below the last");
    }
    Ok((first, last))
}

/// TD-38.
fn check_name<'a>(
    container: ContainerDocument<'a>,
    mapping: &'a Map<String, Value>,
    claims: &mut Claims<'a>,
) -> Checked {
    let Some(name) = text(mapping, "name") else { return Ok(()) };
    let charset = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !charset {
        return refuse(format!(
            "Container '{}': port mapping name {name:?} must be 1 to 64 of a-z, 0-9, '_' and '-', not beginning with '-'.",
            container.name()
        ));
    }
    if !claims.names.insert(name) {
        return refuse(format!("Port mapping name '{name}' is used more than once."));
    }
    Ok(())
}
