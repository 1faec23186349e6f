//! The writer of one cluster: what it shares with the rest of the process, and its life from lease to lease.
//!
//! There is one recovery. Whatever goes wrong (a failed commit, a lost lease, a panic in the core), the run ends,
//! everything that was stepped and not committed is dropped with its callers told to retry, all node connections are
//! closed, and the next run takes the lease again, which fences every commit still under way, and reloads.
//! Readers keep reading the last committed image meanwhile, until another process holds the lease or could hold it by
//! now: what that one acknowledges is not in it (W-14). Nodes that connect meanwhile are heard by the next run.

mod connections;
mod inbox;
mod run;

pub(crate) use connections::Connections;
pub(crate) use inbox::{Inbox, Request};

use crate::clock::Clock;
use crate::error::SubmitError;
use crate::lease::{Held, LeaseKeeper};
use crate::metrics::Metrics;
use crate::settings::ControlSettings;
use parking_lot::RwLock;
use plimsoll_core::LoadError;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::protocol::FromNode;
use plimsoll_model::{ClusterKey, Image};
use plimsoll_store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What the writer and everybody who talks to it have in common.
pub(crate) struct Shared {
    pub key: ClusterKey,
    pub settings: Arc<ControlSettings>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// The rows after the last durable batch. `None` until they are loaded, and while another process holds the lease.
    pub image: RwLock<Option<Image>>,
    /// The lease the image was last known to be whole under.
    pub held: RwLock<Option<Arc<Held>>>,
    pub phase: watch::Sender<Phase>,
    pub commands: mpsc::Sender<Request>,
    pub nodes: mpsc::Sender<(ConnectionId, FromNode)>,
    /// Unbounded as a type, bounded by the number of connections: each says it once.
    pub disconnects: mpsc::UnboundedSender<ConnectionId>,
    pub connections: Connections,
    /// Set by a run that came to serve, cleared by whoever looks.
    pub served: AtomicBool,
}

impl Shared {
    pub fn unavailable(&self) -> SubmitError {
        SubmitError::Unavailable { cluster: self.key.clone() }
    }

    /// Whether the image may be shown: a process that slept, or was cut off from its store, cannot know what was
    /// written since.
    pub fn is_current(&self) -> bool {
        self.held.read().as_ref().is_some_and(|held| held.is_current())
    }

    /// Waits until the first attempt to take the cluster over has succeeded or failed.
    pub async fn settled(&self) {
        let mut phase = self.phase.subscribe();
        // The sender lives in `self`.
        let _ = phase.wait_for(|phase| *phase != Phase::Starting).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Not loaded yet, maybe because another process holds the lease.
    Starting,
    Serving,
    Reloading,
    Stopped,
}

/// What a writer needs of the process.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub store: Arc<dyn Store>,
    pub keeper: Arc<LeaseKeeper>,
    pub stop: CancellationToken,
}

/// Why a run ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("the lease is held elsewhere")]
    LeaseHeld(#[source] plimsoll_store::Error),
    #[error("cannot take the lease")]
    Acquire(#[source] plimsoll_store::Error),
    #[error("cannot load the cluster")]
    Load(#[source] plimsoll_store::Error),
    #[error("the stored rows cannot be used")]
    Inconsistent(#[source] LoadError),
    #[error("cannot read randomness from the operating system: {0}")]
    Entropy(getrandom::Error),
    #[error("a commit failed")]
    Commit(#[source] plimsoll_store::Error),
    #[error("a commit panicked")]
    CommitPanicked(#[source] tokio::task::JoinError),
    #[error("the lease was lost")]
    LeaseLost,
}

const BACK_OFF_MIN: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// Runs the writer until the process stops. A panic inside a run ends that run only.
pub(crate) async fn supervise(shared: Arc<Shared>, inbox: Inbox, around: Surroundings) {
    // Behind a lock only so that it outlives a run that panics.
    let inbox = Arc::new(Mutex::new(inbox));
    let mut back_off = BACK_OFF_MIN;
    let mut waiting_for_lease = false;
    while !around.stop.is_cancelled() {
        let run = run::run(Arc::clone(&shared), Arc::clone(&inbox), around.clone());
        let ended = tokio::spawn(run).await;
        let served = shared.served.swap(false, Ordering::Relaxed);
        if served {
            back_off = BACK_OFF_MIN;
        }
        let held_elsewhere = matches!(ended, Ok(Err(RunError::LeaseHeld(_))));
        match &ended {
            Ok(Ok(())) => break,
            Ok(Err(error)) if held_elsewhere => {
                if !waiting_for_lease {
                    tracing::info!(cluster = %shared.key, error = %with_sources(error), "waiting for the lease");
                }
            }
            Ok(Err(error)) => {
                tracing::error!(cluster = %shared.key, error = %with_sources(error), "writer ended, reloading");
            }
            Err(panic) => tracing::error!(cluster = %shared.key, error = %panic, "writer panicked, reloading"),
        }
        waiting_for_lease = held_elsewhere;
        if held_elsewhere {
            let outdated = shared.image.write().take();
            drop(outdated);
        } else {
            shared.phase.send_replace(Phase::Reloading);
            shared.metrics.reloaded(&shared.key);
        }
        // A run that did not come to serve knows of no connection. Those made since the one before are left waiting:
        // closed with every attempt, nodes would come back ever later, and not soon after the store does.
        if served || held_elsewhere {
            shared.connections.close_all();
        }
        // What waited behind a failed commit is not concerned by it, and the next run takes it. Only when that does
        // not come to serve either are requests refused, rather than left waiting through an outage.
        if !served {
            inbox.lock().await.refuse_all(&shared);
        }
        around.keeper.release(&around.store, &shared.key).await;
        tokio::select! {
            () = around.stop.cancelled() => {}
            () = tokio::time::sleep(back_off) => {}
        }
        back_off = (back_off * 2).min(BACK_OFF_MAX);
    }
    shared.phase.send_replace(Phase::Stopped);
    inbox.lock().await.refuse_all(&shared);
    shared.connections.close_all();
    around.keeper.release(&around.store, &shared.key).await;
}

fn with_sources(error: &RunError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
