//! The scheduler and a naive reading of its rules, side by side.
//!
//! `rules` says what one pass does to one service: vectors, counting loops, no code shared with the scheduler. `story`
//! is what happens to a service over time. `cluster` drives a real core. `lockstep` gives both the same events and
//! compares them after each.

pub mod cluster;
mod lockstep;
pub mod rules;
mod story;

pub use lockstep::{Lockstep, Order, Setting};
pub use story::{Event, Fate};

/// Runs every case, spread over the processors.
pub fn in_parallel<T: Sync>(cases: &[T], run: impl Fn(&T) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let run = &run;
            scope.spawn(move || cases.iter().skip(first).step_by(threads).for_each(run));
        }
    });
}

/// Repeatable chance (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    pub fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}
