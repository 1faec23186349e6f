//! What a caller did wrong. The server maps these to ECS error codes and nothing else does.

use crate::command::TagTarget;
use plimsoll_model::{ClusterName, DeploymentId, InstanceId, ServiceDeploymentStatus, ServiceName, TaskId};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("cluster {cluster} not found")]
    ClusterNotFound { cluster: ClusterName },
    #[error("cluster {cluster} is inactive")]
    ClusterInactive { cluster: ClusterName },
    #[error("cluster {cluster} has {count} container instances")]
    ClusterContainsContainerInstances { cluster: ClusterName, count: u32 },
    #[error("cluster {cluster} has {count} services")]
    ClusterContainsServices { cluster: ClusterName, count: u32 },
    #[error("cluster {cluster} has {count} tasks that are not stopped")]
    ClusterContainsTasks { cluster: ClusterName, count: u32 },

    #[error("container instance {instance} not found")]
    InstanceNotFound { instance: InstanceId },
    #[error("container instance {instance} has {count} running tasks")]
    InstanceHasTasks { instance: InstanceId, count: u32 },
    #[error("container instance {instance} registered with other cpu or memory before")]
    InstanceTypeChanged { instance: InstanceId },
    /// The target of PutAttributes or DeleteAttributes.
    #[error("could not find {instance}")]
    AttributeTargetNotFound { instance: InstanceId },
    #[error("container instance {instance} would have {count} custom attributes; the limit is {limit}")]
    AttributeLimitExceeded { instance: InstanceId, count: usize, limit: usize },

    #[error("{target:?} is not there to be tagged")]
    TagTargetNotFound { target: TagTarget },
    #[error("{count} tags exceed {limit}")]
    TooManyTags { count: usize, limit: usize },

    #[error("service {service} exists")]
    ServiceExists { service: ServiceName },
    #[error("service {service} is still draining")]
    ServiceDraining { service: ServiceName },
    #[error("service {service} not found")]
    ServiceNotFound { service: ServiceName },
    #[error("service {service} is not active")]
    ServiceNotActive { service: ServiceName },
    #[error("service {service} is scaled to {desired_count}")]
    ServiceScaledAboveZero { service: ServiceName, desired_count: u32 },
    #[error("service deployment {deployment} not found")]
    ServiceDeploymentNotFound { deployment: DeploymentId },
    #[error("service deployment {deployment} is {}", status.as_str())]
    ServiceDeploymentFinished { deployment: DeploymentId, status: ServiceDeploymentStatus },
    #[error("service {service} has no task sets: its deployment controller is not EXTERNAL")]
    ServiceWithoutTaskSets { service: ServiceName },
    #[error("task set {task_set} not found in service {service}")]
    TaskSetNotFound { service: ServiceName, task_set: DeploymentId },
    #[error("task set {task_set} is draining")]
    TaskSetDraining { task_set: DeploymentId },
    #[error("task set {task_set} is scaled above zero")]
    TaskSetScaledAboveZero { task_set: DeploymentId },
    #[error("service {service} has {limit} task sets, which is the limit")]
    TooManyTaskSets { service: ServiceName, limit: usize },
    /// The combined constraints of definition and service or request (RUN-6).
    #[error("{count} placement constraints exceed {limit}")]
    TooManyConstraints { count: usize, limit: usize },
    #[error("placement constraint {expression:?}: {message}")]
    InvalidExpression { expression: String, message: String },
    #[error("{0}")]
    InvalidParameter(String),
    /// A daemon, capacity provider or controller this build does not schedule.
    #[error("{0}")]
    Unsupported(String),

    #[error("capacity provider {provider} is not associated with the cluster")]
    CapacityProviderNotAssociated { provider: Arc<str> },
    /// A service or task of the cluster was placed by it, or would be (CL-11).
    #[error("capacity provider {provider} is in use")]
    CapacityProviderInUse { provider: Arc<str> },
    #[error("service {service} would be given another capacity provider strategy without a new deployment")]
    StrategyNeedsNewDeployment { service: ServiceName },

    #[error("task {task} not found")]
    TaskNotFound { task: TaskId },
    #[error("no container instances in the cluster")]
    NoContainerInstances,
    #[error("no container instances in capacity provider {provider}")]
    NoInstancesOfCapacityProvider { provider: Arc<str> },
    /// Tasks that wait for an instance, with those that the request would add (RUN-12).
    #[error("{count} tasks would be PROVISIONING; the limit is {limit}")]
    TooManyProvisioningTasks { count: usize, limit: usize },
    #[error("override for container {name}, which is not in the task definition")]
    OverrideForUnknownContainer { name: String },
    /// The same client token came with other parameters (W-16).
    #[error("client token {token} was used with other parameters")]
    TokenConflict { token: String, tasks: Vec<TaskId> },
    /// The same, where the token led to a task set.
    #[error("client token {token} was used for another task set")]
    TaskSetTokenConflict { token: String },
}
