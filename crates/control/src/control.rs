//! All clusters of this process.

use crate::account_settings::AccountSettings;
use crate::capacity_providers::CapacityProviders;
use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::discovery::keep_discovering;
use crate::error::Error;
use crate::handle::ClusterHandle;
use crate::lease::LeaseKeeper;
use crate::metrics::Metrics;
use crate::settings::ControlSettings;
use crate::writer::{self, Connections, Inbox, Phase, Shared, Surroundings};
use parking_lot::{Mutex, RwLock};
use plimsoll_model::{ClusterKey, ClusterName, Namespace, Timestamp};
use plimsoll_store::Store;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub struct Control {
    settings: Arc<ControlSettings>,
    clock: Clock,
    metrics: Arc<Metrics>,
    definitions: Definitions,
    capacity_providers: CapacityProviders,
    account_settings: AccountSettings,
    pub(crate) around: Surroundings,
    clusters: RwLock<BTreeMap<ClusterKey, Arc<Shared>>>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    /// Those whose first load is not over; empty but for moments.
    starting: Mutex<Vec<Arc<Shared>>>,
    /// Held while the store is asked for clusters.
    pub(crate) discovering: tokio::sync::Mutex<()>,
    /// Outlives the writers: they renew until they have let go.
    keeper_stop: CancellationToken,
}

/// How the process is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    pub store_answers: bool,
    /// Clusters this process has a writer for, and those of them that are loaded and can be written.
    pub clusters: usize,
    pub serving: usize,
}

impl Control {
    /// Starts a writer for every cluster of the store and waits until each has loaded its cluster or failed to once.
    /// A cluster whose lease another process holds is waited for.
    pub async fn start(store: Arc<dyn Store>, settings: ControlSettings) -> Result<Arc<Control>, Error> {
        let keys = store.clusters().await.map_err(Error::Clusters)?;
        let keeper = Arc::new(LeaseKeeper::new(settings.lease_time_to_live));
        let keeper_stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&keeper).run(Arc::clone(&store), keeper_stop.clone()));
        let control = Arc::new(Control {
            clock: Clock::start(),
            metrics: Arc::new(Metrics::new()),
            definitions: Definitions::new(Arc::clone(&store), &settings),
            capacity_providers: CapacityProviders::new(Arc::clone(&store)),
            account_settings: AccountSettings::new(Arc::clone(&store)),
            settings: Arc::new(settings),
            around: Surroundings { store, keeper, stop: CancellationToken::new() },
            clusters: RwLock::default(),
            writers: Mutex::default(),
            starting: Mutex::default(),
            discovering: tokio::sync::Mutex::default(),
            keeper_stop,
        });
        tokio::spawn(delete_definitions(Arc::downgrade(&control), control.keeper_stop.clone()));
        let every = control.settings.clusters_discovered_every;
        tokio::spawn(keep_discovering(Arc::downgrade(&control), every, control.around.stop.clone()));
        let started: Vec<Arc<Shared>> = keys.iter().map(|key| control.started(key)).collect();
        for shared in started {
            shared.settled().await;
        }
        Ok(control)
    }

    /// A cluster this process has a writer for. Whether it exists in the sense of ECS is in its image.
    pub fn cluster(&self, key: &ClusterKey) -> Option<ClusterHandle> {
        let clusters = self.clusters.read();
        clusters.get(key).map(|shared| ClusterHandle { shared: Arc::clone(shared) })
    }

    /// For whatever may create a cluster: starts its writer when there is none, and waits for its first load.
    pub async fn cluster_or_start(&self, key: &ClusterKey) -> ClusterHandle {
        let shared = self.started(key);
        // A lease held elsewhere is not waited for here; what is asked of the cluster answers unavailable then.
        let _ = tokio::time::timeout(self.settings.reload_wait, shared.settled()).await;
        ClusterHandle { shared }
    }

    /// Waits out the first load of clusters that have just been started, so that a reader does not come too early.
    pub async fn settled(&self) {
        let waiting = {
            let mut starting = self.starting.lock();
            starting.retain(|shared| *shared.phase.borrow() == Phase::Starting);
            starting.clone()
        };
        for shared in waiting {
            let _ = tokio::time::timeout(self.settings.reload_wait, shared.settled()).await;
        }
    }

    /// In order of name.
    pub fn clusters(&self, namespace: &Namespace) -> Vec<ClusterHandle> {
        let clusters = self.clusters.read();
        let of_namespace = clusters.iter().filter(|(key, _)| key.namespace == *namespace);
        of_namespace.map(|(_, shared)| ClusterHandle { shared: Arc::clone(shared) }).collect()
    }

    /// Names of the clusters of a namespace, in order, for whoever needs no handles.
    pub fn cluster_names(&self, namespace: &Namespace) -> Vec<ClusterName> {
        let clusters = self.clusters.read();
        clusters.keys().filter(|key| key.namespace == *namespace).map(|key| key.name.clone()).collect()
    }

    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    pub fn capacity_providers(&self) -> &CapacityProviders {
        &self.capacity_providers
    }

    pub fn account_settings(&self) -> &AccountSettings {
        &self.account_settings
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub async fn health(&self) -> Health {
        let (clusters, serving) = {
            let clusters = self.clusters.read();
            let serving = clusters.values().filter(|shared| *shared.phase.borrow() == Phase::Serving);
            (clusters.len(), serving.count())
        };
        Health { store_answers: self.around.store.ping().await.is_ok(), clusters, serving }
    }

    /// Writes the gauges that are read off the committed images, then everything counted, as OpenMetrics text.
    pub fn encode_metrics(&self, into: &mut String) -> std::fmt::Result {
        for (key, shared) in &*self.clusters.read() {
            if let Some(image) = &*shared.image.read() {
                self.metrics.observe(key, image, shared.connections.count());
            }
        }
        self.metrics.encode(into)
    }

    /// Takes no more requests, commits what is stepped, gives the leases back.
    pub async fn shutdown(&self) {
        self.around.stop.cancel();
        let writers = std::mem::take(&mut *self.writers.lock());
        for writer in writers {
            if let Err(error) = writer.await {
                tracing::error!(%error, "writer did not end");
            }
        }
        self.keeper_stop.cancel();
    }

    pub(crate) fn cluster_count(&self) -> usize {
        self.clusters.read().len()
    }

    pub(crate) fn started(&self, key: &ClusterKey) -> Arc<Shared> {
        if let Some(shared) = self.clusters.read().get(key) {
            return Arc::clone(shared);
        }
        let mut clusters = self.clusters.write();
        if let Some(shared) = clusters.get(key) {
            return Arc::clone(shared);
        }
        let (shared, inbox) = self.shared(key);
        clusters.insert(key.clone(), Arc::clone(&shared));
        self.starting.lock().push(Arc::clone(&shared));
        let writer = writer::supervise(Arc::clone(&shared), inbox, self.around.clone());
        self.writers.lock().push(tokio::spawn(writer));
        shared
    }

    fn shared(&self, key: &ClusterKey) -> (Arc<Shared>, Inbox) {
        let (commands, commands_in) = mpsc::channel(self.settings.commands_waiting_max);
        let (nodes, nodes_in) = mpsc::channel(self.settings.node_messages_waiting_max);
        let (disconnects, disconnects_in) = mpsc::unbounded_channel();
        let shared = Shared {
            key: key.clone(),
            settings: Arc::clone(&self.settings),
            clock: self.clock,
            metrics: Arc::clone(&self.metrics),
            image: RwLock::new(None),
            held: RwLock::new(None),
            phase: watch::Sender::new(Phase::Starting),
            commands,
            nodes,
            disconnects,
            connections: Connections::default(),
            served: AtomicBool::new(false),
        };
        let inbox = Inbox { commands: commands_in, nodes: nodes_in, disconnects: disconnects_in };
        (Arc::new(shared), inbox)
    }
}

/// Ends with the control.
async fn delete_definitions(control: Weak<Control>, stop: CancellationToken) {
    let Some(every) = control.upgrade().map(|control| control.settings.definitions_deleted_every) else { return };
    while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        let Some(control) = control.upgrade() else { return };
        let margin = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(control.now().as_millis().saturating_sub(margin));
        if let Err(error) = control.definitions.delete_unused(before).await {
            tracing::warn!(%error, "unused task definitions were not deleted");
        }
    }
}

/// A dropped control stops deciding; [`Control::shutdown`] is the one that waits for it.
impl Drop for Control {
    fn drop(&mut self) {
        self.around.stop.cancel();
        self.keeper_stop.cancel();
    }
}
