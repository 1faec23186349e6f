//! Simulated worlds, as many as a test may take: the seeds that once broke something, kept green, and a few others.
//! Hundreds more run as `cargo xtask sim`, which CI calls, and which also sees to it that everything is reached.

use plimsoll_sim::run_seed;

/// What broke, and the seed and steps that showed it. A found one becomes a line here, and a scenario where it can be
/// told small.
const FOUND: &[(&str, u64, u64)] =
    &[("a given-up service stopped a protected task on a draining instance (PROT-4)", 81, 2_000)];

const SEEDS: std::ops::Range<u64> = 1_000_000..1_000_016;
const STEPS: u64 = 800;

#[test]
fn seeds_that_broke_something_stay_green() {
    for (what, seed, steps) in FOUND {
        if let Err(violation) = run_seed(*seed, *steps) {
            panic!("{what}: {violation}");
        }
    }
}

#[test]
fn no_seed_breaks_an_invariant() {
    for seed in SEEDS {
        if let Err(violation) = run_seed(seed, STEPS) {
            panic!("{violation}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run_i_7() {
    let seed = SEEDS.start;
    let once = run_seed(seed, STEPS).map_err(|violation| violation.to_string());
    let again = run_seed(seed, STEPS).map_err(|violation| violation.to_string());
    assert_eq!(once, again, "seed {seed}");
}
