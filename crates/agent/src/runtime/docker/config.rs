//! A container of a definition in the engine's words. Pure: it names what must exist and creates nothing.
//!
//! Limits of a task as a whole bind each of its containers by itself: the engine knows no tasks.

use super::health::health_config;
use super::labels::{CONTAINER, DEFINITION, INDEX};
use super::members::{self, ContainerMembers, LinuxParameters, MountPoint, TaskMembers, Volume};
use crate::runtime::launch::Launch;
use bollard::models::{
    ContainerCreateBody, DeviceMapping, HostConfig, HostConfigLogConfig, PortBinding, PortMap, ResourcesUlimits,
    VolumeCreateRequest,
};
use plimsoll_core::node::{ContainerRef, LaunchSpec};
use plimsoll_model::{NetworkBinding, NetworkMode, TaskId};
use std::collections::HashMap;

const MIB: i64 = 1 << 20;
/// The least the engine accepts, and what ECS agents pass for 0 and 1 (TD-10).
const CPU_SHARES_MIN: i64 = 2;
/// Where ports are published.
const ANY_ADDRESS: &str = "0.0.0.0";
/// Of a family's or container's name, in a container's name.
const NAME_PART_CHARS: usize = 40;

pub(super) struct Config {
    pub name: String,
    pub body: ContainerCreateBody,
    /// Must exist before the container is created.
    pub volumes: Vec<VolumeCreateRequest>,
    /// Volumes that must be there already (TD-64).
    pub volumes_expected: Vec<String>,
    /// Where its ports will be found. `None`: the engine picks some of them.
    pub bindings: Option<Vec<NetworkBinding>>,
}

/// `labels`: those of the task. The error is the reason without its class.
pub(super) fn config(
    container: ContainerRef,
    spec: &LaunchSpec,
    labels: HashMap<String, String>,
) -> Result<Config, String> {
    let launch = Launch::new(spec, container.index)
        .ok_or_else(|| format!("definition {} has no container {}", spec.definition.id, container.index))?;
    let unreadable = |error| format!("definition {}: {error}", spec.definition.id);
    let own: ContainerMembers = members::read(launch.document).map_err(unreadable)?;
    let task: TaskMembers = members::read(&spec.definition.document).map_err(unreadable)?;
    let Mounts { binds, volumes, volumes_expected } = mounts(&own.mount_points, &task.volumes, spec.task, &labels)?;
    let host_config = host_config(spec, &launch, &own, binds)?;
    Ok(Config {
        name: container_name(spec, &launch.container.name),
        body: body(container, spec, &launch, &own, labels, host_config),
        volumes,
        volumes_expected,
        bindings: bindings(spec.definition.network_mode, &launch),
    })
}

fn body(
    container: ContainerRef,
    spec: &LaunchSpec,
    launch: &Launch<'_>,
    own: &ContainerMembers,
    task_labels: HashMap<String, String>,
    host_config: HostConfig,
) -> ContainerCreateBody {
    // Ours last: a definition cannot pass a container off as another's.
    let mut labels: HashMap<String, String> = launch.container.docker_labels.clone().into_iter().collect();
    labels.extend(task_labels);
    labels.insert(CONTAINER.to_owned(), launch.container.name.as_ref().to_owned());
    labels.insert(INDEX.to_owned(), container.index.to_string());
    labels.insert(DEFINITION.to_owned(), spec.definition.id.to_string());
    ContainerCreateBody {
        image: Some(launch.container.image.as_ref().to_owned()),
        hostname: launch.container.hostname.clone(),
        user: launch.container.user.clone(),
        working_dir: launch.container.working_directory.clone(),
        env: Some(launch.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        entrypoint: some_if_any(launch.container.entry_point.clone()),
        cmd: some_if_any(launch.command.to_vec()),
        tty: Some(own.pseudo_terminal),
        open_stdin: Some(own.interactive),
        network_disabled: Some(own.disable_networking),
        exposed_ports: some_if_any(exposed_ports(launch)),
        healthcheck: launch.container.health_check.as_ref().map(health_config),
        labels: Some(labels),
        host_config: Some(host_config),
        ..Default::default()
    }
}

fn host_config(
    spec: &LaunchSpec,
    launch: &Launch<'_>,
    own: &ContainerMembers,
    binds: Vec<String>,
) -> Result<HostConfig, String> {
    let mode = spec.definition.network_mode;
    let network_mode = match mode {
        NetworkMode::Bridge => "bridge",
        NetworkMode::Host => "host",
        NetworkMode::None => "none",
        NetworkMode::Awsvpc => return Err("network mode awsvpc is not supported by this agent".to_owned()),
    };
    let mut host = HostConfig {
        network_mode: Some(network_mode.to_owned()),
        port_bindings: (mode == NetworkMode::Bridge).then(|| port_bindings(launch)),
        cpu_shares: Some(i64::from(launch.cpu_units).max(CPU_SHARES_MIN)),
        nano_cpus: launch.task_cpu_units.map(|units| i64::from(units) * 1_000_000_000 / 1024),
        memory: launch.memory_limit_mib().map(|mib| i64::from(mib) * MIB),
        memory_reservation: launch.memory_reservation_mib.map(|mib| i64::from(mib) * MIB),
        privileged: Some(launch.container.privileged),
        readonly_rootfs: Some(launch.container.readonly_root_filesystem),
        binds: some_if_any(binds),
        volumes_from: some_if_any(volumes_from(spec, own)),
        links: some_if_any(links(spec, own)),
        dns: some_if_any(own.dns_servers.clone()),
        dns_search: some_if_any(own.dns_search_domains.clone()),
        extra_hosts: some_if_any(
            own.extra_hosts.iter().map(|host| format!("{}:{}", host.hostname, host.ip_address)).collect(),
        ),
        ulimits: some_if_any(own.ulimits.iter().map(ulimit).collect()),
        security_opt: some_if_any(own.docker_security_options.clone()),
        sysctls: some_if_any_pair(own.system_controls.iter().map(|one| (one.namespace.clone(), one.value.clone()))),
        log_config: own.log_configuration.as_ref().map(|log| HostConfigLogConfig {
            typ: Some(log.log_driver.clone()),
            config: Some(log.options.clone().into_iter().collect()),
        }),
        ..Default::default()
    };
    if let Some(linux) = &own.linux_parameters {
        linux_parameters(&mut host, linux);
    }
    Ok(host)
}

fn linux_parameters(host: &mut HostConfig, linux: &LinuxParameters) {
    host.cap_add = some_if_any(linux.capabilities.add.clone());
    host.cap_drop = some_if_any(linux.capabilities.drop.clone());
    host.init = linux.init_process_enabled;
    host.shm_size = linux.shared_memory_size.map(|mib| mib * MIB);
    host.memory_swappiness = linux.swappiness.filter(|_| linux.max_swap.is_some());
    // The engine counts memory and swap together.
    host.memory_swap = linux.max_swap.zip(host.memory).map(|(swap_mib, memory)| memory + swap_mib * MIB);
    host.tmpfs = some_if_any_pair(linux.tmpfs.iter().map(|tmpfs| {
        let size = format!("size={}", tmpfs.size * MIB);
        let options = tmpfs.mount_options.iter().cloned().chain([size]).collect::<Vec<_>>();
        (tmpfs.container_path.clone(), options.join(","))
    }));
    let devices = linux.devices.iter().map(|device| {
        let letters = device.permissions.iter().map(|permission| match permission.as_str() {
            "read" => "r",
            "write" => "w",
            _ => "m",
        });
        let permissions: String = letters.collect();
        DeviceMapping {
            path_on_host: Some(device.host_path.clone()),
            path_in_container: Some(device.container_path.clone().unwrap_or_else(|| device.host_path.clone())),
            cgroup_permissions: Some(if permissions.is_empty() { "rwm".to_owned() } else { permissions }),
        }
    });
    host.devices = some_if_any(devices.collect());
}

/// The names of ulimits are the same on both sides.
fn ulimit(limit: &members::Ulimit) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(limit.name.clone()), soft: Some(limit.soft_limit), hard: Some(limit.hard_limit) }
}

/// In host mode nothing is published; exposing keeps the ports readable from the container itself.
fn exposed_ports(launch: &Launch<'_>) -> Vec<String> {
    let mappings = launch.container.port_mappings.iter();
    mappings.filter_map(|one| Some(format!("{}/{}", one.container_port?, one.protocol.as_str()))).collect()
}

/// TL-13: in host mode the container's own ports are the host's.
fn bindings(mode: NetworkMode, launch: &Launch<'_>) -> Option<Vec<NetworkBinding>> {
    let mappings = launch.container.port_mappings.iter().filter_map(|one| Some((one, one.container_port?)));
    let bindings = mappings.map(|(mapping, container_port)| {
        let host_port = if mode == NetworkMode::Bridge { mapping.host_port } else { container_port };
        let protocol = mapping.protocol;
        (host_port != 0).then(|| NetworkBinding { bind_ip: ANY_ADDRESS.into(), container_port, host_port, protocol })
    });
    if mode == NetworkMode::None { Some(Vec::new()) } else { bindings.collect() }
}

/// Host port 0 or absent: the engine picks one (TD-33).
fn port_bindings(launch: &Launch<'_>) -> PortMap {
    let mut ports = PortMap::new();
    for mapping in &launch.container.port_mappings {
        let Some(port) = mapping.container_port else { continue };
        let host_port = if mapping.host_port == 0 { String::new() } else { mapping.host_port.to_string() };
        let binding = PortBinding { host_ip: Some(ANY_ADDRESS.to_owned()), host_port: Some(host_port) };
        let bindings = ports.entry(format!("{port}/{}", mapping.protocol.as_str())).or_default();
        bindings.get_or_insert_default().push(binding);
    }
    ports
}

fn volumes_from(spec: &LaunchSpec, own: &ContainerMembers) -> Vec<String> {
    let mode = |read_only| if read_only { "ro" } else { "rw" };
    let sources = own.volumes_from.iter();
    sources
        .map(|source| format!("{}:{}", container_name(spec, &source.source_container), mode(source.read_only)))
        .collect()
}

/// `name` or `name:alias` (TD-39), by the names the engine knows.
fn links(spec: &LaunchSpec, own: &ContainerMembers) -> Vec<String> {
    let split = own.links.iter().map(|link| link.split_once(':').unwrap_or((link, link)));
    split.map(|(name, alias)| format!("{}:{alias}", container_name(spec, name))).collect()
}

#[derive(Default)]
struct Mounts {
    binds: Vec<String>,
    volumes: Vec<VolumeCreateRequest>,
    volumes_expected: Vec<String>,
}

/// Binds of the container, and the volumes they need.
fn mounts(
    mount_points: &[MountPoint],
    volumes: &[Volume],
    task: TaskId,
    labels: &HashMap<String, String>,
) -> Result<Mounts, String> {
    let mut mounts = Mounts::default();
    for mount in mount_points {
        let volume = volumes.iter().find(|volume| volume.name == mount.source_volume);
        let volume = volume.ok_or_else(|| format!("Unknown volume '{}'.", mount.source_volume))?;
        let docker = volume.docker_volume_configuration.as_ref();
        let host_path = volume.host.as_ref().and_then(|host| host.source_path.as_deref());
        let source = match (host_path, docker) {
            (Some(path), _) => path.to_owned(),
            (None, Some(docker)) if docker.scope.as_deref() == Some("shared") => {
                if docker.autoprovision {
                    // Without the labels of the task: it outlives it.
                    mounts.volumes.push(volume_request(&volume.name, Some(docker), &HashMap::new()));
                } else {
                    mounts.volumes_expected.push(volume.name.clone());
                }
                volume.name.clone()
            }
            (None, docker) => {
                let name = format!("plimsoll-{task}-{}", volume.name);
                mounts.volumes.push(volume_request(&name, docker, labels));
                name
            }
        };
        let mode = if mount.read_only { "ro" } else { "rw" };
        mounts.binds.push(format!("{source}:{}:{mode}", mount.container_path));
    }
    Ok(mounts)
}

fn volume_request(
    name: &str,
    docker: Option<&members::DockerVolume>,
    task_labels: &HashMap<String, String>,
) -> VolumeCreateRequest {
    let mut labels: HashMap<String, String> = HashMap::new();
    labels.extend(docker.into_iter().flat_map(|docker| docker.labels.clone()));
    labels.extend(task_labels.clone());
    VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: docker.and_then(|docker| docker.driver.clone()),
        driver_opts: docker.map(|docker| docker.driver_opts.clone().into_iter().collect()),
        labels: Some(labels),
        ..Default::default()
    }
}

/// Readable in `docker ps`, and the same every time: a second create finds the first one's container by it.
pub(super) fn container_name(spec: &LaunchSpec, container: &str) -> String {
    let short = |text: &str| text.chars().take(NAME_PART_CHARS).collect::<String>();
    let definition = &spec.definition.id;
    let task = spec.task.to_string();
    format!(
        "plimsoll-{}-{}-{}-{}",
        short(definition.family.as_str()),
        definition.revision,
        short(container),
        short(&task).chars().take(12).collect::<String>()
    )
}

fn some_if_any<T>(items: Vec<T>) -> Option<Vec<T>> {
    if items.is_empty() { None } else { Some(items) }
}

fn some_if_any_pair(pairs: impl Iterator<Item = (String, String)>) -> Option<HashMap<String, String>> {
    let map: HashMap<_, _> = pairs.collect();
    if map.is_empty() { None } else { Some(map) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Family, TaskDefinition, TaskDefinitionId, TaskOverrides};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn spec(document: Value) -> LaunchSpec {
        let id = TaskDefinitionId { family: Family::parse("web").unwrap(), revision: 3 };
        LaunchSpec {
            task: TaskId::from_u128(0xabc << 100),
            cluster: "default".into(),
            group: "family:web".into(),
            definition: Arc::new(TaskDefinition::from_document(id, Arc::new(document)).unwrap()),
            overrides: None,
            gpus: Vec::new(),
        }
    }

    fn config_of(spec: &LaunchSpec, index: usize) -> Config {
        config(ContainerRef { task: spec.task, index }, spec, HashMap::new()).unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn sizes_reach_the_engine_in_its_units() {
        let spec = spec(json!({"cpu": "512", "memory": "100", "containerDefinitions": [
            {"name": "a", "image": "busybox", "cpu": 1, "memory": 64, "memoryReservation": 32},
            {"name": "b", "image": "busybox", "cpu": 256},
        ]}));
        let first = config_of(&spec, 0).body.host_config.unwrap();
        assert_eq!((first.memory, first.memory_reservation), (Some(64 * MIB), Some(32 * MIB)));
        assert_eq!(first.cpu_shares, Some(2), "TD-10");
        let second = config_of(&spec, 1).body.host_config.unwrap();
        assert_eq!((second.memory, second.cpu_shares), (Some(100 * MIB), Some(256)), "the task's limit binds");
        assert_eq!(second.nano_cpus, Some(500_000_000));
    }

    #[test]
    fn overrides_replace_the_command_and_merge_the_environment() {
        let mut spec = spec(json!({"containerDefinitions": [{
            "name": "a", "image": "busybox", "memory": 64, "command": ["old"],
            "environment": [{"name": "X", "value": "1"}, {"name": "Y", "value": "1"}],
        }]}));
        let overrides = json!({"containers": [{"name": "a", "command": ["new"], "environment": {"Y": "2"}}]});
        spec.overrides = Some(Arc::new(serde_json::from_value::<TaskOverrides>(overrides).unwrap()));
        let body = config_of(&spec, 0).body;
        assert_eq!(body.cmd, Some(vec!["new".to_owned()]), "RUN-4");
        assert_eq!(body.env, Some(vec!["X=1".to_owned(), "Y=2".to_owned()]));
    }

    #[test]
    fn volumes_become_host_paths_or_volumes_of_the_task() {
        let spec = spec(json!({
            "volumes": [{"name": "host", "host": {"sourcePath": "/srv"}}, {"name": "own"}, {"name": "v", "host": {}}],
            "containerDefinitions": [{"name": "a", "image": "busybox", "memory": 64, "mountPoints": [
                {"sourceVolume": "host", "containerPath": "/h", "readOnly": true},
                {"sourceVolume": "own", "containerPath": "/o"},
            ]}],
        }));
        let config = config_of(&spec, 0);
        let volume = format!("plimsoll-{}-own", spec.task);
        let binds = config.body.host_config.unwrap().binds.unwrap();
        assert_eq!(binds, ["/srv:/h:ro".to_owned(), format!("{volume}:/o:rw")]);
        assert_eq!(config.volumes.len(), 1);
        assert_eq!(config.volumes[0].name.as_deref(), Some(&*volume));
    }

    #[test]
    fn ports_are_published_in_bridge_mode_only() {
        let ports = json!([{"containerPort": 80}, {"containerPort": 53, "hostPort": 5353, "protocol": "udp"}]);
        for (mode, published) in [("bridge", true), ("host", false)] {
            let spec = spec(json!({"networkMode": mode, "containerDefinitions": [
                {"name": "a", "image": "busybox", "memory": 64, "portMappings": ports, "links": ["b:c"]}
            ]}));
            let config = config_of(&spec, 0);
            let host = config.body.host_config.unwrap();
            assert_eq!(host.network_mode.as_deref(), Some(mode));
            assert_eq!(config.body.exposed_ports.unwrap(), ["80/tcp", "53/udp"]);
            assert_eq!(host.links.unwrap(), ["plimsoll-web-3-b-0000abc00000:c"]);
            let Some(bindings) = host.port_bindings else {
                assert!(!published);
                continue;
            };
            let host_port = |port: &str| bindings[port].as_ref().unwrap()[0].host_port.clone().unwrap();
            assert_eq!((host_port("80/tcp").as_str(), host_port("53/udp").as_str()), ("", "5353"), "TD-33");
        }
    }

    #[test]
    fn a_definition_cannot_forge_our_labels() {
        let spec = spec(json!({"containerDefinitions": [{
            "name": "a", "image": "busybox", "memory": 64,
            "dockerLabels": {"plimsoll.index": "9", "mine": "x"},
        }]}));
        let labels = config_of(&spec, 0).body.labels.unwrap();
        assert_eq!((labels["plimsoll.index"].as_str(), labels["mine"].as_str()), ("0", "x"));
        assert_eq!(labels["plimsoll.definition"], "web:3");
    }

    #[test]
    fn what_is_not_supported_is_said() {
        let spec = spec(json!({"networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "b"}]}));
        let refused = config(ContainerRef { task: spec.task, index: 0 }, &spec, HashMap::new());
        assert!(refused.is_err_and(|why| why.contains("awsvpc")));
    }
}
