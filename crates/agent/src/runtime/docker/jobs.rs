//! What is being done to which container. Jobs of one container follow each other; those of different ones do not
//! wait for each other, except for a place among those the engine is asked for at once.

use super::call::CallError;
use super::engine::Engine;
use super::health::health_of;
use super::labels::{self, Owner, container_of};
use super::state::state_of;
use crate::runtime::EventSink;
use crate::runtime::book::Book;
use parking_lot::Mutex;
use plimsoll_core::node::{AdoptedState, ContainerRef, LaunchSpec, Run, RuntimeEvent};
use plimsoll_model::TaskId;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pulling at once. Others wait; containers whose image is there do not.
const PULLS_AT_ONCE: usize = 4;
/// Before an engine that failed or stayed silent is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct Jobs {
    pub engine: Engine,
    pub owner: Owner,
    pub events: EventSink,
    pub starts: Semaphore,
    pub pulls: Semaphore,
    /// Ends everything that waits. Calls that change a container are finished all the same.
    pub stop: CancellationToken,
    pub tracker: TaskTracker,
    pub book: Mutex<Book>,
    /// The engine's events are being read.
    pub listening: AtomicBool,
}

impl Jobs {
    pub(super) fn new(engine: Engine, owner: Owner, events: EventSink, stop: CancellationToken) -> Self {
        Jobs {
            starts: Semaphore::new(engine.limits.starts_at_once.get()),
            engine,
            owner,
            events,
            pulls: Semaphore::new(PULLS_AT_ONCE),
            stop,
            tracker: TaskTracker::new(),
            book: Mutex::new(Book::default()),
            listening: AtomicBool::new(false),
        }
    }

    pub(super) fn start(self: &Arc<Self>, container: ContainerRef, run: Run, spec: Arc<LaunchSpec>) {
        let Some((unwanted, over)) = self.book.lock().begin_start(container, run, &self.stop) else { return };
        let jobs = Arc::clone(self);
        self.tracker.spawn(async move {
            let disturbed = jobs.run_start(container, run, &spec, &unwanted).await;
            over.cancel();
            if disturbed {
                jobs.observe(container).await;
            }
        });
    }

    pub(super) fn stop(self: &Arc<Self>, container: ContainerRef, grace: Duration) {
        let Some(start_over) = self.book.lock().begin_stop(container) else { return };
        self.spawn_until_stopped(|jobs| async move {
            start_over.cancelled().await;
            jobs.run_stop(container, grace).await;
        });
    }

    pub(super) fn remove(self: &Arc<Self>, task: TaskId) {
        let Some(starts_over) = self.book.lock().begin_remove(task) else { return };
        self.spawn_until_stopped(move |jobs| async move {
            for start_over in starts_over {
                start_over.cancelled().await;
            }
            while let Err(error) = jobs.try_remove(task).await {
                tracing::warn!(%task, %error, "what is left of a task could not be removed");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            jobs.book.lock().end_remove(task);
            jobs.events.emit(RuntimeEvent::Removed { task });
        });
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    pub(super) fn spawn_until_stopped<F>(self: &Arc<Self>, job: impl FnOnce(Arc<Jobs>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (job, stop) = (job(Arc::clone(self)), self.stop.clone());
        self.tracker.spawn(async move { stop.run_until_cancelled_owned(job).await });
    }

    /// Until the engine itself says that it does not run: a stop that failed, or an engine that was killed meanwhile,
    /// leaves the container running (F-18).
    pub(super) async fn run_stop(&self, container: ContainerRef, grace: Duration) {
        let kill_at = Instant::now() + grace;
        loop {
            match self.try_stop(container, kill_at).await {
                Ok(Some((exit_code, reason))) => {
                    let untold = self.book.lock().end(container);
                    if let Some(run) = untold {
                        self.events.exited(container, run, exit_code, reason);
                    }
                    return;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(task = %container.task, index = container.index, %error, "stop is tried again");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// The exit, if it is over. No container at all counts as over. Stopping what does not run changes nothing.
    async fn try_stop(&self, container: ContainerRef, kill_at: Instant) -> Result<Option<Exit>, CallError> {
        let known = self.book.lock().id(container);
        let id = match known {
            Some(id) => id.as_ref().to_owned(),
            None => match self.find(container).await? {
                Some(id) => id,
                None => return Ok(Some((None, None))),
            },
        };
        let grace = kill_at.saturating_duration_since(Instant::now());
        match self.engine.stop(&id, grace).await {
            Ok(()) => {}
            Err(CallError::NotFound(_)) => return Ok(Some((None, None))),
            Err(error) => return Err(error),
        }
        match self.engine.inspect(&id).await {
            Err(CallError::NotFound(_)) => Ok(Some((None, None))),
            Err(error) => Err(error),
            Ok(inspected) => Ok(match state_of(&inspected) {
                AdoptedState::Created => Some((None, None)),
                AdoptedState::Exited { exit_code, reason } => Some((exit_code, reason)),
                AdoptedState::Running => None,
            }),
        }
    }

    async fn find(&self, container: ContainerRef) -> Result<Option<String>, CallError> {
        let found = self.containers_of(container.task).await?;
        Ok(found.into_iter().find(|(reference, _)| *reference == container).map(|(_, id)| id))
    }

    async fn containers_of(&self, task: TaskId) -> Result<Vec<(ContainerRef, String)>, CallError> {
        let listed = self.engine.list(format!("{}={task}", labels::TASK)).await?;
        let owned = listed.into_iter().filter_map(|summary| {
            let labels = summary.labels.filter(|labels| self.owner.owns(labels))?;
            Some((container_of(&labels)?, summary.id?))
        });
        Ok(owned.collect())
    }

    pub(super) async fn try_remove(&self, task: TaskId) -> Result<(), CallError> {
        loop {
            let containers = self.containers_of(task).await?;
            if containers.is_empty() {
                break;
            }
            for (_, id) in containers {
                gone(self.engine.remove(&id).await)?;
            }
        }
        for volume in self.engine.volumes_of(task).await? {
            gone(self.engine.remove_volume(&volume).await)?;
        }
        Ok(())
    }

    /// Every container of this node, all at once, until none is left.
    pub(super) async fn stop_all(&self, grace: Duration) {
        loop {
            let listed = match self.engine.list(self.owner.filter()).await {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::warn!(%error, "containers to stop could not be listed");
                    tokio::time::sleep(AGAIN_AFTER).await;
                    continue;
                }
            };
            let owned = listed.into_iter().filter_map(|one| one.labels.filter(|labels| self.owner.owns(labels)));
            let containers: BTreeSet<ContainerRef> = owned.filter_map(|labels| container_of(&labels)).collect();
            if containers.is_empty() {
                return;
            }
            futures_util::future::join_all(containers.iter().map(|one| self.run_stop(*one, grace))).await;
            let tasks: BTreeSet<TaskId> = containers.iter().map(|container| container.task).collect();
            for task in tasks {
                if let Err(error) = self.try_remove(task).await {
                    tracing::warn!(%task, %error, "what is left of a task could not be removed");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Looks at a container that should be up, and tells if it is not, or if its health is another than was told.
    pub(super) async fn observe(&self, container: ContainerRef) {
        let Some(look) = self.book.lock().begin_look(container) else { return };
        let (exit_code, reason) = match self.engine.inspect(&look.id).await {
            Ok(inspected) => match state_of(&inspected) {
                AdoptedState::Exited { exit_code, reason } => (exit_code, reason),
                AdoptedState::Running => {
                    let health = health_of(&inspected);
                    if self.book.lock().health_seen(&look, health) {
                        self.events.health(container, health);
                    }
                    return;
                }
                AdoptedState::Created => return,
            },
            Err(CallError::NotFound(_)) => (None, Some("container missing: it was removed from the machine".into())),
            // The next look will tell.
            Err(_) => return,
        };
        if self.book.lock().end_seen(&look) {
            self.events.exited(container, look.run, exit_code, reason);
        }
    }
}

type Exit = (Option<i32>, Option<Arc<str>>);

/// Nothing there is what removing wants; a removal already under way is seen at the next look.
fn gone(result: Result<(), CallError>) -> Result<(), CallError> {
    match result {
        Err(CallError::NotFound(_)) => Ok(()),
        other => other,
    }
}
