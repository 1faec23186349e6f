//! Real time, read in one place. It never goes back: the wall clock is read once, the monotonic clock after that.

use plimsoll_model::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    wall: Timestamp,
}

impl Clock {
    pub fn start() -> Self {
        // A machine set before 1970 starts there; only differences decide anything.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Clock { started: Instant::now(), wall: Timestamp::from_millis(millis) }
    }

    pub fn now(&self) -> Timestamp {
        self.wall.plus_millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// When `at` will be; at once when it has been.
    pub fn instant_of(&self, at: Timestamp) -> Instant {
        let millis = at.millis_since(self.wall);
        // A deadline beyond what an Instant holds is no deadline; a day from here is looked at again then.
        let day = std::time::Duration::from_secs(86_400);
        self.started.checked_add(std::time::Duration::from_millis(millis)).unwrap_or_else(|| Instant::now() + day)
    }
}
