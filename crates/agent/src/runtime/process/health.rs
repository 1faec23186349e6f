//! Health checks of containers that are processes: when to check, and what the results amount to, as engines count.

use super::directory;
use super::{Jobs, probe};
use plimsoll_core::node::ContainerRef;
use plimsoll_model::{HealthCheck, HealthStatus};
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// On top of a check's own timeout, before its process is given up.
const MARGIN: Duration = Duration::from_secs(10);

/// A health check as the container's order keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Check {
    /// What is executed; a shell where the definition says so.
    pub arguments: Vec<String>,
    pub interval: Duration,
    pub timeout: Duration,
    retries: u32,
    start_period: Duration,
}

impl Check {
    pub(super) fn of(check: &HealthCheck) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let mut arguments = check.test();
        let kind = arguments.remove(0);
        if kind == "CMD-SHELL" {
            arguments = vec!["/bin/sh".to_owned(), "-c".to_owned(), arguments.join(" ")];
        }
        Check {
            arguments,
            interval: seconds(check.interval),
            timeout: seconds(check.timeout),
            retries: check.retries,
            start_period: seconds(check.start_period),
        }
    }
}

/// What is believed of a container.
struct Verdict {
    health: HealthStatus,
    failures: u32,
}

impl Verdict {
    /// One success makes it healthy, `retries` failures in a row make it unhealthy. Before the first verdict those of
    /// the start period do not count.
    fn take_in(&mut self, check: &Check, succeeded: bool, began_after: Duration) {
        let starting = self.health == HealthStatus::Unknown && began_after < check.start_period;
        if succeeded {
            *self = Verdict { health: HealthStatus::Healthy, failures: 0 };
        } else if !starting {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= check.retries {
                self.health = HealthStatus::Unhealthy;
            }
        }
    }
}

impl Jobs {
    /// As long as this run of the container is up, from what was known of it. One check follows the other, so they
    /// never pile up.
    pub(super) fn check_health(self: &Arc<Self>, container: ContainerRef, known: HealthStatus) {
        let Some(directory) = directory::find(&self.root, container) else { return };
        let Ok(order) = directory.order() else { return };
        let Some(check) = order.health_check else { return };
        let ran_before = Duration::from_millis(directory.ran_ms());
        let jobs = Arc::clone(self);
        self.spawn_until_stopped(async move {
            let Some(run) = jobs.book.lock().begin_look(container).map(|look| look.run) else { return };
            let since = Instant::now();
            let mut verdict = Verdict { health: known, failures: 0 };
            loop {
                tokio::time::sleep(check.interval).await;
                let Some(look) = jobs.book.lock().begin_look(container).filter(|look| look.run == run) else { return };
                let began_after = ran_before + since.elapsed();
                let Some(succeeded) = jobs.probe(directory.path(), &check).await else { continue };
                verdict.take_in(&check, succeeded, began_after);
                if jobs.book.lock().health_seen(&look, verdict.health) {
                    if let Err(error) = directory.write_health(verdict.health) {
                        tracing::warn!(task = %container.task, %error, "health of a container could not be kept");
                    }
                    jobs.events.health(container, verdict.health);
                }
            }
        });
    }

    /// Whether it succeeded. `None`: it could not be tried, which says nothing of the container.
    async fn probe(&self, directory: &std::path::Path, check: &Check) -> Option<bool> {
        let probe = tokio::process::Command::new(&self.shim_command[0])
            .args(&self.shim_command[1..])
            .arg(directory)
            .arg(probe::CHECK)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(false)
            .spawn();
        let mut probe = match probe {
            Ok(probe) => probe,
            Err(error) => {
                tracing::warn!(directory = %directory.display(), %error, "a health check could not be started");
                return None;
            }
        };
        match tokio::time::timeout(check.timeout + MARGIN, probe.wait()).await {
            Ok(Ok(status)) => Some(status.success()),
            Ok(Err(_)) => Some(false),
            Err(_) => {
                probe.start_kill().ok();
                Some(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: serde_json::Value) -> Check {
        Check::of(&serde_json::from_value(document).unwrap())
    }

    #[test]
    fn a_shell_is_given_what_asks_for_one_td_49() {
        for (command, arguments) in [
            (vec!["CMD-SHELL", "exit 1"], vec!["/bin/sh", "-c", "exit 1"]),
            (vec!["CMD", "/bin/true", "x"], vec!["/bin/true", "x"]),
            (vec!["/bin/true"], vec!["/bin/true"]),
        ] {
            assert_eq!(check(serde_json::json!({"command": command})).arguments, arguments);
        }
    }

    #[test]
    fn failures_count_in_a_row_and_after_the_start_period_td_49() {
        let check = check(serde_json::json!({"command": ["true"], "retries": 2, "startPeriod": 10}));
        let mut verdict = Verdict { health: HealthStatus::Unknown, failures: 0 };
        for (after_seconds, succeeded, expected) in [
            (1, false, HealthStatus::Unknown),
            (5, false, HealthStatus::Unknown),
            (10, false, HealthStatus::Unknown),
            (15, true, HealthStatus::Healthy),
            (20, false, HealthStatus::Healthy),
            (25, true, HealthStatus::Healthy),
            (30, false, HealthStatus::Healthy),
            (35, false, HealthStatus::Unhealthy),
            (40, true, HealthStatus::Healthy),
        ] {
            verdict.take_in(&check, succeeded, Duration::from_secs(after_seconds));
            assert_eq!(verdict.health, expected, "after {after_seconds} s");
        }
    }

    #[test]
    fn without_a_start_period_the_first_failures_count_td_49() {
        let check = check(serde_json::json!({"command": ["false"], "retries": 1}));
        let mut verdict = Verdict { health: HealthStatus::Unknown, failures: 0 };
        verdict.take_in(&check, false, Duration::ZERO);
        assert_eq!(verdict.health, HealthStatus::Unhealthy);
    }
}
