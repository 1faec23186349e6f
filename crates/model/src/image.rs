//! All rows of one cluster, with the indexes and counters that follow from them.
//!
//! The core steps one image ahead of the store; readers see another, brought up to date after each commit with the
//! same changes. Everything below `derived` is a function of the rows: nobody writes it except [`Image::apply`].

use crate::{
    Batch, Change, Cluster, ClusterStatus, Deployment, DeploymentId, DeploymentStatus, Instance, InstanceId, Service,
    ServiceDeployment, ServiceEvent, ServiceName, ServiceStatus, Task, TaskDefinition, TaskDefinitionId, TaskId,
    TaskStatus, Timestamp, TokenRecord, Usage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Tasks by what ECS counts them as (SVC-11, CL-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    pub running: u32,
    pub pending: u32,
    /// desiredStatus RUNNING and not STOPPED.
    pub live: u32,
    /// lastStatus other than STOPPED: what counts against maximumPercent (DEP-12).
    pub not_stopped: u32,
}

impl Counts {
    fn add(&mut self, task: &Task) {
        self.running += u32::from(task.is_running());
        self.pending += u32::from(task.last_status.is_pending());
        self.live += u32::from(task.is_live());
        self.not_stopped += u32::from(!task.is_stopped());
    }

    fn subtract(&mut self, task: &Task) {
        self.running -= u32::from(task.is_running());
        self.pending -= u32::from(task.last_status.is_pending());
        self.live -= u32::from(task.is_live());
        self.not_stopped -= u32::from(!task.is_stopped());
    }
}

/// What an instance shows about its tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct InstanceCounts {
    counts: Counts,
    /// One per task placed and one more per task stopped, over the task rows still kept (CI-5).
    task_steps: u64,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Image {
    // Rows.
    pub cluster: Option<Arc<Cluster>>,
    pub instances: BTreeMap<InstanceId, Arc<Instance>>,
    pub usage: BTreeMap<InstanceId, Usage>,
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    pub deployments: BTreeMap<DeploymentId, Arc<Deployment>>,
    pub service_deployments: BTreeMap<DeploymentId, Arc<ServiceDeployment>>,
    pub tasks: BTreeMap<TaskId, Arc<Task>>,
    pub events: BTreeMap<ServiceName, BTreeMap<u64, Arc<ServiceEvent>>>,
    pub tokens: BTreeMap<(Arc<str>, Arc<str>), Arc<TokenRecord>>,
    /// The definitions that tasks, services and deployments of this cluster name.
    pub definitions: BTreeMap<TaskDefinitionId, Arc<TaskDefinition>>,

    derived: Derived,
}

/// Invariant: equal to a recount from the rows at all times (I-23); [`Image::recounted`] is that recount.
#[derive(Clone, PartialEq, Debug, Default)]
struct Derived {
    total: Counts,
    by_service: BTreeMap<ServiceName, Counts>,
    by_deployment: BTreeMap<DeploymentId, Counts>,
    by_instance: BTreeMap<InstanceId, InstanceCounts>,
    by_capacity_provider: BTreeMap<Arc<str>, Counts>,
    tasks_of_service: BTreeMap<ServiceName, BTreeSet<TaskId>>,
    tasks_of_instance: BTreeMap<InstanceId, BTreeSet<TaskId>>,
    /// PROVISIONING ones by age; those of the same instant are ordered by their ids.
    waiting: BTreeSet<(Timestamp, TaskId)>,
    deployments_of_service: BTreeMap<ServiceName, BTreeSet<DeploymentId>>,
    /// By age: two deployments of the same instant are ordered by their ids.
    service_deployments_of: BTreeMap<ServiceName, BTreeSet<(Timestamp, DeploymentId)>>,
    registered_instances: u32,
    active_services: u32,
}

impl Image {
    /// Brings the image up to date in time proportional to the change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Cluster(row) => self.cluster = Some(Arc::clone(row)),
            Change::Instance(row) => self.put_instance(row),
            Change::InstanceRemoved(id) => self.remove_instance(*id),
            Change::Usage(id, usage) => {
                self.usage.insert(*id, *usage);
            }
            Change::Service(row) => self.put_service(row),
            Change::ServiceRemoved(name) => self.remove_service(name),
            Change::Deployment(row) => {
                self.derived.deployments_of_service.entry(row.service.clone()).or_default().insert(row.id);
                self.deployments.insert(row.id, Arc::clone(row));
            }
            Change::DeploymentRemoved(id) => self.remove_deployment(*id),
            Change::ServiceDeployment(row) => {
                let set = self.derived.service_deployments_of.entry(row.service.clone()).or_default();
                set.insert((row.created_at, row.id));
                self.service_deployments.insert(row.id, Arc::clone(row));
            }
            Change::ServiceDeploymentRemoved(id) => self.remove_service_deployment(*id),
            Change::TaskCreated(row) | Change::TaskUpdated(row) => self.put_task(row),
            // The row comes with the update.
            Change::TaskPlaced(_) => {}
            Change::TaskRemoved(id) => self.remove_task(*id),
            Change::Event(row) => {
                self.events.entry(row.service.clone()).or_default().insert(row.sequence, Arc::clone(row));
            }
            Change::EventRemoved(service, sequence) => {
                if let Some(events) = self.events.get_mut(service) {
                    events.remove(sequence);
                    if events.is_empty() {
                        self.events.remove(service);
                    }
                }
            }
            Change::DefinitionReferenced(row) => {
                self.definitions.insert(row.id.clone(), Arc::clone(row));
            }
            Change::DefinitionReleased(id) => {
                self.definitions.remove(id);
            }
            Change::Token(row) => {
                let key = (Arc::clone(&row.token.operation), Arc::clone(&row.token.token));
                self.tokens.insert(key, Arc::clone(row));
            }
            Change::TokenRemoved(operation, token) => {
                self.tokens.remove(&(Arc::clone(operation), Arc::clone(token)));
            }
        }
    }

    pub fn apply_all<'a>(&mut self, changes: impl IntoIterator<Item = &'a Change>) {
        for change in changes {
            self.apply(change);
        }
    }

    /// Applies what a store wrote; the order inside a batch does not matter because it holds one entry per row.
    pub fn apply_batch(&mut self, batch: &Batch) {
        if let Some(row) = &batch.cluster {
            self.cluster = Some(Arc::clone(row));
        }
        batch.instances_removed.iter().for_each(|id| self.remove_instance(*id));
        batch.instances.values().for_each(|row| self.put_instance(row));
        self.usage.extend(batch.usage.iter().map(|(id, usage)| (*id, *usage)));
        batch.services_removed.iter().for_each(|name| self.remove_service(name));
        batch.services.values().for_each(|row| self.put_service(row));
        batch.deployments_removed.iter().for_each(|id| self.remove_deployment(*id));
        batch.deployments.values().for_each(|row| self.apply(&Change::Deployment(Arc::clone(row))));
        batch.service_deployments_removed.iter().for_each(|id| self.remove_service_deployment(*id));
        batch.service_deployments.values().for_each(|row| self.apply(&Change::ServiceDeployment(Arc::clone(row))));
        batch.tasks_removed.iter().for_each(|id| self.remove_task(*id));
        batch.tasks_created.values().chain(batch.tasks_updated.values()).for_each(|row| self.put_task(row));
        for (service, sequence) in &batch.events_removed {
            self.apply(&Change::EventRemoved(service.clone(), *sequence));
        }
        batch.events.values().for_each(|row| self.apply(&Change::Event(Arc::clone(row))));
        batch.tokens_removed.iter().for_each(|key| {
            self.tokens.remove(key);
        });
        batch.tokens.values().for_each(|row| self.apply(&Change::Token(Arc::clone(row))));
    }

    fn put_instance(&mut self, row: &Arc<Instance>) {
        use crate::InstanceStatus::Inactive;
        let before = self.instances.insert(row.id, Arc::clone(row));
        let counted_before = before.is_some_and(|old| old.status != Inactive);
        self.derived.registered_instances -= u32::from(counted_before);
        self.derived.registered_instances += u32::from(row.status != Inactive);
    }

    fn remove_instance(&mut self, id: InstanceId) {
        if let Some(old) = self.instances.remove(&id) {
            self.derived.registered_instances -= u32::from(old.status != crate::InstanceStatus::Inactive);
        }
        self.usage.remove(&id);
    }

    fn put_service(&mut self, row: &Arc<Service>) {
        let before = self.services.insert(row.name.clone(), Arc::clone(row));
        let active_before = before.is_some_and(|old| old.status == ServiceStatus::Active);
        self.derived.active_services -= u32::from(active_before);
        self.derived.active_services += u32::from(row.status == ServiceStatus::Active);
    }

    fn remove_service(&mut self, name: &ServiceName) {
        if let Some(old) = self.services.remove(name) {
            self.derived.active_services -= u32::from(old.status == ServiceStatus::Active);
        }
    }

    fn remove_deployment(&mut self, id: DeploymentId) {
        let Some(old) = self.deployments.remove(&id) else { return };
        remove_from_set(&mut self.derived.deployments_of_service, &old.service, &id);
    }

    fn remove_service_deployment(&mut self, id: DeploymentId) {
        let Some(old) = self.service_deployments.remove(&id) else { return };
        remove_from_set(&mut self.derived.service_deployments_of, &old.service, &(old.created_at, id));
    }

    fn put_task(&mut self, row: &Arc<Task>) {
        match self.tasks.insert(row.id, Arc::clone(row)) {
            Some(old) => {
                self.derived.uncount(&old);
                self.derived.link_place(&old, row);
            }
            None => self.derived.link(row),
        }
        self.derived.count(row);
    }

    fn remove_task(&mut self, id: TaskId) {
        let Some(old) = self.tasks.remove(&id) else { return };
        self.derived.uncount(&old);
        self.derived.unlink(&old);
    }

    /// The derived part counted anew from the rows: the oracle of I-23, and how a loaded image gets its indexes.
    #[must_use]
    pub fn recounted(&self) -> Image {
        let mut image = Image {
            cluster: self.cluster.clone(),
            usage: self.usage.clone(),
            events: self.events.clone(),
            tokens: self.tokens.clone(),
            definitions: self.definitions.clone(),
            ..Image::default()
        };
        self.instances.values().for_each(|row| image.put_instance(row));
        self.services.values().for_each(|row| image.put_service(row));
        self.deployments.values().for_each(|row| image.apply(&Change::Deployment(Arc::clone(row))));
        self.service_deployments.values().for_each(|row| image.apply(&Change::ServiceDeployment(Arc::clone(row))));
        self.tasks.values().for_each(|row| image.put_task(row));
        image
    }

    // --- reading ---

    pub fn is_active(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.status == ClusterStatus::Active)
    }

    pub fn total(&self) -> Counts {
        self.derived.total
    }

    pub fn service_counts(&self, service: &ServiceName) -> Counts {
        self.derived.by_service.get(service).copied().unwrap_or_default()
    }

    pub fn deployment_counts(&self, deployment: DeploymentId) -> Counts {
        self.derived.by_deployment.get(&deployment).copied().unwrap_or_default()
    }

    pub fn instance_counts(&self, instance: InstanceId) -> Counts {
        self.derived.by_instance.get(&instance).map(|counts| counts.counts).unwrap_or_default()
    }

    /// Of tasks that a strategy placed with the provider.
    pub fn capacity_provider_counts(&self, provider: &str) -> Counts {
        self.derived.by_capacity_provider.get(provider).copied().unwrap_or_default()
    }

    /// ECS's `version` of an instance: grows with every task placed or stopped there and with every change of the
    /// instance itself (CI-5). When stopped tasks are forgotten, `base_version` grows by the steps they stood for.
    pub fn instance_version(&self, instance: InstanceId) -> u64 {
        let base = self.instances.get(&instance).map_or(0, |row| row.base_version);
        base + self.derived.by_instance.get(&instance).map_or(0, |counts| counts.task_steps)
    }

    /// ACTIVE and DRAINING ones (CL-6).
    pub fn registered_instances(&self) -> u32 {
        self.derived.registered_instances
    }

    pub fn active_services(&self) -> u32 {
        self.derived.active_services
    }

    /// In order of id, STOPPED ones that are still kept included.
    pub fn tasks_of_service(&self, service: &ServiceName) -> impl Iterator<Item = &Arc<Task>> {
        self.derived.tasks_of_service.get(service).into_iter().flatten().filter_map(|id| self.tasks.get(id))
    }

    /// Where a task is, if it is anywhere.
    pub fn instance_of(&self, task: &Task) -> Option<&Arc<Instance>> {
        task.instance.and_then(|id| self.instances.get(&id))
    }

    pub fn tasks_of_instance(&self, instance: InstanceId) -> impl Iterator<Item = &Arc<Task>> {
        self.derived.tasks_of_instance.get(&instance).into_iter().flatten().filter_map(|id| self.tasks.get(id))
    }

    /// Those that wait for an instance (RUN-12), oldest first.
    pub fn waiting_tasks(&self) -> impl ExactSizeIterator<Item = &Arc<Task>> {
        self.derived.waiting.iter().map(|(_, id)| &self.tasks[id])
    }

    pub fn deployments_of_service(&self, service: &ServiceName) -> impl Iterator<Item = &Arc<Deployment>> {
        self.derived.deployments_of_service.get(service).into_iter().flatten().filter_map(|id| self.deployments.get(id))
    }

    pub fn primary_deployment(&self, service: &ServiceName) -> Option<&Arc<Deployment>> {
        self.deployments_of_service(service).find(|deployment| deployment.status == DeploymentStatus::Primary)
    }

    /// The history of a service, newest first.
    pub fn service_deployments_of(&self, service: &ServiceName) -> impl Iterator<Item = &Arc<ServiceDeployment>> {
        let entries = self.derived.service_deployments_of.get(service).into_iter().flat_map(|set| set.iter().rev());
        entries.filter_map(|(_, id)| self.service_deployments.get(id))
    }

    /// Oldest first.
    pub fn events_of_service(&self, service: &ServiceName) -> impl DoubleEndedIterator<Item = &Arc<ServiceEvent>> {
        self.events.get(service).into_iter().flat_map(|events| events.values())
    }
}

impl Derived {
    fn link(&mut self, task: &Task) {
        if let Some(service) = &task.service {
            self.tasks_of_service.entry(service.clone()).or_default().insert(task.id);
        }
        if let Some(instance) = task.instance {
            self.tasks_of_instance.entry(instance).or_default().insert(task.id);
        }
        if task.is_waiting() {
            self.waiting.insert((task.created_at, task.id));
        }
    }

    /// The one link that changes while a task lives: from those that wait to those of an instance, or to neither.
    fn link_place(&mut self, before: &Task, task: &Task) {
        if before.is_waiting() != task.is_waiting() || before.instance != task.instance {
            self.unlink(before);
            self.link(task);
        }
    }

    fn unlink(&mut self, task: &Task) {
        if let Some(service) = &task.service {
            remove_from_set(&mut self.tasks_of_service, service, &task.id);
        }
        if let Some(instance) = &task.instance {
            remove_from_set(&mut self.tasks_of_instance, instance, &task.id);
        }
        self.waiting.remove(&(task.created_at, task.id));
    }

    fn count(&mut self, task: &Task) {
        self.recount(task, Counts::add, |steps| *steps += task_steps(task));
    }

    fn uncount(&mut self, task: &Task) {
        self.recount(task, Counts::subtract, |steps| *steps -= task_steps(task));
    }

    /// STOPPED tasks count nothing, so an entry may have to be made to be dropped again: only entries that say
    /// something are kept.
    fn recount(&mut self, task: &Task, change: fn(&mut Counts, &Task), change_steps: impl Fn(&mut u64)) {
        change(&mut self.total, task);
        if let Some(service) = &task.service {
            change_entry(&mut self.by_service, service, |counts| change(counts, task));
        }
        if let Some(deployment) = &task.deployment {
            change_entry(&mut self.by_deployment, deployment, |counts| change(counts, task));
        }
        if let Some(provider) = &task.capacity_provider {
            change_entry(&mut self.by_capacity_provider, provider, |counts| change(counts, task));
        }
        if let Some(instance) = &task.instance {
            change_entry(&mut self.by_instance, instance, |on_instance| {
                change(&mut on_instance.counts, task);
                change_steps(&mut on_instance.task_steps);
            });
        }
    }
}

fn change_entry<K: Ord + Clone, V: Default + PartialEq>(
    entries: &mut BTreeMap<K, V>,
    key: &K,
    change: impl FnOnce(&mut V),
) {
    let entry = entries.entry(key.clone()).or_default();
    change(entry);
    if *entry == V::default() {
        entries.remove(key);
    }
}

fn task_steps(task: &Task) -> u64 {
    1 + u64::from(task.last_status == TaskStatus::Stopped)
}

fn remove_from_set<K: Ord, V: Ord>(sets: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(value);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
