//! The rows and plain data every other crate speaks of.
//!
//! Nothing here decides anything: ids, resources, documents, rows, the [`Change`]s that write rows and the
//! [`Image`] that is made of them. No clock, no entropy, no input or output.

mod batch;
mod capacity;
mod change;
mod circuit_breaker;
mod cluster;
mod definition;
mod event;
mod ids;
mod image;
mod instance;
mod resources;
mod service;
mod service_deployment;
mod tags;
mod task;
mod task_set;
mod time;
mod token;

pub use batch::Batch;
pub use capacity::{
    BUILT_IN_CAPACITY_PROVIDERS, CAPACITY_PROVIDER_ATTRIBUTE, CapacityProvider, CapacityProviderStrategyItem,
    CapacityProviderUpdate,
};
pub use change::Change;
pub use circuit_breaker::{CircuitBreaker, FailureThreshold, ThresholdKind};
pub use cluster::{Cluster, ClusterStatus, NO_PLACEMENT_POLICY, PLACEMENT_POLICY};
pub use definition::{
    ContainerSpec, Dependency, DependencyCondition, DocumentError, HealthCheck, NetworkMode, PortMapping,
    RestartPolicy, TaskDefinition, TaskDefinitionStatus,
};
pub use event::ServiceEvent;
pub use ids::{
    ClusterKey, ClusterName, DeploymentId, Epoch, Family, IdError, InstanceId, Namespace, ServiceName, SessionId,
    TaskDefinitionId, TaskId, container_uuid,
};
pub use image::{Counts, Image};
pub use instance::{Attribute, Instance, InstanceStatus, VersionInfo};
pub use resources::{PortClaim, Protocol, Reserved, Resources, Usage};
pub use service::{
    Deployment, DeploymentConfiguration, DeploymentSettings, DeploymentStatus, PlacementConstraint, PlacementStrategy,
    PropagateTags, Rebalancing, RollingBack, RolloutState, Said, SchedulingStrategy, Service, ServiceStatus,
    SpreadField,
};
pub use service_deployment::{MonitorStatus, Rollback, ServiceDeployment, ServiceDeploymentStatus, ServiceRevision};
pub use tags::{MANAGED_TAG_PREFIX, TAGS_MAX, TagChange, Tags, TooManyTags};
pub use task::{
    Container, ContainerOverride, DesiredStatus, HealthStatus, LaunchType, NetworkBinding, StopCode, Task,
    TaskOverrides, TaskStatus, Waiting,
};
pub use task_set::{DeploymentController, Scale, StabilityStatus, TaskSet};
pub use time::Timestamp;
pub use token::{ClientToken, TokenRecord, TokenResult};
