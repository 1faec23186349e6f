//! A task and its containers as ECS shows them (TL-3, TL-9, TL-13).

use super::{ShowTags, seconds, text};
use crate::resolve::Arns;
use plimsoll_ecs_api::types;
use plimsoll_model::{
    Container, ContainerOverride, ContainerSpec, Image, Instance, NetworkBinding, Task, TaskDefinition, TaskStatus,
};
use std::sync::Arc;

pub(crate) struct TaskView {
    row: Arc<Task>,
    /// Tells what its containers are made of.
    definition: Option<Arc<TaskDefinition>>,
    /// Tells the zone.
    instance: Option<Arc<Instance>>,
}

impl TaskView {
    pub(crate) fn collect(image: &Image, row: &Arc<Task>) -> Self {
        TaskView {
            row: Arc::clone(row),
            definition: image.definitions.get(&row.definition).cloned(),
            instance: row.instance.and_then(|id| image.instances.get(&id)).cloned(),
        }
    }

    pub(crate) fn render(&self, arns: &Arns, tags: ShowTags) -> types::Task {
        let row = &*self.row;
        let (cpu_units, memory_mib) = self.size();
        types::Task {
            task_arn: Some(arns.task(row.id)),
            cluster_arn: Some(arns.cluster()),
            container_instance_arn: row.instance.map(|id| arns.instance(id)),
            task_definition_arn: Some(arns.definition(&row.definition)),
            group: text(&row.group),
            started_by: row.started_by.as_ref().and_then(text),
            launch_type: Some(row.launch_type.as_str().into()),
            capacity_provider_name: row.capacity_provider.as_ref().and_then(text),
            availability_zone: self.instance_attribute("ecs.availability-zone"),
            cpu: Some(cpu_units.to_string()),
            memory: Some(memory_mib.to_string()),
            desired_status: Some(row.desired_status.as_str().into()),
            last_status: Some(row.last_status.as_str().into()),
            health_status: Some(row.health.as_str().into()),
            version: i64::try_from(row.version).unwrap_or(i64::MAX),
            stop_code: row.stop_code.map(|code| code.as_str().into()),
            stopped_reason: row.stopped_reason.as_ref().and_then(text),
            created_at: seconds(row.created_at),
            pull_started_at: row.pull_started_at.and_then(seconds),
            pull_stopped_at: row.pull_stopped_at.and_then(seconds),
            started_at: row.started_at.and_then(seconds),
            stopping_at: row.stopping_at.and_then(seconds),
            execution_stopped_at: row.execution_stopped_at.and_then(seconds),
            stopped_at: row.stopped_at.and_then(seconds),
            enable_execute_command: row.enable_execute_command,
            overrides: Some(self.overrides()),
            containers: Some(row.containers.iter().enumerate().map(|one| self.container(arns, one)).collect()),
            attributes: Some(self.attributes()),
            attachments: Some(Vec::new()),
            inference_accelerators: Some(Vec::new()),
            tags: Some(tags.of(&row.tags)),
            ..Default::default()
        }
    }

    /// What it holds, and what it will hold as long as it has no instance (RUN-12).
    fn size(&self) -> (u32, u32) {
        match &self.definition {
            Some(definition) if self.row.instance.is_none() => {
                let demand = plimsoll_placement::demand(definition, self.row.overrides.as_deref());
                (demand.cpu_units, demand.memory_mib)
            }
            _ => (self.row.reserved.cpu_units, self.row.reserved.memory_mib),
        }
    }

    fn instance_attribute(&self, name: &str) -> Option<String> {
        self.instance.as_ref().and_then(|instance| instance.attribute(name)).map(str::to_owned)
    }

    /// What the task ran on, as far as it matters to its images.
    fn attributes(&self) -> Vec<types::Attribute> {
        let name = "ecs.cpu-architecture";
        self.instance_attribute(name)
            .map(|value| types::Attribute { name: Some(name.into()), value: Some(value), ..Default::default() })
            .into_iter()
            .collect()
    }

    /// As sent, with both lists there (W-12).
    fn overrides(&self) -> types::TaskOverride {
        let sent = self.row.overrides.as_ref().map(|overrides| overrides.document.clone());
        let mut shown: types::TaskOverride =
            sent.and_then(|document| serde_json::from_value(document).ok()).unwrap_or_default();
        shown.container_overrides.get_or_insert_default();
        shown.inference_accelerator_overrides.get_or_insert_default();
        shown
    }

    fn container(&self, arns: &Arns, (position, row): (usize, &Container)) -> types::Container {
        let spec = self.definition.as_ref().and_then(|definition| definition.container(&row.name));
        let sizes = Sizes::of(spec, self.override_of(&row.name));
        let gpu_ids: Vec<String> = row.gpus.iter().map(|gpu| gpu.to_string()).collect();
        types::Container {
            container_arn: Some(arns.container(self.row.id, position)),
            task_arn: Some(arns.task(self.row.id)),
            name: text(&row.name),
            image: spec.map(|spec| spec.image.to_string()),
            image_digest: row.image_digest.as_ref().and_then(text),
            runtime_id: row.runtime_id.as_ref().and_then(text),
            last_status: Some(row.last_status.as_str().into()),
            exit_code: row.exit_code,
            reason: row.reason.as_ref().and_then(text),
            health_status: Some(row.health.as_str().into()),
            network_bindings: network_bindings(row),
            network_interfaces: Some(Vec::new()),
            cpu: Some(sizes.cpu_units.to_string()),
            memory: sizes.memory_mib.map(|mib| mib.to_string()),
            memory_reservation: sizes.memory_reservation_mib.map(|mib| mib.to_string()),
            gpu_ids: Some(gpu_ids).filter(|ids| !ids.is_empty()),
            ..Default::default()
        }
    }

    fn override_of(&self, container: &str) -> Option<&ContainerOverride> {
        self.row.overrides.as_ref()?.containers.iter().find(|one| &*one.name == container)
    }
}

/// A container's limits, overrides first.
struct Sizes {
    cpu_units: u32,
    memory_mib: Option<u32>,
    memory_reservation_mib: Option<u32>,
}

impl Sizes {
    fn of(spec: Option<&ContainerSpec>, overridden: Option<&ContainerOverride>) -> Self {
        Sizes {
            cpu_units: overridden.and_then(|one| one.cpu_units).or(spec.map(|spec| spec.cpu)).unwrap_or(0),
            memory_mib: overridden.and_then(|one| one.memory_mib).or(spec.and_then(|spec| spec.memory)),
            memory_reservation_mib: overridden
                .and_then(|one| one.memory_reservation_mib)
                .or(spec.and_then(|spec| spec.memory_reservation)),
        }
    }
}

/// There from RUNNING on (TL-13).
fn network_bindings(row: &Container) -> Option<Vec<types::NetworkBinding>> {
    let shown = |binding: &NetworkBinding| types::NetworkBinding {
        bind_ip: text(&binding.bind_ip),
        container_port: Some(binding.container_port.into()),
        host_port: Some(binding.host_port.into()),
        protocol: Some(binding.protocol.as_str().into()),
        ..Default::default()
    };
    (row.last_status >= TaskStatus::Running).then(|| row.bindings.iter().map(shown).collect())
}
