//! Rows in memory: for tests and for trying things out. Keeps every rule the databases keep, except to survive.

use crate::{DefinitionQuery, Error, FamilyQuery, Lease, ProviderDeletion, Store, definitions};
use async_trait::async_trait;
use parking_lot::Mutex;
use plimsoll_model::{
    Batch, CapacityProvider, Change, Cluster, ClusterKey, ClusterStatus, Epoch, Family, Image, InstanceId, Namespace,
    PortClaim, Tags, Task, TaskDefinition, TaskDefinitionId, TaskDefinitionStatus, TaskId, Timestamp,
};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One process's view of the rows. [`MemoryStore::another_process`] gives the next process on the same rows; dropping
/// a view is the death of its process.
pub struct MemoryStore {
    holder: u64,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    holders: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    clusters: BTreeMap<ClusterKey, ClusterState>,
    definitions: BTreeMap<Namespace, BTreeMap<TaskDefinitionId, Arc<TaskDefinition>>>,
    highest_revisions: BTreeMap<(Namespace, Family), u32>,
    capacity_providers: BTreeMap<(Namespace, Arc<str>), Arc<CapacityProvider>>,
    /// By namespace and principal.
    account_settings: BTreeMap<(Namespace, String), BTreeMap<String, String>>,
}

#[derive(Default)]
struct ClusterState {
    epoch: Epoch,
    holder: Option<u64>,
    image: Image,
    ports: BTreeMap<(InstanceId, PortClaim), TaskId>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl MemoryStore {
    pub fn new() -> Self {
        MemoryStore { holder: 0, shared: Arc::default() }
    }

    #[must_use]
    pub fn another_process(&self) -> Self {
        let holder = 1 + self.shared.holders.fetch_add(1, Ordering::Relaxed);
        MemoryStore { holder, shared: Arc::clone(&self.shared) }
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        for cluster in self.shared.state.lock().clusters.values_mut() {
            if cluster.holder == Some(self.holder) {
                cluster.holder = None;
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn clusters(&self) -> Result<Vec<ClusterKey>, Error> {
        let state = self.shared.state.lock();
        let with_row = state.clusters.iter().filter(|(_, cluster)| cluster.image.cluster.is_some());
        Ok(with_row.map(|(key, _)| key.clone()).collect())
    }

    async fn acquire(&self, key: &ClusterKey) -> Result<Lease, Error> {
        let mut state = self.shared.state.lock();
        let cluster = state.clusters.entry(key.clone()).or_default();
        if let Some(holder) = cluster.holder.filter(|holder| *holder != self.holder) {
            return Err(Error::LeaseHeld { cluster: key.clone(), holder: format!("process {holder}") });
        }
        cluster.holder = Some(self.holder);
        cluster.epoch.0 += 1;
        Ok(Lease { cluster: key.clone(), epoch: cluster.epoch, cluster_id: 0 })
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error> {
        let state = self.shared.state.lock();
        let lost = leases.iter().filter(|lease| state.fenced(lease).is_err());
        Ok(lost.map(|lease| lease.cluster.clone()).collect())
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        if let Ok(cluster) = state.fenced_mut(lease) {
            cluster.holder = None;
        }
        Ok(())
    }

    async fn load(&self, lease: &Lease) -> Result<Image, Error> {
        let state = self.shared.state.lock();
        let rows = &state.fenced(lease)?.image;
        crate::rows::check_usage(rows)?;
        let mut image = rows.recounted();
        let definitions = state.definitions.get(&lease.cluster.namespace);
        for id in definitions::named_by(&image) {
            let row = definitions.and_then(|rows| rows.get(&id)).ok_or_else(|| definitions::missing(&id))?;
            image.apply(&Change::DefinitionReferenced(Arc::clone(row)));
        }
        Ok(image)
    }

    async fn commit(&self, lease: &Lease, batch: &Batch) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        let cluster = state.fenced_mut(lease)?;
        cluster.check_tasks(batch)?;
        cluster.check_usage(batch)?;
        let ports = cluster.ports_changed(batch)?;
        ports.freed.iter().for_each(|key| {
            cluster.ports.remove(key);
        });
        cluster.ports.extend(ports.taken);
        cluster.image.apply_batch(batch);
        Ok(())
    }

    async fn register_task_definition(
        &self,
        namespace: &Namespace,
        mut definition: TaskDefinition,
    ) -> Result<Arc<TaskDefinition>, Error> {
        let mut state = self.shared.state.lock();
        let family = definition.id.family.clone();
        let highest = state.highest_revisions.entry((namespace.clone(), family)).or_default();
        *highest += 1;
        definition.id.revision = *highest;
        let row = Arc::new(definition);
        state.definitions.entry(namespace.clone()).or_default().insert(row.id.clone(), Arc::clone(&row));
        Ok(row)
    }

    async fn task_definition(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        let state = self.shared.state.lock();
        Ok(state.definitions.get(namespace).and_then(|rows| rows.get(id)).cloned())
    }

    async fn latest_task_definition(
        &self,
        namespace: &Namespace,
        family: &Family,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        let state = self.shared.state.lock();
        let Some(rows) = state.definitions.get(namespace) else { return Ok(None) };
        let revision = |revision| TaskDefinitionId { family: family.clone(), revision };
        let mut newest_first = rows.range(revision(0)..=revision(u32::MAX)).rev().map(|(_, row)| row);
        Ok(newest_first.find(|row| row.status == TaskDefinitionStatus::Active).cloned())
    }

    async fn set_task_definition_status(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        status: TaskDefinitionStatus,
        at: Timestamp,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        let mut state = self.shared.state.lock();
        let found = state.definitions.get_mut(namespace).and_then(|rows| rows.get_mut(id));
        let Some(row) = found else { return Ok(None) };
        definitions::set_status(Arc::make_mut(row), status, at);
        Ok(Some(Arc::clone(row)))
    }

    async fn replace_task_definition_tags(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        before: &Tags,
        after: &Tags,
    ) -> Result<bool, Error> {
        let mut state = self.shared.state.lock();
        let found = state.definitions.get_mut(namespace).and_then(|rows| rows.get_mut(id));
        let Some(row) = found.filter(|row| row.tags == *before) else { return Ok(false) };
        Arc::make_mut(row).tags = after.clone();
        Ok(true)
    }

    async fn delete_unused_task_definitions(
        &self,
        requested_before: Timestamp,
    ) -> Result<Vec<(Namespace, TaskDefinitionId)>, Error> {
        let mut state = self.shared.state.lock();
        let mut named: BTreeMap<&Namespace, BTreeSet<TaskDefinitionId>> = BTreeMap::new();
        for (key, cluster) in &state.clusters {
            named.entry(&key.namespace).or_default().extend(definitions::named_by(&cluster.image));
        }
        let rows =
            state.definitions.iter().flat_map(|(namespace, rows)| rows.values().map(move |row| (namespace, row)));
        let unused = rows.filter(|(namespace, row)| {
            row.status == TaskDefinitionStatus::DeleteInProgress
                && row.delete_requested_at.is_some_and(|at| at < requested_before)
                && !named.get(namespace).is_some_and(|ids| ids.contains(&row.id))
        });
        let unused: Vec<_> = unused.map(|(namespace, row)| (namespace.clone(), row.id.clone())).collect();
        for (namespace, id) in &unused {
            state.definitions.get_mut(namespace).and_then(|rows| rows.remove(id));
        }
        Ok(unused)
    }

    async fn list_task_definitions(
        &self,
        namespace: &Namespace,
        query: &DefinitionQuery,
    ) -> Result<Vec<TaskDefinitionId>, Error> {
        let state = self.shared.state.lock();
        let rows = state.definitions.get(namespace).into_iter().flatten();
        let mut ids: Vec<_> =
            rows.filter(|(id, row)| query.matches(id, row.status)).map(|(id, _)| id.clone()).collect();
        query.sort(&mut ids);
        Ok(ids)
    }

    async fn list_families(&self, namespace: &Namespace, query: &FamilyQuery) -> Result<Vec<Family>, Error> {
        let state = self.shared.state.lock();
        let rows = state.definitions.get(namespace).into_iter().flatten();
        Ok(query.pick(rows.map(|(id, row)| (id.family.clone(), row.status == TaskDefinitionStatus::Active))))
    }

    async fn create_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        let mut state = self.shared.state.lock();
        match state.capacity_providers.entry(provider_key(namespace, &row.name)) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(place) => {
                place.insert(Arc::new(row.clone()));
                Ok(true)
            }
        }
    }

    async fn replace_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        let mut state = self.shared.state.lock();
        let stored = state.capacity_providers.get_mut(&provider_key(namespace, &row.name));
        let before = stored.filter(|stored| stored.version + 1 == row.version);
        Ok(before.map(|before| *before = Arc::new(row.clone())).is_some())
    }

    async fn capacity_provider(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<Arc<CapacityProvider>>, Error> {
        Ok(self.shared.state.lock().capacity_providers.get(&provider_key(namespace, name)).cloned())
    }

    async fn list_capacity_providers(&self, namespace: &Namespace) -> Result<Vec<Arc<CapacityProvider>>, Error> {
        let state = self.shared.state.lock();
        let of_namespace = state.capacity_providers.iter().filter(|((of, _), _)| of == namespace);
        Ok(of_namespace.map(|(_, row)| Arc::clone(row)).collect())
    }

    async fn delete_capacity_provider(&self, namespace: &Namespace, name: &str) -> Result<ProviderDeletion, Error> {
        let mut state = self.shared.state.lock();
        let key = provider_key(namespace, name);
        if !state.capacity_providers.contains_key(&key) {
            return Ok(ProviderDeletion::Missing);
        }
        let associated = |cluster: &&Cluster| {
            cluster.status == ClusterStatus::Active && cluster.capacity_providers.iter().any(|one| **one == *name)
        };
        let of_namespace = state.clusters.iter().filter(|(of, _)| of.namespace == *namespace);
        let mut rows = of_namespace.filter_map(|(_, cluster)| cluster.image.cluster.as_deref());
        if let Some(cluster) = rows.find(associated) {
            return Ok(ProviderDeletion::Associated(cluster.key.name.clone()));
        }
        let removed = state.capacity_providers.remove(&key);
        Ok(removed.map_or(ProviderDeletion::Missing, ProviderDeletion::Deleted))
    }

    async fn account_settings(
        &self,
        namespace: &Namespace,
        principal: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let state = self.shared.state.lock();
        Ok(state.account_settings.get(&(namespace.clone(), principal.to_owned())).cloned().unwrap_or_default())
    }

    async fn set_account_setting(
        &self,
        namespace: &Namespace,
        principal: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Error> {
        let mut state = self.shared.state.lock();
        let settings = state.account_settings.entry((namespace.clone(), principal.to_owned())).or_default();
        match value {
            Some(value) => settings.insert(name.to_owned(), value.to_owned()),
            None => settings.remove(name),
        };
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

fn provider_key(namespace: &Namespace, name: &str) -> (Namespace, Arc<str>) {
    (namespace.clone(), name.into())
}

impl State {
    fn fenced(&self, lease: &Lease) -> Result<&ClusterState, Error> {
        let cluster = self.clusters.get(&lease.cluster).filter(|cluster| cluster.epoch == lease.epoch);
        cluster.ok_or_else(|| Error::Fenced { cluster: lease.cluster.clone(), epoch: lease.epoch })
    }

    fn fenced_mut(&mut self, lease: &Lease) -> Result<&mut ClusterState, Error> {
        let cluster = self.clusters.get_mut(&lease.cluster).filter(|cluster| cluster.epoch == lease.epoch);
        cluster.ok_or_else(|| Error::Fenced { cluster: lease.cluster.clone(), epoch: lease.epoch })
    }
}

impl ClusterState {
    fn check_tasks(&self, batch: &Batch) -> Result<(), Error> {
        if let Some(id) = batch.tasks_created.keys().find(|id| self.image.tasks.contains_key(id)) {
            return Err(refused("tasks_pkey", format!("task {id} exists")));
        }
        let known = |id: &TaskId| self.image.tasks.contains_key(id);
        match batch.tasks_updated.keys().find(|id| !known(id)) {
            Some(id) => Err(refused("tasks_updated", format!("task {id} does not exist"))),
            None => Ok(()),
        }
    }

    /// I-1: what is used fits into what there is, after the batch.
    fn check_usage(&self, batch: &Batch) -> Result<(), Error> {
        for id in batch.usage.keys().chain(batch.instances.keys()) {
            let before = self.image.instances.get(id).filter(|_| !batch.instances_removed.contains(id));
            let Some(instance) = batch.instances.get(id).or(before) else {
                return Err(refused("instance_usage", format!("instance {id} does not exist")));
            };
            let used = batch.usage.get(id).or_else(|| self.image.usage.get(id)).copied().unwrap_or_default();
            let capacity = &instance.registered;
            let fits = used.cpu_units <= capacity.cpu_units.into() && used.memory_mib <= capacity.memory_mib.into();
            if !fits {
                return Err(refused("instance_usage_fits", format!("{used:?} exceeds {capacity:?} of instance {id}")));
            }
        }
        Ok(())
    }

    /// I-2: ports are given back first, so that one batch can hand a port from one task to the next.
    fn ports_changed(&self, batch: &Batch) -> Result<PortsChanged, Error> {
        let removed = batch.tasks_removed.iter().filter_map(|id| self.image.tasks.get(id));
        let stopped = batch.tasks_updated.values().filter(|task| task.is_stopped());
        let freed: BTreeSet<_> = removed
            .chain(stopped)
            .flat_map(|task| ports(task).map(|key| (key, task.id)))
            .filter(|(key, task)| self.ports.get(key) == Some(task))
            .map(|(key, _)| key)
            .collect();
        let mut taken = BTreeMap::new();
        let placed = batch.tasks_placed.iter().filter_map(|id| batch.tasks_updated.get(id));
        for task in batch.tasks_created.values().chain(placed).filter(|task| !task.is_stopped()) {
            for key in ports(task) {
                let held = self.ports.get(&key).filter(|_| !freed.contains(&key)).copied();
                if let Some(holder) = held.or(taken.insert(key, task.id)) {
                    return Err(refused("host_ports_pkey", already_held(key, holder)));
                }
            }
        }
        Ok(PortsChanged { freed, taken })
    }
}

struct PortsChanged {
    freed: BTreeSet<(InstanceId, PortClaim)>,
    taken: BTreeMap<(InstanceId, PortClaim), TaskId>,
}

/// Those a task holds, where it has an instance.
fn ports(task: &Task) -> impl Iterator<Item = (InstanceId, PortClaim)> {
    let (on, held) = (task.instance.into_iter(), &task.reserved.ports);
    on.flat_map(move |instance| held.iter().map(move |port| (instance, *port)))
}

fn already_held((instance, port): (InstanceId, PortClaim), holder: TaskId) -> String {
    let PortClaim { protocol, port } = port;
    format!("{} port {port} of instance {instance} is held by task {holder}", protocol.as_str())
}

fn refused(constraint: &str, problem: String) -> Error {
    Error::Constraint { constraint: constraint.to_owned(), source: problem.into() }
}
