//! The full engine: an experiment goes through the production cores in virtual time. `ClusterCore` decides what runs
//! where, each node is a `NodeCore`, and commits, messages, starts and stops take time. Nodes and tasks fail as the
//! experiment says, services roll out.
//!
//! The world here is small on purpose: one writer whose commits succeed, connections that only break with their node. What
//! goes wrong beyond that, and the invariants, are the business of the crate `sim`.

mod ledger;
mod machine;
mod plan;
mod record;
mod services;
mod strategy;
#[cfg(test)]
mod tests;
mod world;
mod writer;

pub use plan::{NodesFail, Plan, ServiceGroup, TasksFail};
pub use record::{full_metrics, full_record};
pub use strategy::{Baseline, strategies};

use crate::workload::Workload;
use plimsoll_model::PlacementStrategy;
use plimsoll_placement::policy::NodeShape;

/// What a run consists of.
#[derive(Clone, Copy, Debug)]
pub struct FullSetup<'a> {
    pub nodes: &'a [NodeShape],
    /// Tasks that are run once each, with RunTask; their lifetimes begin when they run.
    pub workload: &'a Workload,
    pub strategies: &'a [PlacementStrategy],
    pub plan: &'a Plan,
    /// When the clock stops.
    pub end_s: u64,
    pub seed: u64,
}

/// CPU units of thousandths of a core, for what is needed: at least as much.
pub(crate) fn units_needed(cpu_milli: u32) -> u32 {
    u32::try_from((u64::from(cpu_milli) * 1024).div_ceil(1000)).unwrap_or(u32::MAX)
}

/// CPU units of thousandths of a core, for what there is: at most as much.
pub(crate) fn units_there(cpu_milli: u32) -> u32 {
    u32::try_from(u64::from(cpu_milli) * 1024 / 1000).unwrap_or(u32::MAX)
}
