//! `cargo xtask sim`: many seeds of the simulator, on all cores.

use anyhow::{Result, bail};
use plimsoll_sim::{Coverage, RunReport, Violation, run_seed};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// One seed in this many runs twice, and must do the same both times (I-7).
const REPLAYED: u64 = 100;
/// With fewer seeds or steps than this a point that was not reached says nothing about the world.
const COVERING_SEEDS: u64 = 400;
const COVERING_STEPS: u64 = 1_000;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many seeds to run
    #[arg(
        long,
        default_value = "500",
        default_value_if("seed", clap::builder::ArgPredicate::IsPresent, "1"),
        value_name = "N"
    )]
    pub seeds: u64,
    /// Steps with faults per seed; the way to rest comes on top
    #[arg(long, default_value_t = 2_000, value_name = "M")]
    pub steps: u64,
    /// The first seed; alone unless --seeds is given too
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Also print how often each command, fault and transition was reached
    #[arg(long)]
    pub coverage: bool,
}

#[derive(Default)]
struct Tally {
    steps: u64,
    violations: Vec<String>,
    coverage: Coverage,
}

pub fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let (first, count, steps) = (options.seed.unwrap_or(0), options.seeds, options.steps);
    let tally = Mutex::new(Tally::default());
    let threads = on_all_cores(count, |nth| {
        let seed = first + nth;
        let outcome = run_seed(seed, steps);
        let twice = outcome.as_ref().ok().filter(|_| seed.is_multiple_of(REPLAYED)).map(|once| same_again(once, steps));
        let mut tally = tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match outcome {
            Ok(report) => {
                tally.steps += report.steps;
                tally.coverage.add(&report.coverage);
            }
            Err(violation) => {
                tally.steps += violation.step;
                eprintln!("{violation}");
                tally.violations.push(violation.replay());
            }
        }
        match twice {
            Some(Ok(steps)) => tally.steps += steps,
            Some(Err(difference)) => {
                eprintln!("I-7 violated: {difference}");
                tally.violations.push(format!("cargo xtask sim --seed {seed} --steps {steps}"));
            }
            None => {}
        }
    });
    let tally = tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if options.coverage {
        for (point, times) in tally.coverage.iter() {
            println!("{times:>10}  {point}");
        }
    }
    let rate = tally.steps as f64 / started.elapsed().as_secs_f64() / threads as f64;
    let missing = tally.coverage.missing();
    let covers = count >= COVERING_SEEDS && steps >= COVERING_STEPS;
    let missed: Vec<String> =
        missing.iter().filter(|_| covers).map(|point| format!("never reached: {point}")).collect();
    missed.iter().for_each(|line| println!("{line}"));
    println!(
        "sim: {count} seeds, {} steps, {} violations, {rate:.0} steps/s/core",
        tally.steps,
        tally.violations.len()
    );
    if !tally.violations.is_empty() {
        bail!("invariants were broken; replay with\n  {}", tally.violations.join("\n  "));
    }
    if !missed.is_empty() {
        bail!("the worlds no longer reach what they are there to reach:\n  {}", missed.join("\n  "));
    }
    Ok(())
}

fn same_again(once: &RunReport, steps: u64) -> Result<u64, String> {
    match run_seed(once.seed, steps) {
        Ok(again) if again == *once => Ok(again.steps),
        Ok(again) => Err(format!("seed {} gave {:x} and then {:x}", once.seed, once.trace_hash, again.trace_hash)),
        Err(Violation { invariant, .. }) => Err(format!("seed {} went well and then broke {invariant}", once.seed)),
    }
}

/// Calls `work` with every number below `count`. Returns how many threads shared it.
pub(crate) fn on_all_cores(count: u64, work: impl Fn(u64) + Sync) -> usize {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(usize::try_from(count).unwrap_or(usize::MAX)).max(1);
    let next = AtomicU64::new(0);
    let each = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return;
            }
            work(nth);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(each);
        }
    });
    threads
}
