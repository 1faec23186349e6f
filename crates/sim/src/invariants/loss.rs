//! When an instance may be declared lost: not before its grace is over, which begins when it falls silent or, for one
//! that this writer has not heard yet, with the load and then lasts twice as long; and not many at once (D-7, D-8).

use super::{Rules, Step};
use crate::violation::{Broken, require};
use plimsoll_model::{Change, Image, Instance, InstanceId, InstanceStatus, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// With more silent than this many, and than one in five, losses are spaced.
const SILENT_WITHOUT_BRAKE: usize = 3;
const SILENT_SHARE: usize = 5;
const BRAKE_MS: u64 = 10_000;
/// The turns of a few may have come while the writer was paused or waited for the store.
const AT_ONCE_MAX: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Silence {
    /// From when the grace of a silent instance counts, and how many times as long it lasts.
    since: BTreeMap<InstanceId, (Timestamp, u64)>,
    recent: VecDeque<Timestamp>,
    /// Losses while many were silent, within one interval of the brake.
    braked: VecDeque<Timestamp>,
}

impl Silence {
    pub fn loaded(image: &Image, now: Timestamp) -> Self {
        let silent = image.instances.values().filter(|row| row.status != InstanceStatus::Inactive && !row.lost);
        Silence { since: silent.map(|row| (row.id, (now, 2))).collect(), ..Silence::default() }
    }

    pub fn d_7_the_grace_is_kept(&mut self, step: &Step, rules: Rules) -> Result<(), Broken> {
        let mut lost = BTreeSet::new();
        for change in step.changes {
            match change {
                // Lost once, its row may change again in the same step.
                Change::Instance(row) if row.lost && !lost.insert(row.id) => {}
                Change::Instance(row) => self.instance(row, step, rules)?,
                Change::InstanceRemoved(id) => {
                    self.since.remove(id);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn instance(&mut self, row: &Instance, step: &Step, rules: Rules) -> Result<(), Broken> {
        if row.agent_connected || row.status == InstanceStatus::Inactive {
            self.since.remove(&row.id);
            return Ok(());
        }
        let before = step.before.instances.get(&row.id);
        if !row.lost {
            self.since.entry(row.id).or_insert((step.now, 1));
            return Ok(());
        }
        if before.is_some_and(|before| before.lost) {
            return Ok(());
        }
        let grace_ms = rules.grace_ms.unwrap_or(u64::MAX);
        let Some((since, times)) = self.since.get(&row.id).copied() else {
            return Err(Broken { invariant: "D-7", detail: format!("{} is lost and was never silent", row.id) });
        };
        let silent_ms = step.now.millis_since(since);
        require(silent_ms >= grace_ms.saturating_mul(times), "D-7", || {
            format!("{} is lost after {silent_ms} ms of silence; the grace is {times} x {grace_ms} ms", row.id)
        })?;
        self.d_8_losses_are_spaced(step, grace_ms)?;
        self.since.remove(&row.id);
        Ok(())
    }

    fn d_8_losses_are_spaced(&mut self, step: &Step, grace_ms: u64) -> Result<(), Broken> {
        while self.recent.front().is_some_and(|at| at.plus_millis(grace_ms) < step.now) {
            self.recent.pop_front();
        }
        let many = self.since.len() + self.recent.len();
        let share = step.after.registered_instances() as usize / SILENT_SHARE;
        self.recent.push_back(step.now);
        while self.braked.front().is_some_and(|at| at.plus_millis(BRAKE_MS) <= step.now) {
            self.braked.pop_front();
        }
        if many <= SILENT_WITHOUT_BRAKE.max(share) {
            return Ok(());
        }
        self.braked.push_back(step.now);
        require(self.braked.len() <= AT_ONCE_MAX, "D-8", || {
            format!("{many} instances are silent, and {} are lost within {BRAKE_MS} ms", self.braked.len())
        })
    }
}
