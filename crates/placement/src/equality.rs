//! The long check that placement does what its plain definition says: random histories, led through the fleet and the
//! oracle side by side.

use crate::fuzz::Fuzz;
use crate::pair::{Event, Pair};

/// Instances of a large fleet: more than a node of a tree holds, and room for groups that have a view of their own.
/// Both are smaller in tests.
const LARGE: u32 = if cfg!(test) { 24 } else { 96 };

/// Steps of one history; the next one begins with an empty fleet.
const STEPS: u64 = 120;

/// Leads the fleet and the oracle through so many operations and panics at the first difference. The message names the
/// history; the same seed makes the same ones.
///
/// Most fleets are small, because oracles are slow and ties and crossings of rules want few instances; every sixteenth
/// is large. Every eighth history also makes each plan again, and from nothing but the rows.
pub fn check(operations: u64, seed: u64) {
    let mut done = 0;
    for history in 0.. {
        if done >= operations {
            return;
        }
        let own_seed = seed.wrapping_mul(1 << 32).wrapping_add(history);
        let instances = if history % 16 == 15 { LARGE } else { 1 + (own_seed % 10) as u32 };
        let witness = Witness { seed, history, step: 0, over: false };
        let steps = STEPS.min(operations - done);
        lead(own_seed, instances, history % 8 == 7, steps, witness);
        done += steps;
    }
}

fn lead(seed: u64, instances: u32, thorough: bool, steps: u64, mut witness: Witness) {
    let (mut fuzz, mut pair) = (Fuzz::new(seed, instances), Pair::new(seed, thorough));
    for _ in 0..instances {
        pair.apply(Event::Put(fuzz.spec()));
    }
    for step in 0..steps {
        witness.step = step;
        let event = fuzz.event(pair.world.tasks.len());
        pair.apply(event);
    }
    witness.over = true;
}

/// Says where a difference was found when it is dropped before its history is over.
struct Witness {
    seed: u64,
    history: u64,
    step: u64,
    over: bool,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let Witness { seed, history, step, over } = self;
        if *over {
            return;
        }
        eprintln!("seed {seed}, history {history}, step {step}: the fleet and the oracle differ");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_hundred_thousand_operations_are_as_the_oracle_has_them() {
        super::check(200_000, 1);
    }
}
