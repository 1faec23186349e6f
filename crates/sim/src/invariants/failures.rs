//! Start failures of each deployment, counted from task rows alone, and the waiting that follows from them (I-11).

use super::{Step, placement};
use crate::violation::{Broken, require};
use plimsoll_model::{Change, DeploymentId, Image, StopCode, Task, TaskId, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The waiting begins with this failure in a row, and doubles up to a limit.
const FIRST: u32 = 3;
const FIRST_WAIT_MS: u64 = 10_000;
const WAIT_MS_MAX: u64 = 900_000;

#[derive(Debug, Default)]
pub(super) struct Failures {
    of: BTreeMap<DeploymentId, InARow>,
}

#[derive(Clone, Copy, Debug, Default)]
struct InARow {
    count: u32,
    not_before: Option<Timestamp>,
}

impl Failures {
    pub fn loaded(image: &Image) -> Self {
        let rows = image.deployments.values();
        let of = rows.map(|row| {
            let stored = InARow { count: row.consecutive_start_failures, not_before: row.next_start_at };
            (row.id, stored)
        });
        Failures { of: of.collect() }
    }

    pub fn i_11_failures_space_starts(&mut self, step: &Step) -> Result<(), Broken> {
        let mut newest: BTreeMap<TaskId, &Arc<Task>> = BTreeMap::new();
        for change in step.changes {
            match change {
                Change::TaskCreated(row) => {
                    if let Some(deployment) = row.deployment {
                        self.starts(deployment, row, step.now)?;
                    }
                    newest.insert(row.id, row);
                }
                Change::TaskUpdated(row) => {
                    let before = newest.get(&row.id).copied().or_else(|| step.before.tasks.get(&row.id));
                    if let (Some(before), Some(deployment)) = (before, row.deployment) {
                        self.moves(deployment, before, row, step.now);
                    }
                    newest.insert(row.id, row);
                }
                Change::Deployment(row) => {
                    let before = step.before.deployments.get(&row.id);
                    let is_news = before.is_some_and(|before| before.rolling_back != row.rolling_back);
                    if is_news && row.rolling_back.is_some() {
                        // Rolled back to: it begins anew.
                        self.of.remove(&row.id);
                    }
                }
                Change::DeploymentRemoved(id) => {
                    self.of.remove(id);
                }
                _ => {}
            }
        }
        for change in step.changes {
            let Change::Deployment(told) = change else { continue };
            let Some(row) = step.after.deployments.get(&told.id) else { continue };
            let counted = self.of.get(&row.id).map_or(0, |in_a_row| in_a_row.count);
            require(row.consecutive_start_failures == counted, "I-11", || {
                format!("{} failed {counted} times in a row and says {}", row.id, row.consecutive_start_failures)
            })?;
        }
        Ok(())
    }

    fn starts(&self, deployment: DeploymentId, row: &Task, now: Timestamp) -> Result<(), Broken> {
        let wait = self.of.get(&deployment).and_then(|in_a_row| in_a_row.not_before).filter(|at| *at > now);
        require(wait.is_none(), "I-11", || format!("{} starts before {wait:?}, at {now:?}", row.id))
    }

    fn moves(&mut self, deployment: DeploymentId, before: &Task, row: &Task, now: Timestamp) {
        let in_a_row = self.of.entry(deployment).or_default();
        if before.started_at.is_none() && row.started_at.is_some() {
            *in_a_row = InARow::default();
        } else if placement::ended(before, row) && failed_to_start(row) {
            in_a_row.count += 1;
            let doublings = in_a_row.count.checked_sub(FIRST);
            let wait_ms = doublings.map(|times| FIRST_WAIT_MS.saturating_mul(1 << times.min(20)).min(WAIT_MS_MAX));
            in_a_row.not_before = wait_ms.map(|ms| now.plus_millis(ms));
        }
    }
}

/// Of a task that nobody told to stop.
fn failed_to_start(row: &Task) -> bool {
    let by_itself = matches!(row.stop_code, Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited));
    by_itself && row.started_at.is_none()
}
