//! Every decision, and nothing else: `ClusterCore` decides for a cluster, `NodeCore` decides for a node.
//!
//! Both are synchronous machines driven by `step(now, input, &mut outbox)`. No clock, no entropy, no input or output,
//! no logging: a shell feeds inputs, commits the changes, and only then performs the effects.

pub mod cluster;
pub mod command;
mod error;
pub mod explain;
pub mod node;
pub mod protocol;
pub mod rehearsal;
mod shares;
pub mod task_definition;

pub use cluster::{ClusterConfig, ClusterCore, Effect, Input, LoadError, Outbox, Reply, RequestId};
pub use command::{Command, Failure, FailureReason, Output, ProtectionRefusal};
pub use error::CommandError;
pub use node::{NodeConfig, NodeCore};
pub use plimsoll_placement::{journal, mutant, mutants};
