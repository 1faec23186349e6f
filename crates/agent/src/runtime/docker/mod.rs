//! Containers of a Docker engine, or of anything that speaks its API over a unix socket.
//!
//! What a container is doing is read from the engine, never remembered: an event, a finished call and the periodic
//! look all lead to the same inspection. Only containers that carry this node's labels are ever touched.

mod call;
mod config;
mod engine;
mod health;
mod jobs;
mod labels;
mod members;
mod offer;
mod start;
mod state;
mod watch;

use self::engine::Engine;
use self::jobs::Jobs;
use self::labels::Owner;
use self::offer::offer_of;
use super::{Adopted, ContainerRuntime, EventSink};
use crate::Error;
use crate::registration::Offer;
use crate::settings::EngineSettings;
use async_trait::async_trait;
use plimsoll_core::node::{ContainerRef, LaunchSpec, Run};
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
    /// Watching and waiting end with `stop`.
    pub async fn connect(
        settings: EngineSettings,
        cluster: &str,
        data_dir: &Path,
        events: EventSink,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        let engine = Engine::connect(settings).await?;
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
        self.jobs.adopt().await
    }

    fn watch(&self) {
        self.jobs.watch();
    }

    fn start(&self, container: ContainerRef, run: Run, spec: Arc<LaunchSpec>) {
        self.jobs.start(container, run, spec);
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

/// For the test that goes through all members of a definition.
#[cfg(test)]
pub(super) mod shown {
    use super::offer::Engines;
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    /// What the engine would be asked for.
    pub(in crate::runtime) fn order(container: ContainerRef, spec: &LaunchSpec) -> Result<String, String> {
        let config = config::config(container, spec, HashMap::new())?;
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
        let (body, volumes) = (serde_json::to_value(&config.body), serde_json::to_value(&config.volumes));
        Ok([
            config.name,
            body.map_err(|error| error.to_string())?.to_string(),
            volumes.map_err(|error| error.to_string())?.to_string(),
            text(&config.volumes_expected),
            text(&config.bindings),
        ]
        .join("\n"))
    }

    /// Of an engine that can do everything.
    pub(in crate::runtime) fn capabilities() -> BTreeSet<String> {
        let drivers = ["json-file", "syslog", "journald", "gelf", "fluentd", "splunk", "awslogs", "awsfirelens"];
        offer::capabilities(&Engines {
            newest_minor: 60,
            log_drivers: drivers.map(str::to_owned).into(),
            volume_drivers: vec!["local".to_owned()],
            security_options: vec!["name=apparmor".to_owned(), "name=selinux".to_owned()],
        })
    }
}
