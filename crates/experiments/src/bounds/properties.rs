//! Bounds against the truth, found by trying everything.

use super::*;
use crate::workload::{Shape, timeless};
use plimsoll_placement::policy::{Models, Task};
use proptest::prelude::*;

fn workload(sizes: &[(u32, u32)]) -> Workload {
    let task = |(cpu_milli, memory_mib): &(u32, u32)| Task {
        cpu_milli: *cpu_milli,
        memory_mib: *memory_mib,
        gpus: 0,
        gpu_milli: 0,
        models: Models::ANY,
    };
    let shapes = sizes.iter().map(|size| Shape { task: task(size), gpu_spec: String::new() }).collect();
    Workload { shapes, arrivals: (0..sizes.len() as u32).map(timeless).collect(), end_s: None }
}

fn node((cpu_milli, memory_mib): (u32, u32)) -> NodeShape {
    NodeShape { cpu_milli, memory_mib, gpus: 0, model: None, tasks_max: u32::MAX }
}

fn bounds(sizes: &[(u32, u32)], nodes: &[(u32, u32)]) -> (u64, Result<u64, String>) {
    let (workload, nodes) = (workload(sizes), nodes.iter().copied().map(node).collect::<Vec<_>>());
    let bound = host_bound(&workload, &nodes);
    (bound.peak, lp_host_bound(&workload, &nodes, &bound))
}

/// The fewest nodes that hold all tasks; `None` if they do not fit.
fn optimum(sizes: &[(u32, u32)], nodes: &[(u32, u32)]) -> Option<u64> {
    fn place(sizes: &[(u32, u32)], free: &mut [(u32, u32)], whole: &[(u32, u32)], best: &mut Option<u64>) {
        let used = free.iter().zip(whole).filter(|(free, whole)| free != whole).count() as u64;
        if best.is_some_and(|best| best <= used) {
            return;
        }
        let Some(((cpu, memory), rest)) = sizes.split_first() else {
            *best = Some(used);
            return;
        };
        for at in 0..free.len() {
            // Of equal nodes that are both empty only the first is tried.
            let twin = |other: usize| free[other] == whole[other] && whole[other] == whole[at];
            if free[at] == whole[at] && (0..at).any(twin) {
                continue;
            }
            if free[at].0 >= *cpu && free[at].1 >= *memory {
                let before = free[at];
                free[at] = (before.0 - cpu, before.1 - memory);
                place(rest, free, whole, best);
                free[at] = before;
            }
        }
    }
    let mut best = None;
    place(sizes, &mut nodes.to_vec(), nodes, &mut best);
    best
}

#[test]
fn configurations_know_what_does_not_go_together() {
    // Per dimension two nodes would do; no two of these tasks fit on one.
    assert_eq!(bounds(&[(6, 1), (6, 1), (6, 1)], &[(10, 10); 9]), (2, Ok(3)));
    // Only the large nodes take the large tasks.
    assert_eq!(bounds(&[(9, 1), (9, 1), (4, 4)], &[(10, 10), (10, 10), (5, 5), (5, 5)]), (3, Ok(3)));
    assert_eq!(bounds(&[(3, 9), (9, 3), (1, 1)], &[(10, 10); 9]), (2, Ok(2)));
    // A task that fits nowhere says nothing about the others.
    assert_eq!(bounds(&[(11, 1)], &[(10, 10); 9]).1, Ok(2));
}

#[test]
fn too_much_work_is_said() {
    let many: Vec<(u32, u32)> = (0..=SHAPES_MAX as u32).map(|nth| (nth + 1, 7)).collect();
    let (_, problem) = bounds(&many, &[(1000, 1000); 3]);
    assert_eq!(problem, Err("201 different needs at once, at most 200 are solved".to_owned()));
    let (_, problem) = bounds(&[(1, 7); 3], &(1..10).map(|nth| (nth, 10)).collect::<Vec<_>>());
    assert_eq!(problem, Err("9 different nodes, at most 8 are solved".to_owned()));
    let sizes: Vec<(u32, u32)> = (0..100).map(|nth| (9_001 + 7 * nth, 8_009 + 13 * nth)).collect();
    let (_, problem) = bounds(&sizes, &[(64_000, 131_072); 3]);
    assert!(problem.as_ref().is_err_and(|text| text.contains("too small a common divisor")), "{problem:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn the_linear_programme_lies_between_sums_and_the_optimum(
        sizes in prop::collection::vec((1u32..=10, 1u32..=10), 1..8),
        kinds in prop::collection::vec((6u32..=14, 6u32..=14), 1..3),
    ) {
        let nodes: Vec<(u32, u32)> = kinds.iter().flat_map(|kind| [*kind; 6]).collect();
        let Some(optimum) = optimum(&sizes, &nodes) else { return Ok(()) };
        let (sums, programme) = bounds(&sizes, &nodes);
        let programme = programme.expect("small enough");
        prop_assert!(sums <= programme, "{sums} per dimension, {programme} by the programme");
        prop_assert!(programme <= optimum, "{programme} by the programme, {optimum} in truth");
    }
}
