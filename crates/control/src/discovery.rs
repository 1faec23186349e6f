//! Clusters that other processes on the same store have made since this one started.
//!
//! A process that does not know of a cluster could not take it over when its leader falls silent (I-32), and would say of
//! it that it does not exist.

use crate::control::Control;
use crate::error::Error;
use std::sync::Weak;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

impl Control {
    /// Starts writers for clusters of the store that have none here yet, and says how many those were. While another
    /// process holds the lease of one, it is waited for.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn discover(&self) -> Result<usize, Error> {
        let _one_at_a_time = self.discovering.lock().await;
        let keys = self.around.store.clusters().await.map_err(Error::Clusters)?;
        let before = self.cluster_count();
        for key in &keys {
            self.started(key);
        }
        Ok(self.cluster_count() - before)
    }
}

/// Ends with the control.
pub(crate) async fn keep_discovering(control: Weak<Control>, every: Duration, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        let Some(control) = control.upgrade() else { return };
        match control.discover().await {
            Ok(0) => {}
            Ok(found) => tracing::info!(found, "clusters that other servers have made"),
            Err(error) => tracing::warn!(%error, "the store was not asked for new clusters"),
        }
    }
}
