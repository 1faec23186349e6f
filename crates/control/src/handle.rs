//! What the rest of the process holds of one cluster: a way to ask, to read, and to connect nodes.

use crate::error::SubmitError;
use crate::stream::{Connection, StreamSink};
use crate::writer::{Phase, Request, Shared};
use plimsoll_core::rehearsal::{Rehearsal, RehearsalError, rehearse};
use plimsoll_core::{Command, Output};
use plimsoll_model::{ClusterKey, Epoch, Image, ServiceName};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

#[derive(Clone)]
pub struct ClusterHandle {
    pub(crate) shared: Arc<Shared>,
}

impl ClusterHandle {
    pub fn key(&self) -> &ClusterKey {
        &self.shared.key
    }

    /// Carries a command out. The answer comes after what led to it is durable (I-24).
    pub async fn submit(&self, command: Command) -> Result<Output, SubmitError> {
        self.serving().await?;
        let (reply, answer) = oneshot::channel();
        match self.shared.commands.try_send(Request { command, reply }) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(self.shared.unavailable())),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.shared.metrics.throttled(self.key());
                Err(SubmitError::Throttled {
                    cluster: self.key().clone(),
                    waiting: self.shared.commands.max_capacity(),
                })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(self.shared.unavailable()),
        }
    }

    /// Looks at the committed image: everything acknowledged, nothing that is not durable. Keep it short: commits
    /// wait for readers. Fails only when the cluster was never loaded, or is another process's, or may be one by now.
    pub fn read<T>(&self, look: impl FnOnce(&Image) -> T) -> Result<T, SubmitError> {
        let image = self.shared.image.read();
        match &*image {
            Some(image) if self.shared.is_current() => Ok(look(image)),
            Some(_) | None => Err(self.shared.unavailable()),
        }
    }

    /// What a command would do to its service, on a copy. Takes time and memory in proportion to the cluster, and none of
    /// the writer's; commits wait while the rows are copied.
    pub async fn rehearse(&self, service: ServiceName, command: Command) -> Result<Rehearsal, SubmitError> {
        self.serving().await?;
        let image = self.read(Image::clone)?;
        // The epoch and the seed of a copy are nobody's.
        let config = self.shared.settings.scheduler.config(self.key().clone(), Epoch(0), 0);
        let now = self.shared.clock.now();
        let rehearsed = tokio::task::spawn_blocking(move || rehearse(config, image, now, &service, command)).await;
        match rehearsed {
            Ok(Ok(rehearsal)) => Ok(rehearsal),
            Ok(Err(RehearsalError::Refused(refusal))) => Err(SubmitError::Refused(refusal)),
            Ok(Err(RehearsalError::Load(error))) => {
                tracing::error!(%error, "a copy of the cluster cannot be loaded");
                Err(self.shared.unavailable())
            }
            Err(error) => {
                tracing::error!(%error, "a rehearsal came to no end");
                Err(self.shared.unavailable())
            }
        }
    }

    /// Connects one node, numbered by its stream; dropping the connection disconnects it.
    pub fn connect(&self, sink: &StreamSink, node: u32) -> Connection {
        Connection::open(Arc::clone(&self.shared), sink.clone(), node)
    }

    /// Waits out a short reload, so that callers do not notice it.
    async fn serving(&self) -> Result<(), SubmitError> {
        let mut phase = self.shared.phase.subscribe();
        if *phase.borrow_and_update() == Phase::Serving {
            return Ok(());
        }
        let serving = phase.wait_for(|phase| matches!(phase, Phase::Serving | Phase::Stopped));
        match tokio::time::timeout(self.shared.settings.reload_wait, serving).await {
            Ok(Ok(phase)) if *phase == Phase::Serving => Ok(()),
            _ => Err(self.shared.unavailable()),
        }
    }
}
