//! Keeps the leases of all clusters of this process, on its own and away from API load.
//!
//! A writer that could not renew for two thirds of the time to live stops deciding before anybody else can take over
//! (I-31). That only saves work: every commit is fenced by the store itself.

use parking_lot::Mutex;
use plimsoll_model::ClusterKey;
use plimsoll_store::{Error, Lease, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

pub(crate) struct LeaseKeeper {
    time_to_live: Duration,
    held: Mutex<BTreeMap<ClusterKey, Arc<Held>>>,
}

/// A lease as long as it is believed in.
pub(crate) struct Held {
    pub lease: Lease,
    /// Cancelled when the lease is lost, or may be.
    pub lost: CancellationToken,
    /// When the last successful renewal was sent; what the store did with it can only have been later.
    renewed: Mutex<Instant>,
    believed: Duration,
    time_to_live: Duration,
}

/// Attempts to renew that fit into one time to live when the store refuses them at once.
const RETRIES: u32 = 20;

impl Held {
    pub fn is_believed(&self) -> bool {
        !self.lost.is_cancelled() && !self.believed_for().is_zero()
    }

    /// Whether nobody else can have taken it yet, so that what was committed last is all there is (W-14). Longer than it
    /// is believed in: what is only read cannot overlap with what another process decides.
    pub fn is_current(&self) -> bool {
        self.renewed.lock().elapsed() < self.time_to_live
    }

    fn believed_for(&self) -> Duration {
        self.believed.saturating_sub(self.renewed.lock().elapsed())
    }
}

impl LeaseKeeper {
    pub fn new(time_to_live: Duration) -> Self {
        LeaseKeeper { time_to_live, held: Mutex::default() }
    }

    pub async fn acquire(&self, store: &Arc<dyn Store>, cluster: &ClusterKey) -> Result<Arc<Held>, Error> {
        let sent = Instant::now();
        let lease = store.acquire(cluster).await?;
        let held = Arc::new(Held {
            lease,
            lost: CancellationToken::new(),
            renewed: Mutex::new(sent),
            believed: self.time_to_live * 2 / 3,
            time_to_live: self.time_to_live,
        });
        self.held.lock().insert(cluster.clone(), Arc::clone(&held));
        Ok(held)
    }

    /// Gives the lease back, so that the next writer need not wait for it to run out. Best effort: a store that does
    /// not answer forgets it by itself.
    pub async fn release(&self, store: &Arc<dyn Store>, cluster: &ClusterKey) {
        let Some(held) = self.held.lock().remove(cluster) else { return };
        held.lost.cancel();
        let released = tokio::time::timeout(self.time_to_live / 3, store.release(&held.lease)).await;
        if let Ok(Err(error)) = released {
            tracing::debug!(%cluster, %error, "lease not released");
        }
    }

    /// Renews at a third of the time to live, until `stop`.
    pub async fn run(self: Arc<Self>, store: Arc<dyn Store>, stop: CancellationToken) {
        loop {
            let sent = Instant::now();
            let renewed = self.renew_all(&store).await;
            let pause = if renewed { self.time_to_live / 3 } else { self.time_to_live / RETRIES };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until((sent + pause).into()) => {}
            }
        }
    }

    /// A slow store is waited for as long as the leases are believed in: an answer that comes late still counts from
    /// when it was asked for. False when there is none.
    async fn renew_all(&self, store: &Arc<dyn Store>) -> bool {
        let all: Vec<Arc<Held>> = self.held.lock().values().cloned().collect();
        let (held, outlived): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.is_believed());
        // Between two attempts: a writer with nothing to do has to hear of it all the same.
        outlived.iter().for_each(|one| one.lost.cancel());
        let Some(believed) = held.iter().map(|one| one.believed_for()).min() else { return true };
        let leases: Vec<Lease> = held.iter().map(|one| one.lease.clone()).collect();
        let sent = Instant::now();
        let patience = believed.max(self.time_to_live / RETRIES);
        let answer = tokio::time::timeout(patience, store.renew(&leases)).await;
        let renewed = matches!(answer, Ok(Ok(_)));
        match answer {
            Ok(Ok(lost)) => {
                for one in &held {
                    if lost.contains(&one.lease.cluster) {
                        one.lost.cancel();
                    } else {
                        *one.renewed.lock() = sent;
                    }
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, leases = leases.len(), "leases not renewed"),
            Err(_) => tracing::warn!(leases = leases.len(), "leases not renewed in time"),
        }
        for one in held.iter().filter(|one| !one.is_believed()) {
            one.lost.cancel();
        }
        renewed
    }
}
