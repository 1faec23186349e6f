//! A container instance: a node as the ECS API shows it.

use crate::{InstanceId, Resources, Tags, Timestamp, task::ecs_enum};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

ecs_enum!(InstanceStatus { Active = "ACTIVE", Draining = "DRAINING", Inactive = "INACTIVE" });

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Attribute {
    /// `None` is an attribute with a name only (CQL-6).
    pub value: Option<Arc<str>>,
    /// Set through PutAttributes, hence kept when the agent registers again (CI-3) and counted (ATTR-2).
    pub custom: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct VersionInfo {
    pub agent_version: Option<Arc<str>>,
    pub agent_hash: Option<Arc<str>>,
    pub docker_version: Option<Arc<str>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    pub status: InstanceStatus,
    pub agent_connected: bool,
    /// Silent for longer than the grace: its tasks were declared STOPPED and replaced. Cleared when it returns.
    pub lost: bool,
    /// The part of `version` that is not derived from tasks; see [`crate::Image::instance_version`].
    pub base_version: u64,
    pub registered: Resources,
    pub attributes: BTreeMap<Arc<str>, Attribute>,
    pub version_info: VersionInfo,
    pub ec2_instance_id: Arc<str>,
    pub registered_at: Timestamp,
    pub deregistered_at: Option<Timestamp>,
    pub tags: Tags,
}

impl Instance {
    /// The provider it says it belongs to.
    pub fn capacity_provider(&self) -> Option<&str> {
        self.attribute(crate::CAPACITY_PROVIDER_ATTRIBUTE)
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(|attribute| attribute.value.as_deref())
    }
}
