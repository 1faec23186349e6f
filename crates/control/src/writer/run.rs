//! One run of a writer: from taking the lease to losing it.
//!
//! While one batch is being committed the next is stepped (group commit): throughput comes from the size of batches.

use super::inbox::Received;
use super::{Inbox, Phase, RunError, Shared, Surroundings};
use crate::decision_log::ClusterLog;
use crate::error::SubmitError;
use crate::lease::Held;
use plimsoll_core::{ClusterCore, Input, Outbox, Output, RequestId};
use plimsoll_store::Store;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

/// A reconcile that changed nothing is not repeated sooner, whatever the core says is due: the process must not spin.
const IDLE_RECONCILE_PAUSE: Duration = Duration::from_millis(5);

/// Returns when the process stops, with everything stepped committed.
pub(super) async fn run(shared: Arc<Shared>, inbox: Arc<Mutex<Inbox>>, around: Surroundings) -> Result<(), RunError> {
    let mut inbox = inbox.lock().await;
    let mut writer = Writer::load(shared, &around).await?;
    writer.shared.served.store(true, Ordering::Relaxed);
    writer.shared.phase.send_replace(Phase::Serving);
    let cluster = &writer.shared.key;
    tracing::info!(%cluster, epoch = writer.held.lease.epoch.0, tasks = writer.core.image().tasks.len(), "writer serves");
    writer.serve(&mut inbox, &around).await
}

struct Writer {
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    held: Arc<Held>,
    core: ClusterCore,
    log: Option<ClusterLog>,
    /// Stepped and not being committed yet.
    ahead: Outbox,
    ahead_inputs: usize,
    committing: Option<Committing>,
    waiting: HashMap<RequestId, oneshot::Sender<Result<Output, SubmitError>>>,
    last_request: u64,
    /// When the last reconcile that changed nothing was stepped.
    idle_since: Option<Instant>,
}

/// A batch on its way to the store.
struct Committing {
    commit: JoinHandle<Result<(), plimsoll_store::Error>>,
    outbox: Outbox,
    started: Instant,
}

/// A commit that is given up must not go on behind the next run's back; the next epoch fences it in any case.
impl Drop for Committing {
    fn drop(&mut self) {
        self.commit.abort();
    }
}

/// Before the callers that are dropped with it hear of it: who asks again at once waits for the next run. Also when
/// the run ends in a panic.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.phase.send_replace(Phase::Reloading);
    }
}

impl Writer {
    async fn load(shared: Arc<Shared>, around: &Surroundings) -> Result<Self, RunError> {
        let held = around.keeper.acquire(&around.store, &shared.key).await.map_err(|error| match error {
            plimsoll_store::Error::LeaseHeld { .. } => RunError::LeaseHeld(error),
            other => RunError::Acquire(other),
        })?;
        let image = around.store.load(&held.lease).await.map_err(RunError::Load)?;
        let seed = getrandom::u64().map_err(RunError::Entropy)?;
        let mut config = shared.settings.scheduler.config(shared.key.clone(), held.lease.epoch, seed);
        config.records_decisions = shared.settings.decision_log.is_some();
        let mut ahead = Outbox::default();
        let core =
            ClusterCore::load(config, image.clone(), shared.clock.now(), &mut ahead).map_err(RunError::Inconsistent)?;
        *shared.held.write() = Some(Arc::clone(&held));
        let before = shared.image.write().replace(image);
        drop(before);
        let log = shared.settings.decision_log.as_ref().map(|log| ClusterLog::new(log, &shared.key));
        Ok(Writer {
            log,
            shared,
            store: Arc::clone(&around.store),
            held,
            core,
            ahead,
            ahead_inputs: 1,
            committing: None,
            waiting: HashMap::new(),
            last_request: 0,
            idle_since: None,
        })
    }

    async fn serve(&mut self, inbox: &mut Inbox, around: &Surroundings) -> Result<(), RunError> {
        let inputs_max = self.shared.settings.batch_inputs_max;
        let mut received = Received::default();
        loop {
            if !self.held.is_believed() {
                return Err(RunError::LeaseLost);
            }
            let stopping = around.stop.is_cancelled();
            if self.committing.is_none() && self.ahead_inputs > 0 {
                self.commit_ahead();
                continue;
            }
            if stopping && self.committing.is_none() {
                return Ok(());
            }
            let takes_inputs = !stopping && self.ahead.changes.len() < self.shared.settings.changes_ahead_max;
            let reconcile_at = self.reconcile_at().filter(|_| self.committing.is_none());
            tokio::select! {
                biased;
                () = self.held.lost.cancelled() => return Err(RunError::LeaseLost),
                result = finished(&mut self.committing) => self.committed(result)?,
                () = inbox.receive(&mut received, inputs_max), if takes_inputs => self.step_all(&mut received),
                () = sleep_until(reconcile_at) => self.ahead_inputs += 1,
                () = around.stop.cancelled(), if !stopping => {}
            }
        }
    }

    fn step_all(&mut self, received: &mut Received) {
        let started = Instant::now();
        let now = self.shared.clock.now();
        self.shared.connections.retain_open(&mut received.nodes);
        let before = self.ahead_inputs;
        for connection in received.disconnects.drain(..) {
            self.step(now, Input::NodeDisconnected { connection });
        }
        for (connection, message) in received.nodes.drain(..) {
            self.step(now, Input::Node { connection, message });
        }
        for request in received.commands.drain(..) {
            // The caller gave up before anything was decided: nothing needs to be.
            if request.reply.is_closed() {
                continue;
            }
            self.last_request += 1;
            let id = RequestId(self.last_request);
            self.waiting.insert(id, request.reply);
            self.step(now, Input::Command { request: id, command: request.command });
        }
        let inputs = self.ahead_inputs - before;
        self.shared.metrics.stepped(&self.shared.key, inputs, started.elapsed());
    }

    fn step(&mut self, now: plimsoll_model::Timestamp, input: Input) {
        self.core.step(now, input, &mut self.ahead);
        self.ahead_inputs += 1;
    }

    /// Ends the batch with a reconcile step and sends it to the store. With nothing to write it is done at once: what
    /// it answers rests on committed state, because no other batch is under way.
    fn commit_ahead(&mut self) {
        assert!(self.committing.is_none(), "one batch at a time");
        let started = Instant::now();
        let changes_before = self.ahead.changes.len();
        self.core.step(self.shared.clock.now(), Input::Reconcile, &mut self.ahead);
        self.shared.metrics.stepped(&self.shared.key, 0, started.elapsed());
        self.idle_since = (self.ahead.changes.len() == changes_before).then(Instant::now);
        self.ahead_inputs = 0;
        let outbox = std::mem::take(&mut self.ahead);
        let batch = outbox.batch();
        if batch.is_empty() {
            return self.act(outbox);
        }
        self.shared.metrics.committing(&self.shared.key, batch.rows());
        let store = Arc::clone(&self.store);
        let held = Arc::clone(&self.held);
        let commit = tokio::spawn(async move { store.commit(&held.lease, &batch).await });
        self.committing = Some(Committing { commit, outbox, started: Instant::now() });
    }

    fn committed(
        &mut self,
        result: Result<Result<(), plimsoll_store::Error>, tokio::task::JoinError>,
    ) -> Result<(), RunError> {
        let mut done = self.committing.take().expect("it is what finished");
        result.map_err(RunError::CommitPanicked)?.map_err(RunError::Commit)?;
        self.shared.metrics.committed(&self.shared.key, done.started.elapsed());
        self.act(std::mem::take(&mut done.outbox));
        Ok(())
    }

    /// Only here does anybody outside hear of a batch: readers first, so that whoever was answered reads what was
    /// acknowledged (W-14), then callers, then nodes.
    fn act(&mut self, outbox: Outbox) {
        if !outbox.changes.is_empty() {
            let mut image = self.shared.image.write();
            image.as_mut().expect("loaded before anything was stepped").apply_all(&outbox.changes);
        }
        for reply in outbox.replies {
            let caller = self.waiting.remove(&reply.request).expect("each request is answered once");
            // A caller that went away meanwhile needs no answer.
            let _ = caller.send(reply.result.map_err(SubmitError::Refused));
        }
        self.shared.connections.perform(outbox.effects);
        if let Some(log) = &mut self.log {
            log.hand_over(outbox.decisions);
        }
    }

    fn reconcile_at(&self) -> Option<Instant> {
        let due = self.shared.clock.instant_of(self.core.next_wakeup()?);
        Some(self.idle_since.map_or(due, |idle| due.max(idle + IDLE_RECONCILE_PAUSE)))
    }
}

/// Never, while nothing is being committed.
async fn finished(
    committing: &mut Option<Committing>,
) -> Result<Result<(), plimsoll_store::Error>, tokio::task::JoinError> {
    match committing {
        Some(committing) => (&mut committing.commit).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
