//! A task definition: the ECS document as registered, and the parts of it that decide something, read once.
//!
//! The document keeps every member of the ECS model, so that describing a definition gives back all of it; only what
//! placement and the node act on is interpreted here. Validation and defaulting happen before, in the core.

use crate::{LaunchType, Protocol, Tags, TaskDefinitionId, Timestamp, task::ecs_enum};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

ecs_enum!(TaskDefinitionStatus {
    Active = "ACTIVE",
    Inactive = "INACTIVE",
    DeleteInProgress = "DELETE_IN_PROGRESS",
});
ecs_enum!(NetworkMode { Bridge = "bridge", Host = "host", Awsvpc = "awsvpc", None = "none" });
ecs_enum!(DependencyCondition { Start = "START", Complete = "COMPLETE", Success = "SUCCESS", Healthy = "HEALTHY" });

#[derive(Debug, thiserror::Error)]
#[error("task definition {id} does not read as one")]
pub struct DocumentError {
    pub id: TaskDefinitionId,
    #[source]
    pub source: serde_json::Error,
}

#[derive(Clone, PartialEq, Debug)]
pub struct TaskDefinition {
    pub id: TaskDefinitionId,
    pub status: TaskDefinitionStatus,
    pub registered_at: Timestamp,
    pub deregistered_at: Option<Timestamp>,
    /// From then on it is DELETE_IN_PROGRESS, and it goes when no row names it (TD-80).
    pub delete_requested_at: Option<Timestamp>,
    pub registered_by: Arc<str>,
    pub tags: Tags,
    /// Attribute names an instance must have (TD-71), derived at registration.
    pub requires_attributes: Vec<Arc<str>>,
    /// Derived at registration (TD-70).
    pub compatibilities: Vec<LaunchType>,
    /// The members of RegisterTaskDefinition after defaulting (TD-60), by their ECS names, without `tags`.
    pub document: Arc<serde_json::Value>,

    // Read from the document.
    pub network_mode: NetworkMode,
    /// Task-level CPU units.
    pub cpu_units: Option<u32>,
    /// Task-level memory.
    pub memory_mib: Option<u32>,
    /// Expressions of its memberOf constraints, and those that follow from its platform.
    pub member_of: Vec<Arc<str>>,
    pub containers: Vec<ContainerSpec>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerSpec {
    pub name: Arc<str>,
    pub image: Arc<str>,
    #[serde(default)]
    pub cpu: u32,
    /// Hard limit, MiB.
    pub memory: Option<u32>,
    /// Soft limit, MiB.
    pub memory_reservation: Option<u32>,
    #[serde(default = "essential_by_default")]
    pub essential: bool,
    #[serde(default)]
    pub entry_point: Vec<String>,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default, deserialize_with = "environment")]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub port_mappings: Vec<PortMapping>,
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    /// Seconds; 2 to 120 (TD-48).
    pub start_timeout: Option<u32>,
    /// Seconds; 30 when absent (TD-48).
    pub stop_timeout: Option<u32>,
    pub health_check: Option<HealthCheck>,
    pub restart_policy: Option<RestartPolicy>,
    pub working_directory: Option<String>,
    pub user: Option<String>,
    pub hostname: Option<String>,
    #[serde(default)]
    pub privileged: bool,
    #[serde(default)]
    pub readonly_root_filesystem: bool,
    #[serde(default)]
    pub docker_labels: BTreeMap<String, String>,
    #[serde(default, rename = "resourceRequirements", deserialize_with = "gpus")]
    pub gpus: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// Absent when a range is given instead (TD-37).
    pub container_port: Option<u16>,
    /// 0 or absent: the node picks one (TD-33).
    #[serde(default)]
    pub host_port: u16,
    #[serde(default = "tcp")]
    pub protocol: Protocol,
    pub container_port_range: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    pub container_name: Arc<str>,
    pub condition: DependencyCondition,
}

/// Seconds throughout; absent members take the defaults of TD-49.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    pub command: Vec<String>,
    #[serde(default = "health_interval")]
    pub interval: u32,
    #[serde(default = "health_timeout")]
    pub timeout: u32,
    #[serde(default = "health_retries")]
    pub retries: u32,
    #[serde(default)]
    pub start_period: u32,
}

impl HealthCheck {
    /// The command with its kind in front: `CMD` executes it, `CMD-SHELL` gives it to a shell. Without either it is
    /// executed (TD-49).
    pub fn test(&self) -> Vec<String> {
        let kind_given = self.command.first().is_some_and(|first| first == "CMD" || first == "CMD-SHELL");
        let kind = (!kind_given).then(|| "CMD".to_owned());
        kind.into_iter().chain(self.command.iter().cloned()).collect()
    }
}

/// When a container that exits by itself is started again instead of ending (TD-50).
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartPolicy {
    pub enabled: bool,
    #[serde(default)]
    pub ignored_exit_codes: Vec<i32>,
    /// Seconds it must have run.
    #[serde(default = "restart_attempt_period")]
    pub restart_attempt_period: u32,
}

/// The parts of the document outside its containers that decide something.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interpreted {
    network_mode: Option<NetworkMode>,
    cpu: Option<String>,
    memory: Option<String>,
    #[serde(default)]
    placement_constraints: Vec<Constraint>,
    runtime_platform: Option<RuntimePlatform>,
    container_definitions: Vec<ContainerSpec>,
}

#[derive(Deserialize)]
struct Constraint {
    expression: Option<Arc<str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RuntimePlatform {
    cpu_architecture: Option<String>,
    operating_system_family: Option<String>,
}

impl RuntimePlatform {
    /// Instances that do not say what they are, are taken to be right.
    fn constraints(&self) -> impl Iterator<Item = Arc<str>> + use<> {
        let is = |attribute: &str, value: &str| -> Arc<str> {
            format!("attribute:{attribute} !exists or attribute:{attribute} == {value}").into()
        };
        let architecture =
            self.cpu_architecture.as_ref().map(|one| is("ecs.cpu-architecture", &one.to_ascii_lowercase()));
        let system = self.operating_system_family.as_ref().map(|family| {
            let windows = family.starts_with("WINDOWS");
            is("ecs.os-type", if windows { "windows" } else { "linux" })
        });
        architecture.into_iter().chain(system)
    }
}

#[derive(Deserialize)]
struct KeyValue {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct ResourceRequirement {
    r#type: String,
    value: String,
}

impl TaskDefinition {
    /// Reads a validated, defaulted document. The caller fills in what is not part of the document.
    pub fn from_document(id: TaskDefinitionId, document: Arc<serde_json::Value>) -> Result<Self, DocumentError> {
        let interpreted =
            Interpreted::deserialize(&*document).map_err(|source| DocumentError { id: id.clone(), source })?;
        let number = |text: &String| text.parse::<u32>().ok();
        let constraints = interpreted.placement_constraints.into_iter().filter_map(|one| one.expression);
        let platform = interpreted.runtime_platform.unwrap_or_default();
        let constraints = constraints.chain(platform.constraints());
        Ok(TaskDefinition {
            id,
            status: TaskDefinitionStatus::Active,
            registered_at: Timestamp::ZERO,
            deregistered_at: None,
            delete_requested_at: None,
            registered_by: "".into(),
            tags: Tags::new(),
            requires_attributes: Vec::new(),
            compatibilities: Vec::new(),
            network_mode: interpreted.network_mode.unwrap_or(NetworkMode::Bridge),
            cpu_units: interpreted.cpu.as_ref().and_then(number),
            memory_mib: interpreted.memory.as_ref().and_then(number),
            member_of: constraints.collect(),
            containers: interpreted.container_definitions,
            document,
        })
    }

    pub fn container(&self, name: &str) -> Option<&ContainerSpec> {
        self.containers.iter().find(|container| &*container.name == name)
    }
}

fn essential_by_default() -> bool {
    true
}

fn tcp() -> Protocol {
    Protocol::Tcp
}

fn health_interval() -> u32 {
    30
}

fn health_timeout() -> u32 {
    5
}

fn health_retries() -> u32 {
    3
}

fn restart_attempt_period() -> u32 {
    300
}

/// Duplicates: the last one wins (TD-54).
fn environment<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let pairs = Vec::<KeyValue>::deserialize(deserializer)?;
    Ok(pairs.into_iter().map(|pair| (pair.name, pair.value)).collect())
}

fn gpus<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let requirements = Vec::<ResourceRequirement>::deserialize(deserializer)?;
    let gpu_values = requirements.iter().filter(|one| one.r#type == "GPU");
    Ok(gpu_values.filter_map(|one| one.value.parse::<u32>().ok()).fold(0, u32::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Family;

    #[test]
    fn a_health_check_without_a_kind_is_executed_td_49() {
        for (command, test) in [
            (vec!["CMD-SHELL", "true"], vec!["CMD-SHELL", "true"]),
            (vec!["CMD", "a", "b"], vec!["CMD", "a", "b"]),
            (vec!["a", "CMD"], vec!["CMD", "a", "CMD"]),
            (vec!["NONE"], vec!["CMD", "NONE"]),
        ] {
            let check: HealthCheck = serde_json::from_value(serde_json::json!({"command": command})).unwrap();
            assert_eq!(check.test(), test);
        }
    }

    #[test]
    fn a_platform_is_a_constraint_td_72() {
        let document = serde_json::json!({
            "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
            "containerDefinitions": [{"name": "a", "image": "busybox"}],
        });
        let id = TaskDefinitionId { family: Family::parse("web").unwrap(), revision: 1 };
        let definition = TaskDefinition::from_document(id, Arc::new(document)).unwrap();
        let architecture = "attribute:ecs.cpu-architecture !exists or attribute:ecs.cpu-architecture == arm64";
        let system = "attribute:ecs.os-type !exists or attribute:ecs.os-type == linux";
        assert_eq!(definition.member_of, [Arc::from(architecture), Arc::from(system)]);
    }

    #[test]
    fn a_document_is_kept_whole_and_read_in_part() {
        let document = serde_json::json!({
            "family": "web", "cpu": "256",
            "containerDefinitions": [{
                "name": "a", "image": "busybox", "memory": 64, "environment": [{"name": "X", "value": "1"}],
                "portMappings": [{"containerPort": 80}], "links": ["b"],
                "resourceRequirements": [{"type": "GPU", "value": "2"}],
            }],
        });
        let id = TaskDefinitionId { family: Family::parse("web").unwrap(), revision: 3 };
        let definition = TaskDefinition::from_document(id, Arc::new(document.clone())).unwrap();
        assert_eq!(*definition.document, document);
        assert_eq!(definition.cpu_units, Some(256));
        let container = &definition.containers[0];
        assert_eq!((container.essential, container.gpus, container.memory), (true, 2, Some(64)));
        assert_eq!(container.port_mappings[0].host_port, 0);
        assert_eq!(container.environment["X"], "1");
    }
}
