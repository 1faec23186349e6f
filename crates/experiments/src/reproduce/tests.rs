//! The experiments on small stand-ins for their traces. The real ones are run where the data is
//! (`plimsoll-lab`'s tests).

use super::*;
use crate::PolicySpec;
use crate::read::{AzureFlavors, Source, openb_nodes, openb_pods};

fn nodes() -> String {
    let row = |nth: usize| format!("n-{nth:02},{},393216,{},{}\n", 96_000, [8, 4, 2][nth % 3], ["G2", "T4"][nth % 2]);
    std::iter::once("sn,cpu_milli,memory_mib,gpu,model\n".to_owned()).chain((0..12).map(row)).collect()
}

fn pods() -> String {
    let needs = ["8000,16384,1,1000,", "4000,8192,1,460,", "4000,8192,1,810,G2", "2000,8192,0,0,", "8000,9000,2,1000,"];
    let row = |nth: usize| format!("p-{nth:03},{}\n", needs[nth * 7 % 11 % needs.len()]);
    std::iter::once("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n".to_owned())
        .chain((0..90).map(row))
        .collect()
}

#[test]
fn inflation_allocates_what_arrives_until_the_cluster_is_full() {
    let (nodes, pods) = (nodes(), pods());
    let cluster = openb_nodes(Source { name: "nodes", text: &nodes }).expect("well formed");
    let tasks = openb_pods(Source { name: "pods", text: &pods }, &cluster).expect("well formed");
    for policy in ["fgd", "gpu-packing", "gpu-clustering", "first-fit", "random"] {
        let run = inflate_and_place(&cluster, &tasks, &tasks.typical(), &PolicySpec::new(policy, policy), 1)
            .expect("known policies");
        assert!((run[40].allocated - 40.0).abs() < 1.5, "{policy}: {:?}", run[40]);
        let last = run.last().expect("tasks arrive");
        assert!(run.len() >= 128 && last.allocated > 80.0 && last.allocated <= 100.0, "{policy}: {last:?}");
        assert!(run.iter().all(|point| point.fragmented_of_idle <= 100.0 + 1e-9), "{policy}");
    }
}

#[test]
fn stand_ins_do_not_pass_for_the_published_traces() {
    let (nodes, pods) = (nodes(), pods());
    let (nodes, pods) = (Source { name: "nodes", text: &nodes }, Source { name: "pods", text: &pods });
    let fgd = Fgd::new(nodes, &[("default", pods)]).expect("well formed");
    let outcomes: Vec<_> = (0..fgd.runs()).map(|nth| fgd.run(nth)).collect();
    let verdict = fgd.verdict(&outcomes);
    assert_eq!(verdict.cells.iter().filter(|cell| cell.expected.is_some()).count(), 6 + 66);
    assert!(!verdict.passes());

    let compaction = Compaction::new(nodes, pods).expect("well formed");
    let outcomes: Vec<_> = (0..compaction.runs()).map(|nth| compaction.run(nth)).collect();
    assert!(outcomes.iter().all(|kept| (1..=12).contains(&kept.nodes)));
    assert!(!compaction.verdict(&outcomes).passes());
}

#[test]
fn a_small_replay_is_what_it_is_by_hand() {
    let text = |name, text| Source { name, text };
    let files = AzureFlavors {
        // Two hosts of 64: 40 + 40, then the first leaves and 24 and 60 come.
        arrivals: text("vms", "0 f,f\n600 t,s\n"),
        lifetimes: text("lives", "0 U0,C0\n600 C0,U0\n"),
        flavors: text("map", "40,16 f\n24,16 t\n60,16 s\n"),
        bins: text("bins", "bin,lower_s,upper_s\n0,0,600\n"),
    };
    let replay = AzureReplay::new(&files).expect("well formed");
    let first_fit = replay.run(3 * 3);
    assert_eq!((first_fit.hosts_peak, first_fit.opens, first_fit.hosts, first_fit.hosts_ever), (2, 3, 1, 2));
    // Two hosts for 600 s, again until 1,200 s, one until the clock stops.
    assert_eq!(first_fit.host_seconds, 2 * 1_200 + (2_100_000 - 1_200));
    let outcomes: Vec<_> = (0..replay.runs()).map(|nth| replay.run(nth)).collect();
    assert!(!replay.verdict(&outcomes).passes());
}

#[test]
fn the_tolerance_itself_passes() {
    let cell = |obtained: f64| Cell {
        row: String::new(),
        column: String::new(),
        expected: Some(90.0),
        obtained,
        half_width: None,
        tolerance: 0.5,
        decimals: 2,
    };
    assert!(cell(90.5).passes() && cell(89.5).passes());
    assert!(!cell(90.51).passes() && !cell(f64::NAN).passes());
}
