//! The node daemon: drives `NodeCore` over a container runtime and a stream to the control plane.
//!
//! It decides nothing about tasks. `NodeCore` says what to do; the runtimes do it and say what happened; the link
//! carries both sides' messages. One process is one node, or thousands of simulated ones.

mod agent;
mod clock;
mod driver;
mod error;
mod identity;
mod link;
mod registration;
pub mod runtime;
mod settings;
mod wire;

// Bugs planted for the simulator must not reach anything that runs.
const _: () = assert!(!plimsoll_core::mutants::PLANTED, "the feature `mutants` is for `cargo xtask teeth` alone");

pub use agent::{Agent, AgentStatus, RunningAgent, Shutdown};
pub use error::Error;
pub use plimsoll_model::CAPACITY_PROVIDER_ATTRIBUTE;
pub use runtime::RuntimeKind;
/// Where the hidden `process-shim` subcommand leads; see [`AgentSettings::shim_command`].
pub use runtime::process;
pub use settings::{
    AccessKey, AgentSettings, ClusterAddress, EngineSettings, Latency, MachineSettings, ReconnectSettings,
    RuntimeChoice, SimulatedSettings, TimingSettings,
};
