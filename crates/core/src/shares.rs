//! How tasks are shared out over the capacity providers of a strategy (SVC-56).
//!
//! Picture: each provider has places, one above the other. The first `base` of them are filled before anything else;
//! place `j` beyond the base is at height `j / weight`. Tasks always take the lowest free place, between equal heights
//! that of the provider named first. So what tasks of a given number take is the same whatever the order in which
//! they came, and what to give up is the highest places first.
//!
//! Nothing here counts task by task: the height up to which all places are filled is searched for, and only the places
//! at exactly that height, at most one per provider, are dealt one by one.

use plimsoll_model::CapacityProviderStrategyItem;

/// Steps per unit of height. Two different heights are at least `1 / (1000 * 999)` apart, because weights go up to 1000
/// (SVC-55): a step never holds two of them.
const STEPS: u128 = 1 << 20;

/// How many of `count` more tasks each provider gets, when it has `have`. They are fewer than `count` in all only
/// where no provider has a weight.
pub(crate) fn to_start(strategy: &[CapacityProviderStrategyItem], have: &[u32], count: u32) -> Vec<u32> {
    let mut left = count;
    let mut has = have.to_vec();
    for (has, item) in has.iter_mut().zip(strategy) {
        let missing = item.base.saturating_sub(*has).min(left);
        *has += missing;
        left -= missing;
    }
    let missing_at = |step: u128| -> u128 {
        strategy
            .iter()
            .zip(&has)
            .map(|(item, has)| item.places_below(step).saturating_sub(item.beyond_base(*has)))
            .sum()
    };
    if strategy.iter().any(|item| item.weight > 0) {
        let highest = strategy.iter().zip(&has).map(|(item, has)| item.beyond_base(*has)).max().unwrap_or(0);
        // One provider alone would have room for all below that.
        let step = last_step((highest + u128::from(left) + 1) * STEPS, |step| missing_at(step) <= u128::from(left));
        for (item, has) in strategy.iter().zip(&mut has) {
            let more = small(item.places_below(step).saturating_sub(item.beyond_base(*has)));
            *has += more;
            left -= more;
        }
        for (item, has) in strategy.iter().zip(&mut has) {
            if left > 0 && item.places_below(step + 1) > item.beyond_base(*has) {
                *has += 1;
                left -= 1;
            }
        }
    }
    has.iter().zip(have).map(|(has, had)| has - had).collect()
}

/// How many of the tasks it has each provider keeps when only `keep` of all are to stay.
pub(crate) fn to_keep(strategy: &[CapacityProviderStrategyItem], have: &[u32], keep: u32) -> Vec<u32> {
    let mut left = keep;
    let mut kept: Vec<u32> = Vec::with_capacity(have.len());
    for (item, has) in strategy.iter().zip(have) {
        kept.push(item.base.min(*has).min(left));
        left -= kept.last().copied().unwrap_or(0);
    }
    let beyond: Vec<u32> = strategy.iter().zip(have).map(|(item, has)| has.saturating_sub(item.base)).collect();
    let held_below = |item: &CapacityProviderStrategyItem, beyond: u32, step: u128| {
        small(item.places_below(step).min(u128::from(beyond)))
    };
    let held = |step: u128| -> u128 {
        strategy.iter().zip(&beyond).map(|(item, beyond)| u128::from(held_below(item, *beyond, step))).sum()
    };
    let top = (u128::from(beyond.iter().copied().max().unwrap_or(0)) + 1) * STEPS;
    let step = last_step(top, |step| held(step) <= u128::from(left));
    let mut lowest: Vec<u32> = strategy.iter().zip(&beyond).map(|(item, one)| held_below(item, *one, step)).collect();
    left -= lowest.iter().sum::<u32>();
    for ((item, beyond), lowest) in strategy.iter().zip(&beyond).zip(&mut lowest) {
        if left > 0 && held_below(item, *beyond, step + 1) > *lowest {
            *lowest += 1;
            left -= 1;
        }
    }
    // Those without a weight have no place beyond their base at all: what they hold there goes first.
    for (((item, beyond), lowest), kept) in strategy.iter().zip(&beyond).zip(lowest).zip(&mut kept) {
        let more = if item.weight == 0 { left.min(*beyond) } else { lowest };
        left -= if item.weight == 0 { more } else { 0 };
        *kept += more;
    }
    kept
}

/// The provider of the next task.
pub(crate) fn next(strategy: &[CapacityProviderStrategyItem], have: &[u32]) -> Option<usize> {
    to_start(strategy, have, 1).iter().position(|more| *more > 0)
}

trait Places {
    /// Places beyond the base that are lower than this height: the `j` with `j / weight < step / STEPS`.
    fn places_below(&self, step: u128) -> u128;
    fn beyond_base(&self, has: u32) -> u128;
}

impl Places for CapacityProviderStrategyItem {
    fn places_below(&self, step: u128) -> u128 {
        (step * u128::from(self.weight)).div_ceil(STEPS)
    }

    fn beyond_base(&self, has: u32) -> u128 {
        u128::from(has.saturating_sub(self.base))
    }
}

/// The last step below `end` for which `holds`, which holds for 0 and, from some step on, no more.
fn last_step(end: u128, holds: impl Fn(u128) -> bool) -> u128 {
    let (mut low, mut high) = (0, end);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

fn small(places: u128) -> u32 {
    u32::try_from(places).expect("no more places are filled than there are tasks")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strategy(items: &[(u32, u32)]) -> Vec<CapacityProviderStrategyItem> {
        let item = |(nth, (weight, base)): (usize, &(u32, u32))| CapacityProviderStrategyItem {
            provider: format!("p{nth}").into(),
            weight: *weight,
            base: *base,
        };
        items.iter().enumerate().map(item).collect()
    }

    #[test]
    fn svc_56_the_base_comes_first_then_weights_share_the_rest() {
        for (items, have, count, expected) in [
            (&[(1, 0), (1, 0)][..], &[0, 0][..], 5, &[3, 2][..]),
            (&[(1, 0), (1, 0)], &[3, 2], 1, &[0, 1]),
            (&[(1, 2), (4, 0)], &[0, 0], 2, &[2, 0]),
            (&[(1, 2), (4, 0)], &[0, 0], 7, &[3, 4]),
            (&[(1, 2), (4, 0)], &[0, 0], 12, &[4, 8]),
            (&[(4, 0), (1, 3)], &[0, 0], 4, &[1, 3]),
            (&[(0, 1), (3, 0)], &[0, 0], 10, &[1, 9]),
            (&[(0, 0), (1, 0)], &[0, 0], 4, &[0, 4]),
            (&[(1000, 0), (999, 0)], &[0, 0], 1_999, &[1_000, 999]),
            (&[(1, 0), (1000, 0)], &[0, 0], 1_001, &[1, 1_000]),
            // A provider with too many is left out until the others have caught up.
            (&[(1, 0), (1, 0)], &[10, 0], 4, &[0, 4]),
            (&[(1, 0), (1, 0)], &[10, 0], 14, &[2, 12]),
            // Nothing beyond a base without weights.
            (&[(0, 3)], &[0], 5, &[3]),
            (&[(0, 3)], &[3], 5, &[0]),
            (&[(1, 0)], &[0], u32::MAX, &[u32::MAX]),
            (&[(1, 0), (3, 100_000)], &[0, 0], 4_000_000_000, &[999_975_000, 3_000_025_000]),
        ] {
            assert_eq!(to_start(&strategy(items), have, count), expected, "{items:?} {have:?} {count}");
        }
    }

    #[test]
    fn svc_56_the_highest_places_are_given_up_first() {
        for (items, have, keep, expected) in [
            (&[(1, 0), (1, 0)][..], &[3, 2][..], 4, &[2, 2][..]),
            (&[(1, 0), (1, 0)], &[3, 3], 5, &[3, 2]),
            (&[(1, 0), (1, 0)], &[10, 2], 6, &[4, 2]),
            (&[(1, 2), (4, 0)], &[4, 8], 3, &[3, 0]),
            (&[(1, 2), (4, 0)], &[4, 8], 2, &[2, 0]),
            (&[(1, 2), (4, 0)], &[4, 8], 1, &[1, 0]),
            (&[(0, 1), (1, 0)], &[5, 3], 5, &[2, 3]),
            (&[(0, 1), (1, 0)], &[5, 3], 3, &[1, 2]),
            (&[(0, 3)], &[3], 2, &[2]),
            (&[(1, 0), (1, 0)], &[1, 1], 9, &[1, 1]),
            (&[(1, 0), (1, 0)], &[4, 4], 0, &[0, 0]),
        ] {
            assert_eq!(to_keep(&strategy(items), have, keep), expected, "{items:?} {have:?} {keep}");
        }
    }

    /// The rule as it is stated, a task at a time: base, then the smallest (tasks beyond base) / weight.
    fn next_by_the_rule(strategy: &[CapacityProviderStrategyItem], have: &[u32]) -> Option<usize> {
        let in_base = strategy.iter().zip(have).position(|(item, has)| *has < item.base);
        in_base.or_else(|| {
            let weighted = (0..strategy.len()).filter(|&at| strategy[at].weight > 0);
            let beyond = |at: usize| u64::from(have[at] - strategy[at].base.min(have[at]));
            weighted.min_by(|&left, &right| {
                let across = |one: usize, other: usize| beyond(one) * u64::from(strategy[other].weight);
                across(left, right).cmp(&across(right, left))
            })
        })
    }

    #[test]
    fn svc_56_many_at_once_are_shared_out_as_one_by_one_would_be() {
        let kinds = [(0, 0), (1, 0), (2, 0), (3, 0), (7, 0), (0, 2), (1, 1), (5, 3)];
        let mut compared = 0;
        for first in kinds {
            for second in kinds {
                for third in [(2, 0), (3, 0)] {
                    let strategy = strategy(&[first, second, third]);
                    for start in [[0, 0, 0], [4, 0, 1], [0, 6, 2], [1, 2, 9]] {
                        compare(&strategy, &start, 24);
                        compared += 1;
                    }
                }
            }
        }
        assert_eq!(compared, 8 * 8 * 2 * 4);
    }

    fn compare(strategy: &[CapacityProviderStrategyItem], start: &[u32], count: u32) {
        let mut have = start.to_vec();
        let mut history = vec![have.clone()];
        for number in 1..=count {
            let at = next_by_the_rule(strategy, &have).expect("there is a weight");
            assert_eq!(next(strategy, &have), Some(at), "{strategy:?} {have:?}");
            have[at] += 1;
            history.push(have.clone());
            let more: Vec<u32> = have.iter().zip(start).map(|(has, had)| has - had).collect();
            assert_eq!(to_start(strategy, start, number), more, "{strategy:?} {start:?} {number}");
        }
        // From nothing, giving tasks up is taking them back in the opposite order.
        if start.iter().all(|had| *had == 0) {
            for (number, before) in history.iter().enumerate() {
                let keep = u32::try_from(number).unwrap();
                assert_eq!(to_keep(strategy, &have, keep), *before, "{strategy:?} {have:?} {keep}");
            }
        }
    }
}
