//! One container of a task as it is to be started: the definition with the task's overrides over it (RUN-4).

use plimsoll_core::node::LaunchSpec;
use plimsoll_model::{ContainerSpec, TaskDefinition};
use serde_json::Value;
use std::collections::BTreeMap;

pub(crate) struct Launch<'a> {
    pub container: &'a ContainerSpec,
    pub command: &'a [String],
    pub environment: BTreeMap<&'a str, &'a str>,
    pub cpu_units: u32,
    /// The container's own hard limit.
    pub memory_mib: Option<u32>,
    pub memory_reservation_mib: Option<u32>,
    /// Of the whole task.
    pub task_cpu_units: Option<u32>,
    pub task_memory_mib: Option<u32>,
    /// The container's own part of the ECS document: members that decide nothing are read from here.
    pub document: &'a Value,
}

impl<'a> Launch<'a> {
    /// `None`: the definition has no container at this position.
    pub(crate) fn new(spec: &'a LaunchSpec, index: usize) -> Option<Self> {
        let definition: &TaskDefinition = &spec.definition;
        let container = definition.containers.get(index)?;
        let task = spec.overrides.as_deref();
        let own = task.and_then(|task| task.containers.iter().find(|one| one.name == container.name));
        let mut environment: BTreeMap<&str, &str> =
            container.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        environment.extend(
            own.into_iter().flat_map(|own| &own.environment).map(|(name, value)| (name.as_str(), value.as_str())),
        );
        Some(Launch {
            container,
            command: own.and_then(|own| own.command.as_deref()).unwrap_or(&container.command),
            environment,
            cpu_units: own.and_then(|own| own.cpu_units).unwrap_or(container.cpu),
            memory_mib: own.and_then(|own| own.memory_mib).or(container.memory),
            memory_reservation_mib: own.and_then(|own| own.memory_reservation_mib).or(container.memory_reservation),
            task_cpu_units: task.and_then(|task| task.cpu_units).or(definition.cpu_units),
            task_memory_mib: task.and_then(|task| task.memory_mib).or(definition.memory_mib),
            document: &definition.document["containerDefinitions"][index],
        })
    }

    /// The limit that binds this container by itself: its own, else the task's.
    pub(crate) fn memory_limit_mib(&self) -> Option<u32> {
        match (self.memory_mib, self.task_memory_mib) {
            (Some(own), Some(task)) => Some(own.min(task)),
            (own, task) => own.or(task),
        }
    }
}
