//! Finding the best instance: in a narrow tree leaf by leaf, in a wide one down from the root.

use super::{Branches, ROOT, Row};
use crate::key::Key;
use crate::room::Room;

impl Branches {
    /// The best of all leaves with enough room, looked for leaf by leaf, where domains have so many tasks.
    pub fn best_of_leaves(&self, need: Room, tasks: &[u32]) -> Option<u32> {
        let limit = |row: &Row| row.first.map(|key| self.ranked(row, tasks, key));
        let nearest = (0..self.leaves.len()).filter_map(|nth| Some((limit(&self.leaves[nth])?, nth))).min()?.1;
        let mut best = self.ranked_first(nearest, need, tasks);
        for (nth, row) in self.leaves.iter().enumerate() {
            let may_be_better = limit(row).is_some_and(|limit| best.is_none_or(|(key, _)| limit < key));
            if nth != nearest && may_be_better {
                best = best.into_iter().chain(self.ranked_first(nth, need, tasks)).min();
            }
        }
        best.map(|(_, item)| item)
    }

    fn ranked_first(&self, nth: usize, need: Room, tasks: &[u32]) -> Option<(Key, u32)> {
        let row = &self.leaves[nth];
        let slot = self.order(row.leaf).first_fitting(need, None)?;
        Some((self.ranked(row, tasks, slot.key), slot.item))
    }

    /// The first by all ranks of those with enough room, and where it is.
    pub fn best(&self, need: Room) -> Option<u32> {
        self.best_below(ROOT, 0, need).map(|(_, item)| item)
    }

    fn best_below(&self, branch: u32, depth: usize, need: Room) -> Option<(Key, u32)> {
        let order = &self.branches[branch as usize].order;
        if depth == self.levels.len() {
            return order.first_fitting(need, None).map(|slot| (slot.key, slot.item));
        }
        let place = self.levels[depth].place;
        let (mut best, mut after): (Option<(Key, u32)>, _) = (None, None);
        while let Some(slot) = order.first_fitting(need, after) {
            if best.is_some_and(|(key, _)| key <= slot.key) {
                break;
            }
            let rank = self.domains[self.domain(slot.item) as usize].tasks;
            // Below, its own rank is not filled in.
            let found = self.best_below(slot.item, depth + 1, need);
            let found = found.map(|(key, item)| (key.with(place, rank), item));
            match found {
                Some((key, _)) if key == slot.key => return found,
                Some((key, _)) if best.is_none_or(|(best, _)| key < best) => best = found,
                _ => {}
            }
            after = Some(slot.key);
        }
        best
    }
}
