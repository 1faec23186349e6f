//! Capacity providers: named parts of a cluster's instances, and the strategies that share tasks out over them.

use crate::{Tags, Timestamp, task::ecs_enum};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An instance belongs to the capacity provider this attribute names. Nothing here owns machines, so each one says
/// itself whose it is, and an instance without the attribute belongs to none.
pub const CAPACITY_PROVIDER_ATTRIBUTE: &str = "plimsoll.capacity-provider";

/// There in every namespace without anybody having created them, and not deletable (SVC-57).
pub const BUILT_IN_CAPACITY_PROVIDERS: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

ecs_enum!(
    /// How the last change of a capacity provider went. Nothing here takes time, so it is over when it is answered.
    CapacityProviderUpdate { UpdateComplete = "UPDATE_COMPLETE", DeleteComplete = "DELETE_COMPLETE" }
);

/// An object of the namespace, like a task definition: no cluster owns it, many may be associated with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CapacityProvider {
    /// Unique in its namespace.
    pub name: Arc<str>,
    /// 1 when it is created; each change is the next one.
    pub version: u64,
    pub created_at: Timestamp,
    /// Absent until it is changed for the first time.
    pub update: Option<CapacityProviderUpdate>,
    /// The `autoScalingGroupProvider` member with its defaults, by its ECS names. Nothing here scales a group; that one
    /// is scaled says only that tasks wait for its instances.
    pub auto_scaling_group: serde_json::Value,
    pub tags: Tags,
}

impl CapacityProvider {
    /// Somebody adds instances when tasks need them: what finds none may wait for one (RUN-12).
    pub fn is_scaled(&self) -> bool {
        let status = self.auto_scaling_group.get("managedScaling").and_then(|scaling| scaling.get("status"));
        status.and_then(serde_json::Value::as_str) == Some("ENABLED")
    }
}

/// One line of a capacity provider strategy (SVC-55).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct CapacityProviderStrategyItem {
    pub provider: Arc<str>,
    /// Its part of the tasks beyond all bases; 0 gets none of them (SVC-56).
    pub weight: u32,
    /// Tasks it gets before anything is shared out.
    pub base: u32,
}
