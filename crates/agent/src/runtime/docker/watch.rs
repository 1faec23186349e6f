//! Notices what happens to containers without our doing: the engine's events for speed, a regular look at all of them
//! for certainty (F-21).

use super::health::{health_in_list, health_of};
use super::jobs::Jobs;
use super::labels::{self, container_of, instance_of};
use super::state::{bindings_of, ran_ms, state_of};
use crate::Error;
use crate::runtime::Adopted;
use bollard::models::ContainerSummaryStateEnum;
use bollard::query_parameters::EventsOptions;
use futures_util::StreamExt;
use plimsoll_core::node::{AdoptedContainer, AdoptedState};
use plimsoll_model::HealthStatus;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A missed event is made good after this long at most.
const LOOK_EVERY: Duration = Duration::from_secs(8);
/// What a look is worth for.
const EVENTS: [&str; 3] = ["die", "destroy", "health_status"];
/// Before the engine is asked for its events again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Jobs {
    /// All containers of this node. Those that were only created are told and else left alone: a second create finds
    /// them.
    pub(super) async fn adopt(&self) -> Result<Adopted, Error> {
        let failed = |error: super::call::CallError| Error::EngineRefused {
            action: "list the containers of this node",
            reason: error.to_string(),
        };
        let mut adopted = Adopted::default();
        let mut instances = std::collections::BTreeSet::new();
        for summary in self.engine.list(self.owner.filter()).await.map_err(failed)? {
            let Some(labels) = summary.labels.filter(|labels| self.owner.owns(labels)) else { continue };
            let (Some(container), Some(id)) = (container_of(&labels), summary.id) else { continue };
            let inspected = match self.engine.inspect(&id).await {
                Err(super::call::CallError::NotFound(_)) => continue,
                other => other.map_err(failed)?,
            };
            let state = state_of(&inspected);
            let runtime_id: Arc<str> = id.into();
            match state {
                AdoptedState::Running => {
                    self.book.lock().up(container, Arc::clone(&runtime_id));
                }
                AdoptedState::Exited { .. } => {
                    self.book.lock().end(container);
                }
                AdoptedState::Created => {}
            }
            let health = health_of(&inspected);
            if state == AdoptedState::Running && health != HealthStatus::Unknown {
                self.book.lock().health_known(container, health);
                adopted.healths.push((container, health));
            }
            instances.extend(instance_of(&labels));
            adopted.containers.push(AdoptedContainer {
                task: container.task,
                index: container.index,
                name: labels.get(labels::CONTAINER).map(|name| name.as_str().into()).unwrap_or_default(),
                runtime_id,
                ran_ms: ran_ms(&inspected),
                state,
                bindings: bindings_of(&inspected),
                image_digest: None,
            });
        }
        adopted.instance = instances.first().copied().filter(|_| instances.len() == 1);
        Ok(adopted)
    }

    /// Until the agent stops.
    pub(super) fn watch(self: &Arc<Self>) {
        let (listener, looker) = (Arc::clone(self), Arc::clone(self));
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            let both = async { tokio::join!(listener.listen(), looker.look_regularly()) };
            stop.run_until_cancelled(both).await;
        });
    }

    async fn listen(self: &Arc<Self>) {
        // From a moment before the first look: what happens between that and the answer to this is told then.
        let mut since = now();
        loop {
            let filters = HashMap::from([
                ("type".to_owned(), vec!["container".to_owned()]),
                ("label".to_owned(), vec![self.owner.filter()]),
                ("event".to_owned(), EVENTS.map(str::to_owned).into()),
            ]);
            let options = EventsOptions { filters: Some(filters), since: Some(since.clone()), ..Default::default() };
            let mut events = self.engine.client.events(Some(options));
            self.listening.store(true, Ordering::Release);
            while let Some(event) = events.next().await {
                let Ok(event) = event else { break };
                let labels = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
                if let Some(container) = container_of(&labels).filter(|_| self.owner.owns(&labels)) {
                    // By itself: an engine that hangs on one container still answers for the others (F-19).
                    self.spawn_until_stopped(move |jobs| async move { jobs.observe(container).await });
                }
            }
            // The engine restarts, or the connection broke: what happened meanwhile is seen by looking.
            self.listening.store(false, Ordering::Release);
            since = now();
            tokio::time::sleep(LISTEN_AGAIN_AFTER).await;
            self.look().await;
        }
    }

    async fn look_regularly(self: &Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    /// One list for all; only what is not seen running, or with another health than was told, is looked at by itself.
    async fn look(self: &Arc<Self>) {
        let should_run = self.book.lock().all_up();
        if should_run.is_empty() {
            return;
        }
        let Ok(listed) = self.engine.list(self.owner.filter()).await else { return };
        let running = listed.into_iter().filter(|one| one.state == Some(ContainerSummaryStateEnum::RUNNING));
        let running: BTreeMap<String, HealthStatus> =
            running.filter_map(|one| Some((one.id.clone()?, health_in_list(&one)))).collect();
        let strange = should_run.into_iter().filter(|(_, id, told)| running.get(&**id) != Some(told));
        for (container, _, _) in strange {
            self.spawn_until_stopped(move |jobs| async move { jobs.observe(container).await });
        }
    }
}

/// Seconds and nanoseconds, which is how engines of all ages take it.
fn now() -> String {
    let now = jiff::Timestamp::now();
    format!("{}.{:09}", now.as_second(), now.subsec_nanosecond())
}
