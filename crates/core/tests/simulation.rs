//! Some hundred worlds with faults, and none in which an invariant breaks (I-1 to I-23 as the simulator checks them).

use plimsoll_sim::{Coverage, RunReport, Violation, expected_coverage, run_seed};
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 500;
const STEPS: u64 = 1_000;
/// One in this many seeds runs twice.
const REPLAYED: u64 = 100;

fn run_all(seeds: std::ops::Range<u64>, steps: u64) -> Vec<Result<RunReport, Violation>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut results = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return results;
            }
            results.push(run_seed(seed, steps));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("run_seed catches panics")).collect()
    })
}

#[test]
fn no_seed_breaks_an_invariant_and_everything_is_reached() {
    let results = run_all(0..SEEDS, STEPS);
    let mut coverage = Coverage::default();
    let mut steps = 0;
    for result in &results {
        match result {
            Ok(report) => {
                coverage.add(&report.coverage);
                steps += report.steps;
            }
            Err(violation) => panic!("{violation}"),
        }
    }
    println!("{SEEDS} seeds, {steps} steps");
    for (what, times) in coverage.iter() {
        println!("{times:>9}  {what}");
    }
    let missed: Vec<_> = expected_coverage().into_iter().filter(|what| coverage.of(what) == 0).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}");
}

#[test]
fn the_same_seed_gives_the_same_run_i_7() {
    for seed in (0..SEEDS).step_by(REPLAYED as usize) {
        let once = run_seed(seed, STEPS);
        assert_eq!(once, run_seed(seed, STEPS), "seed {seed}");
    }
}
