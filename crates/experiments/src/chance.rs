//! One stream of random numbers per seed and purpose: a policy that draws more does not change the workload, so every
//! policy meets the same tasks and the same node order.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    TaskOrder = 1,
    Inflation = 2,
    NodeOrder = 3,
    Policy = 4,
    Needs = 5,
    Arrivals = 6,
    Lifetimes = 7,
    Services = 8,
    Starts = 9,
    Stops = 10,
    NodeFailures = 11,
    TaskFailures = 12,
}

pub fn stream(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    chance.set_stream(purpose as u64);
    chance
}

/// One of many streams of the same purpose: what is drawn for one thing does not depend on what happens to others.
pub(crate) fn stream_of(seed: u64, purpose: Purpose, nth: u64) -> ChaCha8Rng {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    chance.set_stream(purpose as u64 | (nth + 1) << 8);
    chance
}
