//! What happens to a fleet and what is asked of it, as one serialisable event each: enough to make every choice again.
//!
//! Instances, groups and tasks have their names here and not their ordinals, which mean nothing to another process.
//! Events that no release writes any more must go on being read, or [`VERSION`] is another one.

use crate::policy::{Task, Typical};
use crate::{Demand, NodeSpec, Request};
use plimsoll_model::{InstanceId, PlacementStrategy, Reserved, TaskId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Of the form of the events, and of what they mean.
pub const VERSION: u32 = 1;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// A scheduler takes over: what was known of the cluster before is forgotten. Tie-breaks are drawn from this stream.
    Begins {
        seed: [u64; 4],
        stream: u64,
    },
    /// An instance joins, or is another than before.
    Instance(NodeSpec),
    InstanceLeaves {
        instance: InstanceId,
    },
    TaskPlaced {
        task: TaskId,
        instance: InstanceId,
        group: Arc<str>,
        reserved: Reserved,
    },
    TaskStopping {
        task: TaskId,
        instance: InstanceId,
        group: Arc<str>,
    },
    TaskGone {
        task: TaskId,
        instance: InstanceId,
        group: Arc<str>,
        reserved: Reserved,
        was_live: bool,
    },
    /// Tasks that are RUNNING on an instance.
    Running {
        instance: InstanceId,
        tasks: u32,
    },
    /// Room kept on an instance for tasks of a daemon to come.
    Kept {
        instance: InstanceId,
        owner: Arc<str>,
        room: Demand,
    },
    /// The policy for requests without a strategy; none is the default of ECS.
    Policy {
        policy: Option<Arc<str>>,
    },
    /// Tasks that are to be expected, which some policies look at.
    Expected {
        tasks: Vec<ExpectedTask>,
    },
    Asked(Asked),
    /// So many events before this one were not written: nothing after it follows from what is before it.
    Lost {
        events: u64,
    },
    /// The log reached its greatest size here.
    Full,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedTask {
    pub cpu_units: u32,
    pub memory_mib: u32,
    pub gpus: u8,
    pub weight: u32,
}

/// A request for places, and what was chosen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Asked {
    pub demand: Demand,
    pub required_attributes: Vec<Arc<str>>,
    /// The texts of the expressions.
    pub member_of: Vec<Arc<str>>,
    pub distinct_instance: bool,
    pub group: Arc<str>,
    pub strategies: Vec<PlacementStrategy>,
    pub external: bool,
    pub takes_kept_room: bool,
    pub capacity_provider: Option<Arc<str>>,
    pub count: u32,
    /// Words of the stream of tie-breaks drawn before.
    pub drawn: u64,
    /// Where the tasks went, in order; fewer than `count` where room ended.
    pub placed: Vec<InstanceId>,
}

impl Asked {
    /// A request without its answer.
    pub fn new(request: &Request<'_>, group: Arc<str>, count: usize, drawn: u64) -> Self {
        Asked {
            demand: request.demand.clone(),
            required_attributes: request.required_attributes.to_vec(),
            member_of: request.member_of.iter().map(|expression| expression.source().into()).collect(),
            distinct_instance: request.distinct_instance,
            group,
            strategies: request.strategies.to_vec(),
            external: request.external,
            takes_kept_room: request.takes_kept_room,
            capacity_provider: request.capacity_provider.map(Arc::from),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            drawn,
            placed: Vec::new(),
        }
    }
}

impl From<&Typical> for ExpectedTask {
    fn from(typical: &Typical) -> Self {
        let Task { cpu_milli, memory_mib, gpus, .. } = typical.task;
        ExpectedTask { cpu_units: cpu_milli, memory_mib, gpus, weight: typical.weight }
    }
}

impl From<&ExpectedTask> for Typical {
    fn from(expected: &ExpectedTask) -> Self {
        let ExpectedTask { cpu_units, memory_mib, gpus, weight } = *expected;
        let demand = Demand { cpu_units, memory_mib, gpus: gpus.into(), ..Demand::default() };
        Typical { task: demand.as_task(), weight }
    }
}
