//! From an image's name to a running container.

use super::call::{CallError, persist};
use super::config::{self, Config};
use super::jobs::Jobs;
use super::labels::container_of;
use super::state::{bindings_of, digest_of};
use crate::runtime::{CANNOT_CREATE, CANNOT_PULL, CANNOT_START};
use plimsoll_core::node::{ContainerRef, LaunchSpec, Run, RuntimeEvent};
use plimsoll_model::NetworkBinding;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;

enum NotStarted {
    /// Somebody stopped it first; they answer.
    Unwanted,
    Failed {
        class: &'static str,
        why: String,
    },
    /// The engine fell silent while starting: it may run, which must not stay so.
    Unclear {
        why: String,
    },
}

/// What [`RuntimeEvent::Started`] tells.
struct Up {
    id: Arc<str>,
    bindings: Vec<NetworkBinding>,
    image_digest: Option<Arc<str>>,
}

impl Jobs {
    /// Whether the container has to be looked at again: something happened to it on the way, or nobody listens.
    pub(super) async fn run_start(
        &self,
        container: ContainerRef,
        run: Run,
        spec: &Arc<LaunchSpec>,
        unwanted: &CancellationToken,
    ) -> bool {
        let started = if run == 0 {
            self.try_start(container, spec, unwanted).await
        } else {
            self.try_start_again(container, spec, unwanted).await
        };
        match started {
            // First that it started, then that it is up: only from then on its exit is news, so the two stay in order.
            Ok(Up { id: runtime_id, bindings, image_digest }) => {
                let id = Arc::clone(&runtime_id);
                self.events.emit(RuntimeEvent::Started { container, run, runtime_id, bindings, image_digest });
                let disturbed = self.book.lock().up(container, id);
                return disturbed || !self.is_listening();
            }
            Err(NotStarted::Unwanted) => {
                self.book.lock().give_up(container);
            }
            Err(NotStarted::Failed { class, why }) => {
                self.book.lock().give_up(container);
                self.events.failed(container, class, why);
            }
            Err(NotStarted::Unclear { why }) => {
                self.book.lock().give_up(container);
                self.events.failed(container, CANNOT_START, why);
                let stopped = self.run_stop(container, Duration::ZERO);
                self.stop.run_until_cancelled(stopped).await;
            }
        }
        false
    }

    async fn try_start(
        &self,
        container: ContainerRef,
        spec: &Arc<LaunchSpec>,
        unwanted: &CancellationToken,
    ) -> Result<Up, NotStarted> {
        let failed = |class| move |error: CallError| NotStarted::Failed { class, why: error.to_string() };
        let Config { name, body, volumes, volumes_expected, bindings } = self.config(container, spec)?;
        let image = body.image.clone().unwrap_or_default();
        let image_digest = unwanted
            .run_until_cancelled(self.provide_image(container, &image))
            .await
            .ok_or(NotStarted::Unwanted)?
            .map_err(failed(CANNOT_PULL))?;
        let _place = self.place(unwanted).await?;
        for name in volumes_expected {
            match persist(self.engine.limits.patience, || self.engine.inspect_volume(&name)).await {
                Ok(()) => {}
                Err(CallError::NotFound(_)) => {
                    let why = format!("volume {name} does not exist and autoprovision is off");
                    return Err(NotStarted::Failed { class: CANNOT_CREATE, why });
                }
                Err(error) => return Err(failed(CANNOT_CREATE)(error)),
            }
        }
        for volume in volumes {
            let created = persist(self.engine.limits.patience, || self.engine.create_volume(volume.clone())).await;
            created.map_err(failed(CANNOT_CREATE))?;
        }
        let id = match persist(self.engine.limits.patience, || self.engine.create(&name, body.clone())).await {
            Ok(id) => id,
            // By an earlier agent, or by an earlier call of ours that was not answered.
            Err(CallError::Conflict(why)) => self.check_is_ours(container, &name, why).await?,
            Err(error) => return Err(failed(CANNOT_CREATE)(error)),
        };
        if unwanted.is_cancelled() {
            return Err(NotStarted::Unwanted);
        }
        self.start_created(&id).await?;
        let bindings = self.bindings(&id, bindings).await?;
        Ok(Up { id: id.into(), bindings, image_digest })
    }

    /// The container is there and has exited (TD-50).
    async fn try_start_again(
        &self,
        container: ContainerRef,
        spec: &Arc<LaunchSpec>,
        unwanted: &CancellationToken,
    ) -> Result<Up, NotStarted> {
        let Config { name, bindings, .. } = self.config(container, spec)?;
        let _place = self.place(unwanted).await?;
        let missing = "container missing: it was removed from the machine".to_owned();
        let id = self.check_is_ours(container, &name, missing).await?;
        self.start_created(&id).await?;
        let bindings = self.bindings(&id, bindings).await?;
        Ok(Up { id: id.into(), bindings, image_digest: None })
    }

    fn config(&self, container: ContainerRef, spec: &LaunchSpec) -> Result<Config, NotStarted> {
        let labels = self.owner.labels_of_task(spec.task);
        config::config(container, spec, labels).map_err(|why| NotStarted::Failed { class: CANNOT_CREATE, why })
    }

    /// Among those the engine is asked for at once.
    async fn place(&self, unwanted: &CancellationToken) -> Result<SemaphorePermit<'_>, NotStarted> {
        let place = unwanted.run_until_cancelled(self.starts.acquire()).await.ok_or(NotStarted::Unwanted)?;
        place.map_err(|_| NotStarted::Unwanted)
    }

    /// An image that is there is not pulled; its digest, if it has one.
    async fn provide_image(&self, container: ContainerRef, image: &str) -> Result<Option<Arc<str>>, CallError> {
        self.events.emit(RuntimeEvent::PullStarted(container));
        let found = match persist(self.engine.limits.patience, || self.engine.image(image)).await {
            Err(CallError::NotFound(_)) => {
                if let Ok(_place) = self.pulls.acquire().await {
                    self.engine.pull(image).await?;
                }
                persist(self.engine.limits.patience, || self.engine.image(image)).await?
            }
            other => other?,
        };
        self.events.emit(RuntimeEvent::PullStopped(container));
        Ok(digest_of(&found))
    }

    /// The id of the container with this name; `why` it cannot be used if it is another's.
    async fn check_is_ours(&self, container: ContainerRef, name: &str, why: String) -> Result<String, NotStarted> {
        let failed = |why| NotStarted::Failed { class: CANNOT_CREATE, why };
        let found = persist(self.engine.limits.patience, || self.engine.inspect(name))
            .await
            .map_err(|error| failed(error.to_string()))?;
        let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
        let ours = self.owner.owns(&labels) && container_of(&labels) == Some(container);
        found.id.filter(|_| ours).ok_or_else(|| failed(why))
    }

    async fn start_created(&self, id: &str) -> Result<(), NotStarted> {
        match persist(self.engine.limits.patience, || self.engine.start(id)).await {
            Ok(()) => Ok(()),
            Err(error @ CallError::Silent(_)) => Err(NotStarted::Unclear { why: error.to_string() }),
            Err(error) => Err(NotStarted::Failed { class: CANNOT_START, why: error.to_string() }),
        }
    }

    /// Looked up only where the engine picked a port.
    async fn bindings(&self, id: &str, known: Option<Vec<NetworkBinding>>) -> Result<Vec<NetworkBinding>, NotStarted> {
        if let Some(known) = known {
            return Ok(known);
        }
        match persist(self.engine.limits.patience, || self.engine.inspect(id)).await {
            Ok(inspected) => Ok(bindings_of(&inspected)),
            Err(CallError::NotFound(_)) => {
                let why = "container missing: it was removed from the machine".to_owned();
                Err(NotStarted::Failed { class: CANNOT_START, why })
            }
            Err(error) => Err(NotStarted::Unclear { why: error.to_string() }),
        }
    }
}
