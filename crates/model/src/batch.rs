//! The changes of one commit, one entry per row: a row changed ten times in a batch is written once.

use crate::{
    Change, Cluster, Deployment, DeploymentId, Instance, InstanceId, Service, ServiceDeployment, ServiceEvent,
    ServiceName, Task, TaskId, TokenRecord, Usage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Sorted by key, so that two writers always lock rows in the same order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Batch {
    pub cluster: Option<Arc<Cluster>>,
    pub instances: BTreeMap<InstanceId, Arc<Instance>>,
    pub instances_removed: BTreeSet<InstanceId>,
    pub usage: BTreeMap<InstanceId, Usage>,
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    pub services_removed: BTreeSet<ServiceName>,
    pub deployments: BTreeMap<DeploymentId, Arc<Deployment>>,
    pub deployments_removed: BTreeSet<DeploymentId>,
    pub service_deployments: BTreeMap<DeploymentId, Arc<ServiceDeployment>>,
    pub service_deployments_removed: BTreeSet<DeploymentId>,
    /// Rows that did not exist before this batch, in their state at its end.
    pub tasks_created: BTreeMap<TaskId, Arc<Task>>,
    pub tasks_updated: BTreeMap<TaskId, Arc<Task>>,
    /// Those of `tasks_updated` that waited and have got their instance, and with it what they hold there.
    pub tasks_placed: BTreeSet<TaskId>,
    pub tasks_removed: BTreeSet<TaskId>,
    pub events: BTreeMap<(ServiceName, u64), Arc<ServiceEvent>>,
    pub events_removed: BTreeSet<(ServiceName, u64)>,
    /// Keyed by operation and token text.
    pub tokens: BTreeMap<(Arc<str>, Arc<str>), Arc<TokenRecord>>,
    pub tokens_removed: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Batch {
    pub fn from_changes<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut batch = Batch::default();
        for change in changes {
            batch.push(change);
        }
        batch
    }

    pub fn is_empty(&self) -> bool {
        *self == Batch::default()
    }

    /// The number of rows the batch writes or removes.
    pub fn rows(&self) -> usize {
        usize::from(self.cluster.is_some())
            + self.instances.len()
            + self.instances_removed.len()
            + self.usage.len()
            + self.services.len()
            + self.services_removed.len()
            + self.deployments.len()
            + self.deployments_removed.len()
            + self.service_deployments.len()
            + self.service_deployments_removed.len()
            + self.tasks_created.len()
            + self.tasks_updated.len()
            + self.tasks_removed.len()
            + self.events.len()
            + self.events_removed.len()
            + self.tokens.len()
            + self.tokens_removed.len()
    }

    /// Later changes of a row replace earlier ones.
    pub fn push(&mut self, change: &Change) {
        match change {
            Change::Cluster(row) => self.cluster = Some(Arc::clone(row)),
            Change::Instance(row) => {
                self.instances_removed.remove(&row.id);
                self.instances.insert(row.id, Arc::clone(row));
            }
            Change::InstanceRemoved(id) => {
                self.instances.remove(id);
                self.usage.remove(id);
                self.instances_removed.insert(*id);
            }
            Change::Usage(id, usage) => {
                self.usage.insert(*id, *usage);
            }
            Change::Service(row) => {
                self.services_removed.remove(&row.name);
                self.services.insert(row.name.clone(), Arc::clone(row));
            }
            Change::ServiceRemoved(name) => {
                self.services.remove(name);
                self.services_removed.insert(name.clone());
            }
            Change::Deployment(row) => {
                self.deployments.insert(row.id, Arc::clone(row));
            }
            Change::DeploymentRemoved(id) => {
                self.deployments.remove(id);
                self.deployments_removed.insert(*id);
            }
            Change::ServiceDeployment(row) => {
                self.service_deployments.insert(row.id, Arc::clone(row));
            }
            Change::ServiceDeploymentRemoved(id) => {
                self.service_deployments.remove(id);
                self.service_deployments_removed.insert(*id);
            }
            Change::TaskCreated(row) => {
                self.tasks_created.insert(row.id, Arc::clone(row));
            }
            Change::TaskUpdated(row) => match self.tasks_created.get_mut(&row.id) {
                Some(created) => *created = Arc::clone(row),
                None => {
                    self.tasks_updated.insert(row.id, Arc::clone(row));
                }
            },
            Change::TaskPlaced(id) => {
                if !self.tasks_created.contains_key(id) {
                    self.tasks_placed.insert(*id);
                }
            }
            Change::TaskRemoved(id) => {
                self.tasks_updated.remove(id);
                self.tasks_placed.remove(id);
                if self.tasks_created.remove(id).is_none() {
                    self.tasks_removed.insert(*id);
                }
            }
            Change::Event(row) => {
                self.events.insert((row.service.clone(), row.sequence), Arc::clone(row));
            }
            Change::EventRemoved(service, sequence) => {
                let key = (service.clone(), *sequence);
                if self.events.remove(&key).is_none() {
                    self.events_removed.insert(key);
                }
            }
            Change::DefinitionReferenced(_) | Change::DefinitionReleased(_) => {}
            Change::Token(row) => {
                let key = (Arc::clone(&row.token.operation), Arc::clone(&row.token.token));
                self.tokens_removed.remove(&key);
                self.tokens.insert(key, Arc::clone(row));
            }
            Change::TokenRemoved(operation, token) => {
                let key = (Arc::clone(operation), Arc::clone(token));
                self.tokens.remove(&key);
                self.tokens_removed.insert(key);
            }
        }
    }
}
