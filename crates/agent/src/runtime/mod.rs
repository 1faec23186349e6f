//! Where containers really are. A runtime does what it is asked and says what happened; it never decides.
//!
//! Requests return at once and are answered by [`RuntimeEvent`]s, so that a pull of ten minutes holds up nothing.
//! All of them may be made twice.

mod book;
pub mod docker;
mod files;
#[cfg(test)]
mod honoured;
mod launch;
pub mod process;
pub mod simulated;

use crate::Error;
use async_trait::async_trait;
use plimsoll_core::node::{AdoptedContainer, ContainerRef, LaunchSpec, Run, RuntimeEvent};
use plimsoll_model::{HealthStatus, InstanceId, TaskId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

pub(crate) use files::write_atomically;

#[async_trait]
pub trait ContainerRuntime: Send + Sync + 'static {
    /// Whose containers are started from here on. Known before the first start.
    fn identify(&self, instance: InstanceId);

    /// Finds the containers that an earlier agent of this node left.
    async fn adopt(&self) -> Result<Adopted, Error>;

    /// Begins to tell what happens to them, once they have been told of themselves.
    fn watch(&self);

    /// Answered by `Started` (later by `Health` and `Exited`) or `Failed`. A run after the first starts the same
    /// container again, as it was left.
    fn start(&self, container: ContainerRef, run: Run, spec: Arc<LaunchSpec>);

    /// SIGTERM, after `grace` SIGKILL; answered by `Exited`, also when there was nothing to stop.
    fn stop(&self, container: ContainerRef, grace: Duration);

    /// Deletes what is left of a task, running or not; answered by `Removed`.
    fn remove(&self, task: TaskId);

    /// Stops and removes every container of this node and starts no more. Answered by nothing: nobody listens then.
    async fn stop_all(&self, grace: Duration);
}

/// What [`ContainerRuntime::adopt`] found.
#[derive(Debug, Default)]
pub struct Adopted {
    pub containers: Vec<AdoptedContainer>,
    /// What is known of the health of those that are checked.
    pub healths: Vec<(ContainerRef, HealthStatus)>,
    /// The instance they were started for, when all agree: the identity again, should its file be lost (F-11).
    pub instance: Option<InstanceId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuntimeKind {
    Docker,
    Process,
    Simulated,
}

impl RuntimeKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            RuntimeKind::Docker => "docker",
            RuntimeKind::Process => "process",
            RuntimeKind::Simulated => "simulated",
        }
    }
}

/// Takes a node's runtime events to its driver.
///
/// Unbounded, because a runtime must not wait for the driver while the driver waits for it; what keeps it small is
/// that a container has a handful of events in its life and the number of containers is bounded by the node's size.
#[derive(Clone, Debug)]
pub struct EventSink {
    node: u32,
    events: mpsc::UnboundedSender<(u32, RuntimeEvent)>,
}

impl EventSink {
    pub fn new(node: u32, events: mpsc::UnboundedSender<(u32, RuntimeEvent)>) -> Self {
        EventSink { node, events }
    }

    /// To nobody once the driver has ended: the agent is then shutting down.
    pub(crate) fn emit(&self, event: RuntimeEvent) {
        self.events.send((self.node, event)).ok();
    }

    pub(crate) fn failed(&self, container: ContainerRef, class: &str, why: impl std::fmt::Display) {
        let reason = format!("{class}: {why}").into();
        self.emit(RuntimeEvent::Failed { container, reason });
    }

    pub(crate) fn exited(&self, container: ContainerRef, run: Run, exit_code: Option<i32>, reason: Option<Arc<str>>) {
        self.emit(RuntimeEvent::Exited { container, run, exit_code, reason });
    }

    pub(crate) fn health(&self, container: ContainerRef, health: HealthStatus) {
        self.emit(RuntimeEvent::Health { container, health });
    }
}

/// Classes of start failures as ECS names them (TL-8).
pub(crate) const CANNOT_PULL: &str = "CannotPullContainerError";
pub(crate) const CANNOT_CREATE: &str = "CannotCreateContainerError";
pub(crate) const CANNOT_START: &str = "CannotStartContainerError";
pub(crate) const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";
