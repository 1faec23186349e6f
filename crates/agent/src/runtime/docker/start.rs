//! From an image's name to a running container.

use super::call::{CallError, persist};
use super::config::{self, Config};
use super::jobs::Jobs;
use super::labels::container_of;
use super::state::{bindings_of, digest_of, state_of};
use crate::runtime::{CANNOT_CREATE, CANNOT_PULL, CANNOT_START};
use plimsoll_core::node::{AdoptedState, ContainerRef, LaunchSpec, RuntimeEvent};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a start bears an engine that restarts.
const PATIENCE: Duration = Duration::from_secs(60);

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

impl Jobs {
    pub(super) async fn run_start(
        &self,
        container: ContainerRef,
        spec: &Arc<LaunchSpec>,
        unwanted: &CancellationToken,
    ) {
        match self.try_start(container, spec, unwanted).await {
            Ok(()) => {}
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
    }

    async fn try_start(
        &self,
        container: ContainerRef,
        spec: &Arc<LaunchSpec>,
        unwanted: &CancellationToken,
    ) -> Result<(), NotStarted> {
        let failed = |class| move |error: CallError| NotStarted::Failed { class, why: error.to_string() };
        let labels = self.owner.labels_of_task(spec.task);
        let Config { name, body, volumes } =
            config::config(container, spec, labels).map_err(|why| NotStarted::Failed { class: CANNOT_CREATE, why })?;
        let image = body.image.clone().unwrap_or_default();
        let digest = unwanted
            .run_until_cancelled(self.provide_image(container, &image))
            .await
            .ok_or(NotStarted::Unwanted)?
            .map_err(failed(CANNOT_PULL))?;
        let place = unwanted.run_until_cancelled(self.starts.acquire()).await.ok_or(NotStarted::Unwanted)?;
        let _place = place.map_err(|_| NotStarted::Unwanted)?;
        for volume in volumes {
            let created = persist(PATIENCE, || self.engine.create_volume(volume.clone())).await;
            created.map_err(failed(CANNOT_CREATE))?;
        }
        match persist(PATIENCE, || self.engine.create(&name, body.clone())).await {
            Ok(()) => {}
            // By an earlier agent, or by an earlier call of ours that was not answered.
            Err(CallError::Conflict(why)) => self.check_is_ours(container, &name, why).await?,
            Err(error) => return Err(failed(CANNOT_CREATE)(error)),
        }
        if unwanted.is_cancelled() {
            return Err(NotStarted::Unwanted);
        }
        self.start_created(&name).await?;
        self.tell_started(container, &name, digest).await
    }

    /// An image that is there is not pulled; its digest, if it has one.
    async fn provide_image(&self, container: ContainerRef, image: &str) -> Result<Option<Arc<str>>, CallError> {
        self.events.emit(RuntimeEvent::PullStarted(container));
        let found = match persist(PATIENCE, || self.engine.image(image)).await {
            Err(CallError::NotFound(_)) => {
                if let Ok(_place) = self.pulls.acquire().await {
                    self.engine.pull(image).await?;
                }
                persist(PATIENCE, || self.engine.image(image)).await?
            }
            other => other?,
        };
        self.events.emit(RuntimeEvent::PullStopped(container));
        Ok(digest_of(&found))
    }

    async fn check_is_ours(&self, container: ContainerRef, name: &str, why: String) -> Result<(), NotStarted> {
        let failed = |why| NotStarted::Failed { class: CANNOT_CREATE, why };
        let found = persist(PATIENCE, || self.engine.inspect(name)).await.map_err(|error| failed(error.to_string()))?;
        let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
        let ours = self.owner.owns(&labels) && container_of(&labels) == Some(container);
        if ours { Ok(()) } else { Err(failed(why)) }
    }

    async fn start_created(&self, name: &str) -> Result<(), NotStarted> {
        match persist(PATIENCE, || self.engine.start(name)).await {
            Ok(()) => Ok(()),
            Err(error @ CallError::Silent(_)) => Err(NotStarted::Unclear { why: error.to_string() }),
            Err(error) => Err(NotStarted::Failed { class: CANNOT_START, why: error.to_string() }),
        }
    }

    /// First that it started, then that it is up: only from then on its exit is news, so the two stay in order.
    async fn tell_started(
        &self,
        container: ContainerRef,
        name: &str,
        image_digest: Option<Arc<str>>,
    ) -> Result<(), NotStarted> {
        let inspected = match persist(PATIENCE, || self.engine.inspect(name)).await {
            Ok(inspected) => inspected,
            Err(CallError::NotFound(_)) => {
                let why = "container missing: it was removed from the machine".to_owned();
                return Err(NotStarted::Failed { class: CANNOT_START, why });
            }
            Err(error) => return Err(NotStarted::Unclear { why: error.to_string() }),
        };
        if state_of(&inspected) == AdoptedState::Created {
            return Err(NotStarted::Unclear { why: "the engine started it and shows it as not started".to_owned() });
        }
        let runtime_id: Arc<str> = inspected.id.as_deref().unwrap_or(name).into();
        let bindings = bindings_of(&inspected);
        let id = Arc::clone(&runtime_id);
        self.events.emit(RuntimeEvent::Started { container, runtime_id, bindings, image_digest });
        self.book.lock().up(container, id);
        Ok(())
    }
}
