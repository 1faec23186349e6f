//! Values by how often they came: their mean and percentiles.

use std::collections::BTreeMap;

/// 0 of nothing.
pub(crate) fn mean(counts: &BTreeMap<u64, u64>) -> f64 {
    let count: u64 = counts.values().sum();
    let sum: u128 = counts.iter().map(|(value, count)| u128::from(*value) * u128::from(*count)).sum();
    sum as f64 / count.max(1) as f64
}

/// The smallest value that at least `percent` of all values do not exceed; 0 of nothing.
pub(crate) fn percentile(counts: &BTreeMap<u64, u64>, percent: u64) -> f64 {
    let count: u64 = counts.values().sum();
    let enough = (count * percent).div_ceil(100);
    let mut covered = 0;
    let found = counts.iter().find(|(_, count)| {
        covered += **count;
        covered >= enough
    });
    found.map_or(0.0, |(value, _)| *value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_came() {
        let counts: BTreeMap<u64, u64> = [(0, 98), (10, 1), (70, 1)].into();
        let of = |percent| percentile(&counts, percent);
        assert_eq!([of(50), of(98), of(99), of(100)], [0.0, 0.0, 10.0, 70.0]);
        assert_eq!((mean(&counts), mean(&BTreeMap::new()), percentile(&BTreeMap::new(), 99)), (0.8, 0.0, 0.0));
    }
}
