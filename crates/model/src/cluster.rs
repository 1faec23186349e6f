use crate::{ClusterKey, Tags, Timestamp, task::ecs_enum};
use serde::{Deserialize, Serialize};

ecs_enum!(ClusterStatus { Active = "ACTIVE", Inactive = "INACTIVE" });

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cluster {
    pub key: ClusterKey,
    pub status: ClusterStatus,
    pub created_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub tags: Tags,
    /// Members of CreateCluster that are kept and described back but decide nothing here
    /// (`settings`, `configuration`, `serviceConnectDefaults`, ...), by their ECS names.
    pub echo: serde_json::Map<String, serde_json::Value>,
}
