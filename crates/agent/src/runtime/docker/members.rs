//! Members of a task definition that only this runtime acts on, read from the ECS document.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerMembers {
    pub links: Vec<String>,
    pub mount_points: Vec<MountPoint>,
    pub volumes_from: Vec<VolumeFrom>,
    pub dns_servers: Vec<String>,
    pub dns_search_domains: Vec<String>,
    pub extra_hosts: Vec<ExtraHost>,
    pub ulimits: Vec<Ulimit>,
    pub docker_security_options: Vec<String>,
    pub system_controls: Vec<SystemControl>,
    pub log_configuration: Option<LogConfiguration>,
    pub linux_parameters: Option<LinuxParameters>,
    pub interactive: bool,
    pub pseudo_terminal: bool,
    pub disable_networking: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MountPoint {
    pub source_volume: String,
    pub container_path: String,
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeFrom {
    pub source_container: String,
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExtraHost {
    pub hostname: String,
    pub ip_address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ulimit {
    pub name: String,
    pub soft_limit: i64,
    pub hard_limit: i64,
}

#[derive(Deserialize)]
pub(super) struct SystemControl {
    pub namespace: String,
    pub value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogConfiguration {
    pub log_driver: String,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LinuxParameters {
    pub capabilities: Capabilities,
    pub devices: Vec<Device>,
    pub init_process_enabled: Option<bool>,
    /// MiB
    pub shared_memory_size: Option<i64>,
    /// MiB
    pub max_swap: Option<i64>,
    pub swappiness: Option<i64>,
    pub tmpfs: Vec<Tmpfs>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Capabilities {
    pub add: Vec<String>,
    pub drop: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Device {
    pub host_path: String,
    pub container_path: Option<String>,
    #[serde(default)]
    pub permissions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tmpfs {
    pub container_path: String,
    /// MiB
    pub size: i64,
    #[serde(default)]
    pub mount_options: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct TaskMembers {
    pub volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    pub name: String,
    pub host: Option<HostVolume>,
    pub docker_volume_configuration: Option<DockerVolume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HostVolume {
    pub source_path: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DockerVolume {
    pub scope: Option<String>,
    pub autoprovision: bool,
    pub driver: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

/// Members that are absent or null count as not given.
pub(super) fn read<T: for<'de> Deserialize<'de> + Default>(document: &Value) -> Result<T, serde_json::Error> {
    match document {
        Value::Object(members) => {
            let given = members.iter().filter(|(_, value)| !value.is_null());
            let given = given.map(|(name, value)| (name.clone(), value.clone())).collect();
            T::deserialize(Value::Object(given))
        }
        _ => Ok(T::default()),
    }
}
