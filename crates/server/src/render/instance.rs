//! A container instance as ECS shows it.

use super::{ShowTags, resources, seconds, text};
use crate::resolve::Arns;
use plimsoll_ecs_api::types;
use plimsoll_model::{Counts, Image, Instance, InstanceStatus, PortClaim, Usage};
use std::sync::Arc;

pub(crate) struct InstanceView {
    row: Arc<Instance>,
    counts: Counts,
    version: u64,
    usage: Usage,
    held_ports: Vec<PortClaim>,
    held_gpus: Vec<Arc<str>>,
}

impl InstanceView {
    /// Counters come from the image, the row from the caller: an answer to a change shows what the change led to.
    pub(crate) fn collect(image: &Image, row: &Arc<Instance>) -> Self {
        let holding = || image.tasks_of_instance(row.id).filter(|task| !task.is_stopped());
        InstanceView {
            row: Arc::clone(row),
            counts: image.instance_counts(row.id),
            version: image.instance_version(row.id),
            usage: image.usage.get(&row.id).copied().unwrap_or_default(),
            held_ports: holding().flat_map(|task| task.reserved.ports.iter().copied()).collect(),
            held_gpus: holding().flat_map(|task| task.reserved.gpus.iter().cloned()).collect(),
        }
    }

    pub(crate) fn render(&self, arns: &Arns, tags: ShowTags) -> types::ContainerInstance {
        let row = &*self.row;
        types::ContainerInstance {
            container_instance_arn: Some(arns.instance(row.id)),
            ec2_instance_id: text(&row.ec2_instance_id),
            status: Some(row.status.as_str().into()),
            agent_connected: row.agent_connected && row.status != InstanceStatus::Inactive,
            version: i64::try_from(self.version).unwrap_or(i64::MAX),
            version_info: Some(types::VersionInfo {
                agent_version: row.version_info.agent_version.as_ref().and_then(text),
                agent_hash: row.version_info.agent_hash.as_ref().and_then(text),
                docker_version: row.version_info.docker_version.as_ref().and_then(text),
            }),
            running_tasks_count: super::count(self.counts.running),
            pending_tasks_count: super::count(self.counts.pending),
            registered_resources: Some(resources::registered(&row.registered)),
            remaining_resources: Some(resources::remaining(
                &row.registered,
                self.usage,
                &self.held_ports,
                &self.held_gpus,
            )),
            capacity_provider_name: row.capacity_provider().map(str::to_owned),
            attributes: Some(attributes(row)),
            registered_at: seconds(row.registered_at),
            attachments: Some(Vec::new()),
            tags: Some(tags.of(&row.tags)),
            ..Default::default()
        }
    }
}

fn attributes(row: &Instance) -> Vec<types::Attribute> {
    row.attributes
        .iter()
        .map(|(name, attribute)| types::Attribute {
            name: text(name),
            value: attribute.value.as_ref().and_then(text),
            ..Default::default()
        })
        .collect()
}
