//! Drawing from a generator so that the same seed gives the same numbers in every release and on every platform.

use rand::Rng;

/// A number below `bound`, each equally likely.
pub fn below(chance: &mut dyn Rng, bound: u64) -> u64 {
    assert!(bound > 0, "there is no number below 0");
    // The largest multiple of `bound` that fits: what is above it would favour small numbers.
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let drawn = chance.next_u64();
        if drawn < limit {
            return drawn % bound;
        }
    }
}

/// Puts the items in an order, each equally likely.
pub fn shuffle<T>(chance: &mut dyn Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = usize::try_from(below(chance, last as u64 + 1)).expect("an index");
        items.swap(last, other);
    }
}
