//! The instances that no rank sets apart, for a draw between them.

use super::{Branches, ROOT};
use crate::key::{Key, LABEL};
use crate::order::Order;

impl Branches {
    /// Of all that no rank sets apart from the best, with any room, in order of label: how many there are, and a way to
    /// pick one.
    pub fn tied(&self) -> Tied<'_> {
        let mut tied = Tied { runs: Vec::new(), total: 0 };
        self.collect_tied(ROOT, 0, &mut tied);
        tied
    }

    fn collect_tied<'a>(&'a self, branch: u32, depth: usize, tied: &mut Tied<'a>) {
        let order = &self.branches[branch as usize].order;
        let Some(first) = order.first() else { return };
        let last = first.key.with(LABEL, u32::MAX);
        if depth == self.levels.len() {
            tied.total += order.count_up_to(last);
            tied.runs.push((order, last));
            return;
        }
        for slot in order.iter().take_while(|slot| slot.key <= last) {
            self.collect_tied(slot.item, depth + 1, tied);
        }
    }
}

/// Entries that no rank sets apart.
pub(crate) struct Tied<'a> {
    /// A leaf each, and the key that no entry of the run is behind.
    runs: Vec<(&'a Order, Key)>,
    pub total: u32,
}

impl Tied<'_> {
    /// The one with so many before it in order of label, whatever leaf it is in.
    ///
    /// Each step takes the entry of one leaf that stands where the wanted one would, were all leaves mixed evenly, and
    /// counts the entries of all that are before it: what is wanted is on one side of it in every leaf. As ids of
    /// instances say nothing of their domains, few steps do.
    pub fn nth(&self, mut nth: u32) -> Option<u32> {
        if let [(order, _)] = self.runs[..] {
            return order.nth(nth).map(|slot| slot.item);
        }
        // What is left of each leaf, by position.
        let mut left: Vec<(u32, u32)> = self.runs.iter().map(|(order, last)| (0, order.count_up_to(*last))).collect();
        loop {
            let total: u32 = left.iter().map(|(from, to)| to - from).sum();
            let largest = (0..left.len()).max_by_key(|&run| left[run].1 - left[run].0)?;
            let (from, to) = left[largest];
            let at = from + (u64::from(to - from) * u64::from(nth) / u64::from(total.max(1))) as u32;
            let slot = self.runs[largest].0.nth(at)?;
            let label = slot.key.get(LABEL);
            let before = |run: usize| match &self.runs[run] {
                _ if run == largest => at,
                (order, last) => order.count_up_to(last.with(LABEL, label)),
            };
            let middle: Vec<u32> = (0..left.len()).map(|run| before(run).clamp(left[run].0, left[run].1)).collect();
            let passed: u32 = middle.iter().zip(&left).map(|(middle, (from, _))| middle - from).sum();
            if passed == nth {
                return Some(slot.item);
            }
            for (run, &middle) in middle.iter().enumerate() {
                if passed < nth {
                    left[run].0 = middle + u32::from(run == largest);
                } else {
                    left[run].1 = middle;
                }
            }
            nth -= if passed < nth { passed + 1 } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::Room;

    #[test]
    fn the_nth_of_several_leaves_is_the_nth_of_all_in_order() {
        for (leaves, entries) in [(1u32, 40u32), (2, 41), (3, 100), (5, 7), (7, 300)] {
            // Some leaves have most, and labels are far from even.
            let leaf = |nth: u32| (nth * nth / 3 + nth / 7) % leaves;
            let label = |nth: u32| nth * nth + 5;
            let orders: Vec<Order> = (0..leaves)
                .map(|of| {
                    let own = (0..entries).filter(|&nth| leaf(nth) == of);
                    Order::build(own.map(|nth| (Key::ZERO.with(LABEL, label(nth)), Room::default(), nth)))
                })
                .collect();
            let last = Key::ZERO.with(LABEL, u32::MAX);
            let tied = Tied { runs: orders.iter().map(|order| (order, last)).collect(), total: entries };
            let found: Vec<Option<u32>> = (0..entries).map(|nth| tied.nth(nth)).collect();
            assert_eq!(found, (0..entries).map(Some).collect::<Vec<_>>(), "{entries} entries in {leaves} leaves");
        }
    }
}
