//! What happens to a cluster besides the tasks of its workload, as an experiment's file says it in `[full]`.

use crate::generate::Distribution;
use serde::Deserialize;

/// Durations are drawn anew for each task and each failure.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// When the clock stops; without, when it stops for the workload.
    pub end_s: Option<u32>,
    /// Nodes belong to this many availability zones in turn.
    #[serde(default = "one")]
    pub zones: u32,
    /// From the moment a node is told to start a task until its container runs.
    pub start_ms: Distribution,
    /// From the moment a container is told to stop until it has.
    #[serde(default = "second")]
    pub stop_ms: Distribution,
    /// Between the control plane and a node, one way.
    #[serde(default = "message_ms")]
    pub message_ms: u32,
    /// Of one batch to the store; meanwhile the next one fills.
    #[serde(default = "commit_ms")]
    pub commit_ms: u32,
    /// Time in RUNNING before a task counts as healthy in a rollout.
    #[serde(default)]
    pub healthy_s: u32,
    /// How long a node that is gone keeps its tasks before they are replaced.
    #[serde(default = "grace_s")]
    pub grace_s: u32,
    pub nodes_fail: Option<NodesFail>,
    pub tasks_fail: Option<TasksFail>,
    #[serde(rename = "service", default)]
    pub services: Vec<ServiceGroup>,
}

/// Machines go down with all their containers, and come back empty.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodesFail {
    /// Time between failures of one node.
    pub after_s: Distribution,
    pub repair_s: Distribution,
    /// Until the control plane sees the connection break.
    #[serde(default = "noticed_after_s")]
    pub noticed_after_s: u32,
}

/// Containers exit by themselves.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TasksFail {
    /// Time a container runs before it does.
    pub after_s: Distribution,
}

/// Services of one kind, created when the clock starts.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceGroup {
    pub services: u32,
    /// Tasks of each, at least 1.
    pub desired: Distribution,
    /// Of each task; drawn once per service.
    pub cpu_milli: Distribution,
    pub memory_mib: Distribution,
    #[serde(default = "hundred")]
    pub minimum_healthy_percent: u32,
    #[serde(default = "two_hundred")]
    pub maximum_percent: u32,
    /// When a new revision is rolled out; without, none is.
    pub rollout_at_s: Option<u32>,
}

fn one() -> u32 {
    1
}

fn second() -> Distribution {
    Distribution::Constant(1000)
}

fn message_ms() -> u32 {
    2
}

fn commit_ms() -> u32 {
    5
}

fn grace_s() -> u32 {
    120
}

fn noticed_after_s() -> u32 {
    10
}

fn hundred() -> u32 {
    100
}

fn two_hundred() -> u32 {
    200
}

/// Services of one experiment.
const SERVICES_MAX: u32 = 10_000;
/// Tasks of one service.
const DESIRED_MAX: u64 = 10_000;
const ZONES_MAX: u32 = 100;

impl Plan {
    /// What is wrong with it, and the key that is.
    pub fn check(&self) -> Result<(), (String, String)> {
        let key = |key: &str| key.to_owned();
        if self.zones == 0 || self.zones > ZONES_MAX {
            return Err((key("zones"), format!("expected 1 to {ZONES_MAX}, found {}", self.zones)));
        }
        let second = u64::from(u32::MAX);
        let mut drawn = vec![(key("start_ms"), &self.start_ms, second), (key("stop_ms"), &self.stop_ms, second)];
        if let Some(fail) = &self.nodes_fail {
            drawn.push((key("nodes_fail.after_s"), &fail.after_s, second));
            drawn.push((key("nodes_fail.repair_s"), &fail.repair_s, second));
        }
        if let Some(fail) = &self.tasks_fail {
            drawn.push((key("tasks_fail.after_s"), &fail.after_s, second));
        }
        for (nth, group) in self.services.iter().enumerate() {
            if group.services == 0 || group.services > SERVICES_MAX {
                let problem = format!("expected 1 to {SERVICES_MAX}, found {}", group.services);
                return Err((format!("service.{nth}.services"), problem));
            }
            // The core would refuse the service: with both at 100 % a rollout could neither stop nor start a task.
            if group.maximum_percent < 100 || group.minimum_healthy_percent > group.maximum_percent {
                let problem = format!(
                    "expected at least 100 and minimum_healthy_percent, found {} with {}",
                    group.maximum_percent, group.minimum_healthy_percent
                );
                return Err((format!("service.{nth}.maximum_percent"), problem));
            }
            drawn.push((format!("service.{nth}.desired"), &group.desired, DESIRED_MAX));
            drawn.push((format!("service.{nth}.cpu_milli"), &group.cpu_milli, second));
            drawn.push((format!("service.{nth}.memory_mib"), &group.memory_mib, second));
        }
        for (key, distribution, max) in drawn {
            distribution.check(max).map_err(|problem| (key, problem))?;
        }
        Ok(())
    }
}
