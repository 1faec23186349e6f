//! Waiting, memory and API latency.

use super::client::Client;
use anyhow::{Context, Result, bail};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Rows per statement of the database's limit: about what a busy writer commits at once.
pub const LIMIT_BATCH: usize = 1000;
const POLL: Duration = Duration::from_millis(20);

/// Asks until the answer is yes.
pub async fn until<F: Future<Output = Result<bool>>>(
    deadline: Instant,
    what: &str,
    mut ask: impl FnMut() -> F,
) -> Result<()> {
    while !ask().await? {
        if Instant::now() > deadline {
            bail!("gave up waiting until {what}");
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Resident memory of this process: the server and this command's few requests.
pub fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS in /proc/self/status")?;
    let kib: u64 = line.split_whitespace().nth(1).context("VmRSS has no value")?.parse()?;
    Ok(kib * 1024)
}

/// Latencies in milliseconds at two quantiles.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latencies {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub requests: usize,
}

/// Reads the service over and over, one request at a time, while the run goes on.
pub struct Probe {
    stop: CancellationToken,
    handle: tokio::task::JoinHandle<Result<Vec<Duration>>>,
}

impl Probe {
    pub fn start(client: Arc<Client>, cluster: String) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let handle = tokio::spawn(async move {
            let mut latencies = Vec::new();
            while !stopped.is_cancelled() {
                let started = Instant::now();
                client.typical_read(&cluster).await?;
                latencies.push(started.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(latencies)
        });
        Probe { stop, handle }
    }

    pub async fn stop(self) -> Result<Latencies> {
        self.stop.cancel();
        let mut latencies = self.handle.await.context("the latency probe")??;
        latencies.sort_unstable();
        Ok(Latencies { p50_ms: quantile(&latencies, 50), p99_ms: quantile(&latencies, 99), requests: latencies.len() })
    }
}

/// Nearest rank, in milliseconds.
fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!((quantile(&sorted, 50), quantile(&sorted, 99)), (50.0, 99.0));
        assert_eq!(quantile(&sorted[..1], 99), 1.0);
        assert!(quantile(&[], 50).is_nan());
    }
}
