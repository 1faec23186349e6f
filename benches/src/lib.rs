//! Fleets, streams of requests and the runs that are timed.

pub mod equality;
pub mod fleet;
pub mod runs;
pub mod table;
