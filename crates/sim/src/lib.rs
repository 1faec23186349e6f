//! A world in virtual time around the production cores: one [`ClusterCore`](plimsoll_core::ClusterCore), several
//! [`NodeCore`](plimsoll_core::NodeCore)s, and models of everything else (store, network, container runtimes,
//! clients), with faults drawn from a seed and invariants checked after every step.
//!
//! The README beside this crate has the table of invariants. The same seed gives the same run, byte for byte. Nothing here reads a clock, starts a thread or opens a socket.

mod coverage;
mod definitions;
mod dice;
mod invariants;
mod run;
mod swarm;
mod trace;
mod violation;
mod world;

pub use coverage::{Coverage, Outcome, Point};
#[cfg(feature = "mutants")]
pub use plimsoll_core::mutants;
pub use run::{RunReport, run_seed, run_seed_briefly};
pub use swarm::Swarm;
pub use violation::Violation;
