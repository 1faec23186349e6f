//! A store that can be held up and made to fail, and what the tests say over and over.

use async_trait::async_trait;
use parking_lot::Mutex;
use plimsoll_control::{Control, ControlSettings, Delivery, StreamSource};
use plimsoll_core::Command;
use plimsoll_core::command::{CreateCluster, RegisterContainerInstance};
use plimsoll_core::protocol::{FromNode, Hello};
use plimsoll_model::{
    Batch, CapacityProvider, ClusterKey, ClusterName, Epoch, Family, Image, Namespace, Resources, Tags, TaskDefinition,
    TaskDefinitionId, TaskDefinitionStatus, Timestamp, VersionInfo,
};
use plimsoll_store::{DefinitionQuery, Error, FamilyQuery, Lease, MemoryStore, ProviderDeletion, Store};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing was written.
    Before,
    /// It was written, and nobody heard of it.
    After,
    Panic,
}

pub struct FaultyStore {
    pub inner: MemoryStore,
    /// A commit takes one permit; without one it waits.
    gate: Semaphore,
    /// For the next commits, in order.
    pub faults: Mutex<VecDeque<Fault>>,
    /// Clusters whose next load panics.
    pub load_panics: Mutex<Vec<ClusterKey>>,
    /// What the next renewal says is lost.
    pub lost: Mutex<Vec<ClusterKey>>,
    /// While true, nobody gets a lease: the store does not answer.
    pub no_leases: AtomicBool,
    /// While true, no lease is renewed: the store does not answer.
    pub no_renewals: AtomicBool,
    commits_begun: AtomicUsize,
}

const OPEN: usize = 1_000_000;

impl FaultyStore {
    pub fn new() -> Arc<Self> {
        Arc::new(FaultyStore {
            inner: MemoryStore::new(),
            gate: Semaphore::new(OPEN),
            faults: Mutex::default(),
            load_panics: Mutex::default(),
            lost: Mutex::default(),
            no_leases: AtomicBool::new(false),
            no_renewals: AtomicBool::new(false),
            commits_begun: AtomicUsize::new(0),
        })
    }

    pub fn fail_next(&self, fault: Fault) {
        self.faults.lock().push_back(fault);
    }

    pub fn close_gate(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    pub fn open_gate(&self) {
        self.gate.add_permits(OPEN);
    }

    pub fn commits_begun(&self) -> usize {
        self.commits_begun.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn clusters(&self) -> Result<Vec<ClusterKey>, Error> {
        self.inner.clusters().await
    }

    async fn acquire(&self, cluster: &ClusterKey) -> Result<Lease, Error> {
        if self.no_leases.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        self.inner.acquire(cluster).await
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error> {
        if self.no_renewals.load(Ordering::SeqCst) {
            return Err(unavailable());
        }
        let mut lost = self.inner.renew(leases).await?;
        lost.append(&mut self.lost.lock());
        Ok(lost)
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.inner.release(lease).await
    }

    async fn load(&self, lease: &Lease) -> Result<Image, Error> {
        let panics = {
            let mut load_panics = self.load_panics.lock();
            let before = load_panics.len();
            load_panics.retain(|key| *key != lease.cluster);
            load_panics.len() < before
        };
        assert!(!panics, "planted");
        self.inner.load(lease).await
    }

    async fn commit(&self, lease: &Lease, batch: &Batch) -> Result<(), Error> {
        self.commits_begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.expect("never closed").forget();
        let fault = self.faults.lock().pop_front();
        match fault {
            None => self.inner.commit(lease, batch).await,
            Some(Fault::Before) => Err(unavailable()),
            Some(Fault::After) => self.inner.commit(lease, batch).await.and(Err(unavailable())),
            Some(Fault::Panic) => panic!("planted"),
        }
    }

    async fn register_task_definition(
        &self,
        namespace: &Namespace,
        definition: TaskDefinition,
    ) -> Result<Arc<TaskDefinition>, Error> {
        self.inner.register_task_definition(namespace, definition).await
    }

    async fn task_definition(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        self.inner.task_definition(namespace, id).await
    }

    async fn latest_task_definition(
        &self,
        namespace: &Namespace,
        family: &Family,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        self.inner.latest_task_definition(namespace, family).await
    }

    async fn set_task_definition_status(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        status: TaskDefinitionStatus,
        at: Timestamp,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        self.inner.set_task_definition_status(namespace, id, status, at).await
    }

    async fn replace_task_definition_tags(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        before: &Tags,
        after: &Tags,
    ) -> Result<bool, Error> {
        self.inner.replace_task_definition_tags(namespace, id, before, after).await
    }

    async fn delete_unused_task_definitions(
        &self,
        requested_before: Timestamp,
    ) -> Result<Vec<(Namespace, TaskDefinitionId)>, Error> {
        self.inner.delete_unused_task_definitions(requested_before).await
    }

    async fn list_task_definitions(
        &self,
        namespace: &Namespace,
        query: &DefinitionQuery,
    ) -> Result<Vec<TaskDefinitionId>, Error> {
        self.inner.list_task_definitions(namespace, query).await
    }

    async fn list_families(&self, namespace: &Namespace, query: &FamilyQuery) -> Result<Vec<Family>, Error> {
        self.inner.list_families(namespace, query).await
    }

    async fn create_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        self.inner.create_capacity_provider(namespace, row).await
    }

    async fn replace_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        self.inner.replace_capacity_provider(namespace, row).await
    }

    async fn capacity_provider(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<Arc<CapacityProvider>>, Error> {
        self.inner.capacity_provider(namespace, name).await
    }

    async fn list_capacity_providers(&self, namespace: &Namespace) -> Result<Vec<Arc<CapacityProvider>>, Error> {
        self.inner.list_capacity_providers(namespace).await
    }

    async fn delete_capacity_provider(&self, namespace: &Namespace, name: &str) -> Result<ProviderDeletion, Error> {
        self.inner.delete_capacity_provider(namespace, name).await
    }

    async fn account_settings(
        &self,
        namespace: &Namespace,
        principal: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        self.inner.account_settings(namespace, principal).await
    }

    async fn set_account_setting(
        &self,
        namespace: &Namespace,
        principal: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Error> {
        self.inner.set_account_setting(namespace, principal, name, value).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.ping().await
    }
}

fn unavailable() -> Error {
    Error::Unavailable { doing: "commit", source: "planted".into() }
}

pub fn key(name: &str) -> ClusterKey {
    let namespace = Namespace { account: "123456789012".into(), region: "us-east-1".into() };
    ClusterKey { namespace, name: ClusterName::parse(name).unwrap() }
}

pub fn create() -> Command {
    Command::CreateCluster(CreateCluster::default())
}

pub fn hello() -> FromNode {
    FromNode::Hello(Box::new(Hello { registration: registration(), inventory: vec![], epoch: Epoch(0) }))
}

pub fn registration() -> RegisterContainerInstance {
    RegisterContainerInstance {
        instance: None,
        resources: Resources { cpu_units: 1024, memory_mib: 1024, ..Resources::default() },
        attributes: BTreeMap::new(),
        version_info: VersionInfo::default(),
        ec2_instance_id: None,
        tags: BTreeMap::new(),
    }
}

pub async fn control(store: &Arc<FaultyStore>, settings: ControlSettings) -> Arc<Control> {
    Control::start(Arc::clone(store) as Arc<dyn Store>, settings).await.unwrap()
}

/// Waits for something to become true.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"));
}

/// Waits for the next deliveries of a stream.
pub async fn hear(source: &mut StreamSource, told: &mut Vec<Delivery>) -> usize {
    let hearing = source.receive(told, 10);
    tokio::time::timeout(Duration::from_secs(20), hearing).await.expect("waited in vain for a delivery")
}
