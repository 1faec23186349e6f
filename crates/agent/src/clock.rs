//! Time for the cores: the wall clock when the agent started plus what has passed since.
//!
//! A wall clock that is set back or forth later moves nothing: every duration here is a monotonic one.

use plimsoll_model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall_at_start: Timestamp,
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        // A clock before 1970 counts as 1970: times are then wrong, durations are not.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        Clock { wall_at_start: Timestamp::from_millis(millis), started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.wall_at_start.plus_millis(elapsed)
    }

    /// When `at` will be, on the runtime's clock. The past means at once.
    pub(crate) fn instant_of(&self, at: Timestamp) -> Instant {
        self.started + std::time::Duration::from_millis(at.millis_since(self.wall_at_start))
    }
}
