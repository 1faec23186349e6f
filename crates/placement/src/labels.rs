//! The order of ids as numbers of 32 bits, so that keys can hold it.
//!
//! A new instance gets a number between those of its neighbours. When there is none left, all numbers are dealt anew,
//! evenly over the middle half of what there is: both ends stay open, where most ids of one origin go.

use crate::{Fleet, InstanceIdx};
use plimsoll_model::InstanceId;
use std::ops::Bound;

/// Between the last instance and one behind it, or the first and one before it.
const STEP: u32 = 4096;

impl Fleet {
    pub(crate) fn label(&self, idx: InstanceIdx) -> u32 {
        self.labels[idx.at()]
    }

    /// For an instance that is about to join.
    pub(crate) fn label_for(&mut self, instance: InstanceId) -> u32 {
        self.free_label(instance).unwrap_or_else(|| {
            self.deal_labels();
            self.free_label(instance).expect("dealt evenly, labels leave room for fewer than 2^30 instances")
        })
    }

    fn free_label(&self, instance: InstanceId) -> Option<u32> {
        let behind = self.by_id.range((Bound::Excluded(instance), Bound::Unbounded)).next();
        let before = self.by_id.range(..instance).next_back();
        match (before.map(|(_, &idx)| self.label(idx)), behind.map(|(_, &idx)| self.label(idx))) {
            (None, None) => Some(u32::MAX / 2),
            (Some(last), None) => last.checked_add(STEP),
            (None, Some(first)) => first.checked_sub(STEP),
            (Some(low), Some(high)) => (high - low > 1).then(|| low + (high - low) / 2),
        }
    }

    fn deal_labels(&mut self) {
        let gap = (u32::MAX / 2) / u32::try_from(self.by_id.len()).unwrap_or(u32::MAX).max(1);
        let mut next = u32::MAX / 4;
        for idx in self.by_id.values() {
            self.labels[idx.at()] = next;
            next += gap;
        }
        self.views.forget();
    }
}
