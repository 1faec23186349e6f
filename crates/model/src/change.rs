//! A row to write. The core emits changes; the store writes them; the image is what they add up to.

use crate::{
    Cluster, Deployment, DeploymentId, Instance, InstanceId, Service, ServiceDeployment, ServiceEvent, ServiceName,
    Task, TaskDefinition, TaskDefinitionId, TaskId, TokenRecord, Usage,
};
use std::sync::Arc;

/// Rows are shared, not copied: the core's state, the batch and the committed image hold the same `Arc`.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    Cluster(Arc<Cluster>),
    Instance(Arc<Instance>),
    InstanceRemoved(InstanceId),
    /// Absolute, not a delta: writing it twice is harmless.
    Usage(InstanceId, Usage),
    Service(Arc<Service>),
    ServiceRemoved(ServiceName),
    Deployment(Arc<Deployment>),
    DeploymentRemoved(DeploymentId),
    ServiceDeployment(Arc<ServiceDeployment>),
    ServiceDeploymentRemoved(DeploymentId),
    TaskCreated(Arc<Task>),
    /// The fixed part of the row is as it was when the task was created.
    TaskUpdated(Arc<Task>),
    /// The update beside this one gives a task that waited its instance: what follows from the place is written too.
    TaskPlaced(TaskId),
    TaskRemoved(TaskId),
    Event(Arc<ServiceEvent>),
    EventRemoved(ServiceName, u64),
    /// The cluster uses this definition from here on. No row of the cluster: definitions belong to the namespace.
    DefinitionReferenced(Arc<TaskDefinition>),
    /// Nothing in the cluster names it any more.
    DefinitionReleased(TaskDefinitionId),
    Token(Arc<TokenRecord>),
    /// Operation and token text.
    TokenRemoved(Arc<str>, Arc<str>),
}
