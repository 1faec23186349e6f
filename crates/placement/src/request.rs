//! What is asked of a fleet and what it answers.

use crate::{Expression, GroupIdx, InstanceIdx, Reason};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, Reserved};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one task needs of an instance (RES-1..4). GPUs get their names when an instance is chosen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Demand {
    pub cpu_units: u32,
    pub memory_mib: u32,
    /// Invariant: sorted, no port twice.
    pub ports: Vec<PortClaim>,
    pub gpus: u32,
}

/// Identical tasks looking for instances.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub demand: &'a Demand,
    pub required_attributes: &'a [Arc<str>],
    /// Of the definition first, then of the request or service; all must hold.
    pub member_of: &'a [Arc<Expression>],
    pub distinct_instance: bool,
    /// The tasks that spreading and distinctInstance count: `service:<name>` for service tasks.
    pub group: GroupIdx,
    /// At most [`crate::STRATEGIES_MAX`]; empty means the default of PL-6 and PL-7.
    pub strategies: &'a [PlacementStrategy],
    /// Launch type EXTERNAL: only instances with `ecs.capability.external`, and only it may use them (PL-1).
    pub external: bool,
    /// Room kept for tasks to come is there for these ones (SVC-45).
    pub takes_kept_room: bool,
    /// Only instances that belong to this capacity provider; `None` asks all of them.
    pub capacity_provider: Option<&'a str>,
}

/// Where the tasks go, in the order they are placed; each sees the ones before it (CQL-13).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    pub placed: Vec<(InstanceIdx, Reserved)>,
    /// Present when fewer tasks than asked for found a place: why the next one did not.
    pub rejection: Option<Rejection>,
}

/// Why no instance takes the task.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rejection {
    /// Instances per first failed check.
    pub counts: BTreeMap<Reason, u32>,
    /// The instance that passed the most checks (PL-11), and the one it failed.
    pub closest: Option<(InstanceId, Reason)>,
    /// ACTIVE instances of the needed kind and capacity provider; 0 is nothing to place on (RUN-7).
    pub instances: u32,
}
