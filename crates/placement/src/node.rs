//! An instance: what a fleet is told of it, and what it keeps of that beside what placing reads.

use crate::kept::Kept;
use plimsoll_model::{InstanceId, PortClaim, Reserved, Resources, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a fleet is told of an instance. INACTIVE ones are not in a fleet; DRAINING ones are, with `active: false`,
/// because their tasks count for spreading (PL-3).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeSpec {
    pub instance: InstanceId,
    pub ec2_instance_id: Arc<str>,
    pub registered_at: Timestamp,
    pub agent_version: Option<Arc<str>>,
    /// `None` is an attribute with a name only (CQL-6).
    pub attributes: BTreeMap<Arc<str>, Option<Arc<str>>>,
    pub resources: Resources,
    pub active: bool,
    pub connected: bool,
    /// Connected, and trusted with no further task until it has stayed connected for a while (F-16).
    pub damped: bool,
}

/// What placing rarely looks at.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub instance: InstanceId,
    pub ec2_instance_id: Arc<str>,
    pub registered_at: Timestamp,
    pub agent_version: Option<Arc<str>>,
    pub resources: Resources,
    /// Tasks whose lastStatus is RUNNING (CQL-11).
    pub running: u32,
    pub ports_held: BTreeSet<PortClaim>,
    pub gpus_held: BTreeSet<Arc<str>>,
    pub gpus_free: BTreeSet<Arc<str>>,
    /// Tasks that hold GPUs, by how many they hold.
    pub gpu_tasks: BTreeMap<u32, u32>,
    pub kept: Kept,
}

impl Node {
    pub fn count_gpu_task(&mut self, reserved: &Reserved, change: impl FnOnce(&mut u32)) {
        let gpus = u32::try_from(reserved.gpus.len()).unwrap_or(u32::MAX);
        let tasks = self.gpu_tasks.entry(gpus).or_insert(0);
        change(tasks);
        if *tasks == 0 {
            self.gpu_tasks.remove(&gpus);
        }
    }
}
