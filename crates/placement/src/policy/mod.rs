//! Policies beyond the strategies of ECS, chosen by name, with every option spelled out.
//!
//! A [`Policy`] scores one task on one node and names the device a sharing task gets; it sees nothing else, so a
//! [`Pool`] may keep a score until its node changes. Adding a policy is one file here and one line in `registry.rs`.
//!
//! Everything is integers. A policy that is defined over fractions says how it truncates them.

mod best_fit;
mod binpack_cpu;
mod binpack_memory;
mod board;
pub(crate) mod boards;
mod dot_product;
mod draw;
mod fgd;
mod first_fit;
mod fragmentation;
mod gpu_clustering;
mod gpu_packing;
mod node;
mod options;
mod pool;
mod power_of_k;
mod random;
mod registry;
mod ruling;
#[cfg(test)]
mod ruling_tests;
mod scale;
mod spec;
mod spread_tasks;
mod task;
#[cfg(test)]
mod tests;
mod worst_fit;

pub use draw::{below, shuffle};
pub use fragmentation::{Fragmentation, Typical};
pub use node::{Claim, DEVICES_MAX, Node, NodeShape};
pub use options::{NodeOrder, OptionReader, OptionValue, Options, PolicyError, TieBreak};
pub use pool::{Pool, Selection};
pub use registry::{Chosen, Context, Described, choose, describe};
pub use scale::Largest;
pub use spec::PolicySpec;
pub use task::{MODELS_MAX, Models, Task, WHOLE_GPU};

use rand::Rng;
use std::num::NonZeroU32;

/// How good a node is for a task; larger is better. `i64::MIN` is never a score.
pub type Score = i64;

/// Chooses nodes for tasks.
pub trait Policy: std::fmt::Debug + Send + Sync {
    /// How good `node` is for `task`, as it is before the task is there. Only asked where the task fits, and only a
    /// function of its two arguments: whoever asks may keep the answer until the node changes.
    fn score(&self, task: &Task, node: &Node) -> Score;

    /// The device of a task that shares one. Only asked where the task fits. The fitting device with the least left,
    /// unless a policy says otherwise.
    fn device(&self, task: &Task, node: &Node, _chance: &mut dyn Rng) -> usize {
        node.tightest_device(task.gpu_milli).expect("a task that fits has a device")
    }

    /// Look at so many nodes, drawn from those where the task fits, instead of at all of them.
    fn sample(&self) -> Option<NonZeroU32> {
        None
    }
}
