//! The single fenced writer of each cluster, its committed image and its effects.
//!
//! Commit, then act: inputs are stepped into an outbox, the outbox's changes are committed as one batch, and only then
//! do readers, callers and nodes hear of them. Nothing here decides where a task runs; that is `plimsoll_core`.

mod account_settings;
mod capacity_providers;
mod clock;
mod control;
mod decision_log;
mod definitions;
mod discovery;
mod error;
mod handle;
mod lease;
mod metrics;
mod settings;
mod stream;
mod writer;

// Bugs planted for the simulator must not reach anything that runs.
const _: () = assert!(!plimsoll_core::mutants::PLANTED, "the feature `mutants` is for `cargo xtask teeth` alone");

pub use account_settings::AccountSettings;
pub use capacity_providers::{Associating, CapacityProviders, ProviderChange};
pub use clock::Clock;
pub use control::{Control, Health};
pub use decision_log::{DecisionLog, DecisionLogWriter};
pub use definitions::Definitions;
pub use error::{Error, SubmitError};
pub use handle::ClusterHandle;
pub use metrics::Metrics;
pub use settings::{ControlSettings, SchedulerSettings};
pub use stream::{Connection, Delivery, StreamSink, StreamSource, stream};
