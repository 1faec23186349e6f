//! What users ask of container instances.

use super::PROVIDERS;
use crate::world::World;
use crate::world::node::{ZONE, resources};
use plimsoll_core::command::{AttributeTarget, Command, RegisterContainerInstance};
use plimsoll_model::{CAPACITY_PROVIDER_ATTRIBUTE, InstanceId, InstanceStatus, VersionInfo};
use std::collections::BTreeMap;

impl World {
    pub(super) fn change_instance_state(&mut self) -> Option<Command> {
        let instances = vec![self.some_instance()?];
        let drain = self.dice.client.permille(400);
        let status = if drain { InstanceStatus::Draining } else { InstanceStatus::Active };
        Some(Command::UpdateContainerInstancesState { instances, status })
    }

    pub(super) fn attribute_target(&mut self) -> Option<AttributeTarget> {
        let instance = self.some_instance()?;
        if self.dice.client.coin() {
            let value = Some((*self.dice.client.pick(&PROVIDERS)?).into());
            return Some(AttributeTarget { instance, name: CAPACITY_PROVIDER_ATTRIBUTE.into(), value });
        }
        let value = Some((*self.dice.client.pick(&["a", "b", "c"])?).into());
        Some(AttributeTarget { instance, name: ZONE.into(), value })
    }

    /// Over the API and with no agent behind it.
    pub(super) fn register_instance(&mut self) -> Command {
        Command::RegisterContainerInstance(Box::new(RegisterContainerInstance {
            instance: None,
            resources: resources(),
            attributes: BTreeMap::new(),
            version_info: VersionInfo::default(),
            ec2_instance_id: None,
            tags: BTreeMap::new(),
        }))
    }

    pub(super) fn some_instance(&mut self) -> Option<InstanceId> {
        let known = &self.control.committed.instances;
        let index = usize::try_from(self.dice.client.below(known.len() as u64)).ok()?;
        known.keys().nth(index).copied()
    }
}

pub(in crate::world) fn put_attribute(instance: InstanceId, name: &str, value: &str) -> Command {
    Command::PutAttributes(vec![AttributeTarget { instance, name: name.into(), value: Some(value.into()) }])
}
