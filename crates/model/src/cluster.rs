use crate::{CapacityProviderStrategyItem, ClusterKey, Tags, Timestamp, task::ecs_enum};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

ecs_enum!(ClusterStatus { Active = "ACTIVE", Inactive = "INACTIVE" });

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cluster {
    pub key: ClusterKey,
    pub status: ClusterStatus,
    pub created_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub tags: Tags,
    /// Those its strategies may name, in the order they were associated (CL-11).
    #[serde(default)]
    pub capacity_providers: Vec<Arc<str>>,
    /// Of requests that name neither a launch type nor a strategy (RUN-2).
    #[serde(default)]
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// Members of CreateCluster that are kept and described back (`settings`, `configuration`,
    /// `serviceConnectDefaults`, ...), by their ECS names. All that decides anything here is the setting
    /// [`PLACEMENT_POLICY`].
    pub echo: serde_json::Map<String, serde_json::Value>,
}

/// The setting that names the policy for tasks without a placement strategy.
pub const PLACEMENT_POLICY: &str = "plimsoll.placementPolicy";

/// Its value where no policy is wanted, as if it had never been set.
pub const NO_PLACEMENT_POLICY: &str = "default";

impl Cluster {
    /// The value of a setting that was given.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let settings = self.echo.get("settings")?.as_array()?;
        settings.iter().find(|setting| setting["name"] == name)?["value"].as_str()
    }
}
