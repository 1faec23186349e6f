//! What the operations on task sets have in common.

use super::input::invalid;
use crate::render::{ShowTags, TaskSetView};
use crate::resolve::ActiveCluster;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{Deployment, Scale};
use std::sync::Arc;

/// Percent on the wire, thousandths of a percent within: finer steps than that are rounded, except to nothing.
pub(super) fn scale(given: &types::Scale) -> Result<Scale, ApiError> {
    let out_of_range = || invalid("The scale of a task set is a percentage from 0 to 100.");
    if !(0.0..=100.0).contains(&given.value) {
        return Err(out_of_range());
    }
    let thousandths = (given.value * 1_000.0).round() as u32;
    let least = u32::from(given.value > 0.0);
    Scale::from_thousandths(thousandths.max(least)).ok_or_else(out_of_range)
}

/// The set as a command left it, which the scheduler may have done something about in the same commit.
pub(super) fn shown(cluster: &ActiveCluster, row: &Arc<Deployment>) -> Result<types::TaskSet, ApiError> {
    let view = cluster.read(|image| TaskSetView::collect(image, row))?;
    Ok(view.render(&cluster.arns, ShowTags::Yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SVC-50.
    #[test]
    fn scales_are_percentages_from_0_to_100() {
        for (percent, thousandths) in
            [(0.0, 0), (100.0, 100_000), (33.3, 33_300), (12.5, 12_500), (0.000_1, 1), (99.999_9, 100_000)]
        {
            let given = types::Scale { unit: None, value: percent };
            assert_eq!(scale(&given).unwrap().thousandths(), thousandths, "{percent}");
        }
        for wrong in [-0.1, 100.1, f64::NAN] {
            assert!(scale(&types::Scale { unit: None, value: wrong }).is_err(), "{wrong}");
        }
    }
}
