//! `cargo xtask sim`: many seeds of the simulator, on all cores.

use anyhow::{Result, bail};
use plimsoll_sim::{Coverage, run_seed};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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
    #[arg(long, default_value_t = 300, value_name = "M")]
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
    let first = options.seed.unwrap_or(0);
    let count = options.seeds;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count as usize).max(1);
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first.saturating_add(count) {
                return;
            }
            let outcome = run_seed(seed, options.steps);
            let mut tally = tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            match outcome {
                Ok(report) => {
                    tally.steps += report.steps;
                    tally.coverage.add(&report.coverage);
                }
                Err(violation) => {
                    tally.steps += violation.step;
                    eprintln!("{violation}");
                    tally.violations.push(format!("cargo xtask sim --seed {seed} --steps {}", options.steps));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let tally = tally.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    if options.coverage {
        for (what, times) in tally.coverage.iter() {
            println!("{times:>10}  {what}");
        }
    }
    let rate = tally.steps as f64 / started.elapsed().as_secs_f64() / threads as f64;
    println!(
        "sim: {count} seeds, {} steps, {} violations, {rate:.0} steps/s/core",
        tally.steps,
        tally.violations.len()
    );
    if !tally.violations.is_empty() {
        bail!("invariants were broken; replay with\n  {}", tally.violations.join("\n  "));
    }
    Ok(())
}
