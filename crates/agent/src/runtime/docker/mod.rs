//! Containers of a Docker engine, or of anything that speaks its API over a unix socket.
//!
//! What a container is doing is read from the engine, never remembered: an event, a finished call and the periodic
//! look all lead to the same inspection. Only containers that carry this node's labels are ever touched.

mod call;
mod config;
mod engine;
mod jobs;
mod labels;
mod members;
mod start;
mod state;
mod watch;

use self::engine::{Engine, offer_of};
use self::jobs::Jobs;
use self::labels::Owner;
use super::{Adopted, ContainerRuntime, EventSink};
use crate::Error;
use crate::registration::Offer;
use async_trait::async_trait;
use plimsoll_core::node::{ContainerRef, LaunchSpec};
use plimsoll_model::{InstanceId, TaskId};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub struct DockerRuntime {
    jobs: Arc<Jobs>,
    stop: CancellationToken,
    offer: Offer,
}

impl DockerRuntime {
    /// `host`: see [`crate::AgentSettings::docker_host`]. Watching and waiting end with `stop`.
    pub async fn connect(
        host: Option<String>,
        cluster: &str,
        data_dir: &Path,
        events: EventSink,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let engine = Engine::connect(host).await?;
        let offer = offer_of(&engine).await?;
        let owner = Owner::new(cluster, data_dir)?;
        let jobs = Jobs::new(engine, owner, events, stop.clone());
        Ok(DockerRuntime { jobs: Arc::new(jobs), stop, offer })
    }

    pub(crate) fn offer(&self) -> Offer {
        self.offer.clone()
    }
}

#[async_trait]
impl ContainerRuntime for DockerRuntime {
    fn identify(&self, instance: InstanceId) {
        self.jobs.owner.identify(instance);
    }

    async fn adopt(&self) -> Result<Adopted, Error> {
        let adopted = self.jobs.adopt().await?;
        self.jobs.watch();
        Ok(adopted)
    }

    fn start(&self, container: ContainerRef, spec: Arc<LaunchSpec>) {
        self.jobs.start(container, spec);
    }

    fn stop(&self, container: ContainerRef, grace: Duration) {
        self.jobs.stop(container, grace);
    }

    fn remove(&self, task: TaskId) {
        self.jobs.remove(task);
    }

    /// Starts under way are finished first: a container that appears after the last look would be an orphan.
    async fn stop_all(&self, grace: Duration) {
        self.stop.cancel();
        self.jobs.tracker.close();
        self.jobs.tracker.wait().await;
        self.jobs.stop_all(grace).await;
    }
}
