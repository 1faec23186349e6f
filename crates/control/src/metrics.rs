//! What the writers count. Collected with atomics, rendered when somebody asks.

use plimsoll_model::{ClusterKey, Image};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

pub struct Metrics {
    registry: Registry,
    inputs: Family<ClusterLabels, Counter>,
    batches: Family<ClusterLabels, Counter>,
    throttled: Family<ClusterLabels, Counter>,
    reloads: Family<ClusterLabels, Counter>,
    batch_rows: Family<ClusterLabels, Histogram>,
    commit_seconds: Family<ClusterLabels, Histogram>,
    step_seconds: Family<ClusterLabels, Histogram>,
    connected_nodes: Family<ClusterLabels, Gauge>,
    instances: Family<ClusterLabels, Gauge>,
    services: Family<ClusterLabels, Gauge>,
    tasks: Family<TaskLabels, Gauge>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ClusterLabels {
    account: String,
    region: String,
    cluster: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct TaskLabels {
    account: String,
    region: String,
    cluster: String,
    status: &'static str,
}

impl From<&ClusterKey> for ClusterLabels {
    fn from(key: &ClusterKey) -> Self {
        ClusterLabels {
            account: key.namespace.account.to_string(),
            region: key.namespace.region.to_string(),
            cluster: key.name.to_string(),
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let rows = || Histogram::new(exponential_buckets(1.0, 4.0, 8));
        // From 50 microseconds to about 13 seconds.
        let seconds = || Histogram::new(exponential_buckets(0.000_05, 4.0, 10));
        let mut metrics = Metrics {
            registry: Registry::with_prefix("plimsoll"),
            inputs: Family::default(),
            batches: Family::default(),
            throttled: Family::default(),
            reloads: Family::default(),
            batch_rows: Family::new_with_constructor(rows),
            commit_seconds: Family::new_with_constructor(seconds),
            step_seconds: Family::new_with_constructor(seconds),
            connected_nodes: Family::default(),
            instances: Family::default(),
            services: Family::default(),
            tasks: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("writer_inputs", "Inputs stepped", self.inputs.clone());
        registry.register("writer_batches", "Batches committed", self.batches.clone());
        registry.register("writer_throttled", "Requests refused because too many waited", self.throttled.clone());
        registry.register("writer_reloads", "Times a writer lost its cluster and reloaded it", self.reloads.clone());
        registry.register("writer_batch_rows", "Rows written or removed by one batch", self.batch_rows.clone());
        registry.register_with_unit("writer_commit", "Time of a commit", Unit::Seconds, self.commit_seconds.clone());
        registry.register_with_unit(
            "writer_step",
            "Time of deciding a batch",
            Unit::Seconds,
            self.step_seconds.clone(),
        );
        registry.register("connected_nodes", "Nodes with an open connection", self.connected_nodes.clone());
        registry.register("container_instances", "Registered container instances", self.instances.clone());
        registry.register("services", "Active services", self.services.clone());
        registry.register("tasks", "Tasks by status", self.tasks.clone());
    }

    pub(crate) fn stepped(&self, key: &ClusterKey, inputs: usize, took: Duration) {
        let labels = ClusterLabels::from(key);
        self.inputs.get_or_create(&labels).inc_by(inputs as u64);
        self.step_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn committing(&self, key: &ClusterKey, rows: usize) {
        self.batch_rows.get_or_create(&key.into()).observe(rows as f64);
    }

    pub(crate) fn committed(&self, key: &ClusterKey, took: Duration) {
        let labels = ClusterLabels::from(key);
        self.batches.get_or_create(&labels).inc();
        self.commit_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn throttled(&self, key: &ClusterKey) {
        self.throttled.get_or_create(&key.into()).inc();
    }

    pub(crate) fn reloaded(&self, key: &ClusterKey) {
        self.reloads.get_or_create(&key.into()).inc();
    }

    /// Constant time: the image counts as it goes.
    pub(crate) fn observe(&self, key: &ClusterKey, image: &Image, connected: usize) {
        let labels = ClusterLabels::from(key);
        self.connected_nodes.get_or_create(&labels).set(connected as i64);
        self.instances.get_or_create(&labels).set(i64::from(image.registered_instances()));
        self.services.get_or_create(&labels).set(i64::from(image.active_services()));
        let counts = image.total();
        let stopping = counts.not_stopped - counts.running - counts.pending;
        let stopped = image.tasks.len() as i64 - i64::from(counts.not_stopped);
        let by_status = [
            ("pending", i64::from(counts.pending)),
            ("running", i64::from(counts.running)),
            ("stopping", i64::from(stopping)),
            ("stopped", stopped),
        ];
        for (status, count) in by_status {
            let ClusterLabels { account, region, cluster } = labels.clone();
            self.tasks.get_or_create(&TaskLabels { account, region, cluster, status }).set(count);
        }
    }

    pub(crate) fn encode(&self, into: &mut String) -> std::fmt::Result {
        // The end-of-file mark is written by whoever puts the parts together.
        text::encode_registry(into, &self.registry)
    }

    /// Inputs stepped so far for a cluster.
    pub fn inputs(&self, key: &ClusterKey) -> u64 {
        self.inputs.get_or_create(&key.into()).get()
    }

    /// Batches committed so far for a cluster.
    pub fn batches(&self, key: &ClusterKey) -> u64 {
        self.batches.get_or_create(&key.into()).get()
    }

    /// How often the cluster's writer lost it and took it over again.
    pub fn reloads(&self, key: &ClusterKey) -> u64 {
        self.reloads.get_or_create(&key.into()).get()
    }
}
