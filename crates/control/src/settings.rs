//! Every limit of the control plane, by name.

use crate::DecisionLog;
use plimsoll_core::ClusterConfig;
use plimsoll_model::{ClusterKey, Epoch};
use std::time::Duration;

#[derive(Clone, PartialEq, Debug)]
pub struct ControlSettings {
    /// Requests that may wait for one cluster; more are throttled (I-35).
    pub commands_waiting_max: usize,
    /// Messages of nodes that may wait for one cluster; at the limit their streams are read more slowly.
    pub node_messages_waiting_max: usize,
    /// Inputs of each lane stepped between two looks at the commit under way.
    pub batch_inputs_max: usize,
    /// Changes stepped ahead of the commit under way; at the limit the writer waits for it.
    pub changes_ahead_max: usize,
    /// A request for a cluster that is being reloaded waits this long before it is refused as retryable.
    pub reload_wait: Duration,
    /// How long the store lets a lease live without renewal; it is renewed at a third of that.
    pub lease_time_to_live: Duration,
    /// How often the store is asked for clusters that other processes have made.
    pub clusters_discovered_every: Duration,
    /// Task definitions kept in memory, by revision.
    pub definitions_cached_max: usize,
    /// How long a cached definition is believed: another replica may have deregistered it.
    pub definitions_believed: Duration,
    /// How often it is looked which definitions to be deleted are not used any more. A definition is kept that long
    /// at least: a request that found it ACTIVE before may still be under way (TD-80).
    pub definitions_deleted_every: Duration,
    pub scheduler: SchedulerSettings,
    /// Where writers say what they decided.
    pub decision_log: Option<DecisionLog>,
}

/// The same for all clusters; see [`ClusterConfig`] for what each means.
#[derive(Clone, PartialEq, Debug)]
pub struct SchedulerSettings {
    pub disconnect_grace_ms: Option<u64>,
    pub healthy_ms: u64,
    pub retention_ms: u64,
    pub token_retention_ms: u64,
    pub provisioning_timeout_ms: u64,
    pub provisioning_tasks_max: usize,
    pub placements_per_step_max: usize,
    pub events_per_service_max: usize,
}

impl Default for ControlSettings {
    fn default() -> Self {
        ControlSettings {
            commands_waiting_max: 10_000,
            node_messages_waiting_max: 20_000,
            batch_inputs_max: 500,
            changes_ahead_max: 8_000,
            reload_wait: Duration::from_secs(2),
            lease_time_to_live: Duration::from_secs(10),
            clusters_discovered_every: Duration::from_secs(5),
            definitions_cached_max: 10_000,
            definitions_believed: Duration::from_secs(5),
            definitions_deleted_every: Duration::from_secs(60),
            scheduler: SchedulerSettings::default(),
            decision_log: None,
        }
    }
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        let nobody = plimsoll_model::Namespace { account: "".into(), region: "".into() };
        let key = ClusterKey { namespace: nobody, name: plimsoll_model::ClusterName::default_cluster() };
        let config = ClusterConfig::new(key, Epoch(0), 0);
        SchedulerSettings {
            disconnect_grace_ms: config.disconnect_grace_ms,
            healthy_ms: config.healthy_ms,
            retention_ms: config.retention_ms,
            token_retention_ms: config.token_retention_ms,
            provisioning_timeout_ms: config.provisioning_timeout_ms,
            provisioning_tasks_max: config.provisioning_tasks_max,
            placements_per_step_max: config.placements_per_step_max,
            events_per_service_max: config.events_per_service_max,
        }
    }
}

impl SchedulerSettings {
    pub(crate) fn config(&self, cluster: ClusterKey, epoch: Epoch, seed: u64) -> ClusterConfig {
        ClusterConfig {
            cluster,
            epoch,
            seed,
            disconnect_grace_ms: self.disconnect_grace_ms,
            healthy_ms: self.healthy_ms,
            retention_ms: self.retention_ms,
            token_retention_ms: self.token_retention_ms,
            provisioning_timeout_ms: self.provisioning_timeout_ms,
            provisioning_tasks_max: self.provisioning_tasks_max,
            placements_per_step_max: self.placements_per_step_max,
            events_per_service_max: self.events_per_service_max,
            records_decisions: false,
        }
    }
}
