//! One run: a seed, some steps of everything going wrong, then rest.

use crate::coverage::Coverage;
use crate::trace::Tracing;
use crate::violation::{Broken, Violation};
use crate::world::World;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunReport {
    pub seed: u64,
    /// All steps, those on the way to rest included.
    pub steps: u64,
    /// Equal for equal runs.
    pub trace_hash: u64,
    pub coverage: Coverage,
}

/// Runs `steps` steps with faults, then until everything is at rest, checking invariants after every step.
///
/// A run that breaks an invariant is made once more, with a line for every step.
pub fn run_seed(seed: u64, steps: u64) -> Result<RunReport, Violation> {
    run(seed, steps, Tracing::Hash).or_else(|_| run(seed, steps, Tracing::Lines))
}

/// Only whether an invariant breaks and which; without the words of [`run_seed`].
pub fn run_seed_briefly(seed: u64, steps: u64) -> Result<RunReport, Violation> {
    run(seed, steps, Tracing::Hash)
}

fn run(seed: u64, steps: u64, tracing: Tracing) -> Result<RunReport, Violation> {
    let mut world = World::new(seed, tracing);
    let outcome = catch_unwind(AssertUnwindSafe(|| live(&mut world, steps)));
    let broken = match outcome {
        Ok(Ok(())) => {
            return Ok(RunReport {
                seed,
                steps: world.steps,
                trace_hash: world.trace.hash(),
                coverage: world.coverage,
            });
        }
        Ok(Err(broken)) => broken,
        // The cores assert what they rely on; a run in which one gives up is as bad as any other violation.
        Err(panic) => Broken { invariant: "panic", detail: text_of(panic.as_ref()) },
    };
    Err(Violation {
        invariant: broken.invariant,
        detail: broken.detail,
        seed,
        steps,
        step: world.steps,
        time: world.now,
        trace: world.trace.lines(),
    })
}

fn live(world: &mut World, steps: u64) -> Result<(), Broken> {
    while world.steps < steps {
        world.step()?;
    }
    world.come_to_rest()
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}
