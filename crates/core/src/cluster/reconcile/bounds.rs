//! How few healthy tasks and how many tasks in all a deployment may have (DEP-10).

use plimsoll_placement::mutant;
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RolloutBounds {
    /// No healthy task is stopped below this.
    pub healthy_min: u32,
    /// No task is started at or above this; tasks count until they are STOPPED (DEP-12).
    pub total_max: u32,
}

/// Rounds as ECS does: the floor goes up and the ceiling goes down, so a rollout never takes more than was allowed.
pub fn rollout_bounds(desired: u32, minimum_percent: u32, maximum_percent: u32) -> RolloutBounds {
    let share = |percent: u32| u64::from(desired) * u64::from(percent);
    let in_range = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    RolloutBounds {
        healthy_min: in_range(
            mutant!(RoundsTheWrongWay => share(minimum_percent) / 100, share(minimum_percent).div_ceil(100)),
        ),
        total_max: in_range(
            mutant!(RoundsTheWrongWay => share(maximum_percent).div_ceil(100), share(maximum_percent) / 100),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DEP-10, DEP-18.
    #[test]
    fn rollout_bounds_round_towards_safety() {
        for (desired, min, max, expected) in [
            (4, 50, 200, (2, 8)),
            (4, 50, 100, (2, 4)),
            (4, 100, 200, (4, 8)),
            (2, 75, 100, (2, 2)),
            (2, 75, 200, (2, 4)),
            (3, 100, 125, (3, 3)),
            (3, 50, 125, (2, 3)),
            (1, 100, 200, (1, 2)),
            (1, 100, 150, (1, 1)),
            (1, 50, 100, (1, 1)),
            (1, 0, 100, (0, 1)),
            (10, 90, 110, (9, 11)),
            (7, 50, 150, (4, 10)),
            (0, 100, 200, (0, 0)),
            (u32::MAX, 100, 200, (u32::MAX, u32::MAX)),
        ] {
            let bounds = rollout_bounds(desired, min, max);
            assert_eq!((bounds.healthy_min, bounds.total_max), expected, "desired={desired} {min}..{max}%");
        }
    }
}
