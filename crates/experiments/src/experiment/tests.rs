//! Experiments as people write them, right and wrong.

use super::*;
use crate::{Metric, Origin, PolicySpec, Results, output};
use plimsoll_placement::policy::{Claim, Node, Policy, Pool, Score, Task};
use proptest::prelude::*;
use rand::Rng;

const SMALL: &str = r#"
title = "small"
[seeds]
first = 1
count = 3
[cluster]
identical = { nodes = 10, cpu_milli = 8000, memory_mib = 16384 }
[workload.generated]
tasks = 200
arrivals = { poisson = { per_hour = 600 } }
lifetime_s = { exponential = { mean = 1800 } }
cpu_milli = { choice = { values = [500, 1000, 2000] } }
memory_mib = { lognormal = { median = 1024, sigma = 0.5, max = 8192, step = 128 } }
[[policy]]
name = "best-fit"
options = { truncate = 100 }
"#;

fn prepared(text: &str) -> Result<Prepared, ExperimentError> {
    let mut files = Files::new();
    files.insert("empty.csv".to_owned(), "name,cpu_milli,memory_mib\n".to_owned());
    Experiment::parse("test.toml", text)?.prepare("test.toml", text, &files)
}

#[test]
fn baselines_are_added_and_order_of_runs_does_not_matter() {
    let prepared = prepared(SMALL).expect("well formed");
    let labels: Vec<&str> = prepared.points[0].policies.iter().map(|policy| policy.label.as_str()).collect();
    assert_eq!(labels, ["best-fit", "first-fit", "random"]);
    let forwards: Vec<_> = (0..prepared.runs()).map(|nth| prepared.run(nth)).collect();
    let mut backwards: Vec<_> = (0..prepared.runs()).rev().map(|nth| prepared.run(nth)).collect();
    backwards.reverse();
    let (one, other) = (Results::new(&prepared, &forwards), Results::new(&prepared, &backwards));
    for text in [output::html, output::summary_json, output::summary_csv, output::runs_csv, output::curves_csv] {
        assert_eq!(text(&one), text(&other));
        assert!(text(&one).len() > 500);
    }
    let rejected = one.points[0].policies[0].metric(Metric::Rejected).expect("always there");
    assert_eq!(rejected.values.len(), 3);
}

#[test]
fn every_policy_meets_the_same_tasks() {
    let prepared = prepared(SMALL).expect("well formed");
    let bound = Metric::ALL.iter().position(|metric| *metric == Metric::HostsBound).expect("a metric");
    for seed in 0..3 {
        let bounds: Vec<_> = (0..3).map(|policy| prepared.run(policy * 3 + seed).values[bound]).collect();
        assert!(bounds.iter().all(|one| *one == bounds[0] && one.is_some()), "{bounds:?}");
    }
}

/// A pool that is too small for a while: who waits starts when somebody leaves, and keeps its lifetime.
#[test]
fn tasks_wait_where_there_is_a_queue() {
    let value = |queue: &str, metric: Metric| {
        let text =
            SMALL.replace("[cluster]", &format!("[cluster]\nqueue = \"{queue}\"")).replace("nodes = 10", "nodes = 4");
        let prepared = prepared(&text).expect("well formed");
        let at = Metric::ALL.iter().position(|one| *one == metric).expect("a metric");
        prepared.run(0).values[at]
    };
    assert!(value("none", Metric::Rejected) > Some(1.0));
    assert_eq!(value("none", Metric::QueueDelayMean), None);
    for queue in ["fifo", "backfill"] {
        assert_eq!(value(queue, Metric::Rejected), Some(0.0), "{queue}");
        let [median, late, longest] =
            [Metric::QueueDelayP50, Metric::QueueDelayP99, Metric::QueueDelayMax].map(|metric| value(queue, metric));
        assert!(median <= late && late <= longest && longest > Some(60.0), "{queue}: {median:?} {late:?} {longest:?}");
        assert_eq!(value(queue, Metric::HostsGap), None, "{queue}: delays move what is needed");
    }
}

#[test]
fn the_linear_programme_is_solved_where_it_is_asked_for() {
    let lp_bound = |text: &str| {
        let prepared = prepared(text).expect("well formed");
        let records: Vec<_> = (0..prepared.runs()).map(|nth| prepared.run(nth)).collect();
        let results = Results::new(&prepared, &records);
        let bound = results.points[0].policies[0].metric(Metric::HostsLpBound).map(|bound| bound.summary.mean);
        (bound, results)
    };
    assert_eq!(lp_bound(SMALL).0, None);
    let (bound, results) = lp_bound(&format!("metrics = [\"hosts_lp_bound\", \"hosts_bound\"]{SMALL}"));
    let sums = results.points[0].policies[0].metric(Metric::HostsBound).map(|bound| bound.summary.mean);
    assert!(bound >= sums && bound.is_some(), "{bound:?} {sums:?}");
    let odd = SMALL.replace("step = 128", "step = 1").replace("tasks = 200", "tasks = 2000");
    let (bound, results) = lp_bound(&format!("metrics = [\"hosts_lp_gap\"]{odd}"));
    assert_eq!(bound, None);
    assert!(results.notes[0].starts_with("Lower bound of hosts (LP) not computed: "), "{:?}", results.notes);
    assert!(output::html(&results).contains("not computed"), "the report says so");
}

#[test]
fn the_examples_of_the_docs_run() {
    for text in [
        include_str!("../../../../docs/experiments/arrivals.toml"),
        include_str!("../../../../docs/experiments/large-tasks.toml"),
        include_str!("../../../../docs/experiments/rollouts.toml"),
    ] {
        let experiment = Experiment::parse("example.toml", text).expect("well formed");
        let prepared = experiment.prepare("example.toml", text, &Files::new()).expect("well formed");
        let record = prepared.run(0);
        assert!(record.placements > 1_000 && record.notes.is_empty(), "{}: {:?}", prepared.title, record.notes);
        for metric in &prepared.metrics {
            let at = Metric::ALL.iter().position(|one| one == metric).expect("a metric");
            assert!(record.values[at].is_some(), "{}: {}", prepared.title, metric.key());
        }
    }
}

#[test]
fn sweeps_are_every_combination() {
    let text = format!(
        "{SMALL}[[sweep]]\nparameter = \"cluster.identical.nodes\"\nvalues = [5, 10]\n[[sweep]]\n\
         parameter = \"policy.0.options.truncate\"\nvalues = [10, \"exact\"]\n"
    );
    let prepared = prepared(&text).expect("well formed");
    let shown: Vec<String> = prepared
        .points
        .iter()
        .map(|point| point.assignment.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(shown, ["5 10", "5 exact", "10 10", "10 exact"]);
    assert_eq!(prepared.runs(), 4 * 3 * 3);
    let records: Vec<_> = (0..prepared.runs()).map(|nth| prepared.run(nth)).collect();
    let page = output::html(&Results::new(&prepared, &records));
    assert!(page.contains("cluster.identical.nodes = 5, policy.0.options.truncate = exact"), "points have titles");
    assert!(page.contains("over cluster.identical.nodes; bars"), "numbers are drawn over");
}

#[test]
fn mistakes_are_located() {
    let replaced = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        SMALL.replace(from, to)
    };
    let with_sweep = |sweep: &str| format!("{SMALL}[[sweep]]\n{sweep}\n");
    for (text, message) in [
        (replaced("count = 3", "count = 0"), "test.toml:5:9: expected 1 to 10000 seeds, found 0"),
        (replaced("count = 3", "count = -3"), "test.toml:5:9: invalid value: integer `-3`, expected u32"),
        (replaced("count", "counts"), "test.toml:5:1: unknown field `counts`, expected `first` or `count`"),
        (replaced("title = ", "title "), "test.toml:2:7: "),
        (replaced("nodes = 10", "nodes = 0"), "test.toml:7:23: expected 1 to 1000000 nodes, found 0"),
        (replaced("identical = {", "csv = \"a\"\nidentical = {"), "expected exactly one of openb, csv, identical"),
        (
            replaced("[cluster]", "[cluster]\nqueue = \"lifo\""),
            "test.toml:7:9: unknown variant `lifo`, expected one of `none`, `fifo`, `backfill`",
        ),
        (
            replaced("{ poisson = { per_hour = 600 } }", "\"at-once\"")
                .replace("lifetime_s = { exponential = { mean = 1800 } }\n", "")
                .replace("[cluster]", "[cluster]\nqueue = \"fifo\""),
            "test.toml:7:9: the tasks have no times, so nothing ever leaves: expected queue = \"none\"",
        ),
        (replaced("\"best-fit\"", "\"best\""), "test.toml:15:8: unknown policy \"best\", expected one of best-fit"),
        (replaced("truncate = 100", "truncat = 100"), "test.toml:16:23: policy best-fit has no option \"truncat\""),
        (replaced("truncate = 100", "truncate = 0"), "test.toml:16:24: policy best-fit, option truncate: 0 given"),
        (replaced("truncate = 100", "truncate = 1.5"), "test.toml:16:24: expected a whole number, a text or a list of"),
        (replaced("tasks = 200", "tasks = 0"), "tasks: expected 1 to 10000000, found 0"),
        (replaced("mean = 1800", "mean = -1"), "lifetime_s: expected mean above 0, found -1"),
        (replaced("values = [500, 1000, 2000]", "values = []"), "cpu_milli: expected a weight per value"),
        (replaced("choice =", "zipf ="), "unknown variant `zipf`, expected one of `constant`, `uniform`"),
        (
            replaced("[seeds]", "metrics = [\"speed\"]\n[seeds]"),
            "test.toml:3:12: unknown metric \"speed\", expected one of allocated",
        ),
        (replaced("[[policy]]", "[workload]\norder = \"shuffled\"\n[[policy]]"), "test.toml:"),
        (with_sweep("parameter = \"cluster.size\"\nvalues = []"), "test.toml:19:10: expected at least one value"),
        (with_sweep("parameter = \"clusters.size\"\nvalues = [1]"), "there is nothing called \"clusters\""),
        (with_sweep("parameter = \"cluster.size\"\nvalues = [1]"), "with cluster.size = 1: unknown field `size`"),
        (with_sweep("parameter = \"policy.7.name\"\nvalues = [\"x\"]"), "there is nothing called \"7\""),
        (with_sweep("parameter = \"policy.0.name\"\nvalues = [\"x\"]"), "test.toml: unknown policy \"x\""),
    ] {
        let error = prepared(&text).expect_err(message).to_string();
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
    let empty = replaced("identical = { nodes = 10, cpu_milli = 8000, memory_mib = 16384 }", "csv = \"empty.csv\"");
    let error = prepared(&empty).expect_err("no node").to_string();
    assert_eq!(error, "empty.csv: expected at least one node, found none");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Something in a good file is replaced by something else: it still means something, or the answer names the file.
    #[test]
    fn no_experiment_makes_it_panic(
        at in 0..SMALL.len(),
        length in 0usize..12,
        other in "(|0|-1|7|1\\.5|\"x\"|\"\\[|\\{|\\}|=|,|\n|queue = \"fifo\"|engine = \"full\"|gpus = 2|zipf|at-once)",
    ) {
        let end = (at + length).min(SMALL.len());
        let text = format!("{}{other}{}", &SMALL[..at], &SMALL[end..]);
        if let Err(error) = prepared(&text) {
            prop_assert!(error.to_string().starts_with("test.toml") || error.to_string().starts_with("empty.csv"), "{error}");
        }
    }
}

/// Puts every task on the last node that takes it, and gives up after so many.
struct LastFit {
    left: usize,
}

impl crate::Decide for LastFit {
    type Stop = &'static str;

    fn place(
        &mut self,
        wanted: crate::Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> Result<Option<(usize, Claim)>, &'static str> {
        self.left = self.left.checked_sub(1).ok_or("enough")?;
        let last = pool.nodes().iter().rposition(|node| node.fits(wanted.task));
        Ok(last.map(|node| (node, pool.place_on(node, wanted.task, policy, chance))))
    }
}

#[derive(Debug)]
struct Indifferent;

impl Policy for Indifferent {
    fn score(&self, _: &Task, _: &Node) -> Score {
        0
    }
}

fn prepared_with(policies: &[PolicySpec]) -> Result<Prepared, ExperimentError> {
    let additions = Additions { policies, seeds: Some(&[1, 8]) };
    Experiment::parse("test.toml", SMALL)?.prepare_with(&additions, "test.toml", SMALL, &Files::new())
}

#[test]
fn policies_that_are_brought_along_meet_the_same_tasks() {
    let added = [PolicySpec::outside("mine", "by hand"), PolicySpec::new("cpu", "binpack-cpu")];
    let prepared = prepared_with(&added).expect("well formed");
    let labels: Vec<&str> = prepared.points[0].policies.iter().map(|policy| policy.label.as_str()).collect();
    assert_eq!(labels, ["best-fit", "mine", "cpu", "first-fit", "random"]);
    let (mine, first_fit) = (3, 7);
    assert_eq!((prepared.policy(mine).origin, prepared.seed(mine)), (Origin::Outside, 8));
    let Ok(scored) = prepared.run_brought(mine, &Indifferent, &mut crate::ByScore);
    assert_eq!(scored, prepared.run(first_fit), "equal scores are first-fit");
    let last = prepared.run_brought(mine, &Indifferent, &mut LastFit { left: 200 }).expect("there are 200 tasks");
    let bound = Metric::ALL.iter().position(|metric| *metric == Metric::HostsBound).expect("a metric");
    assert_eq!((last.values[bound], last.placements), (scored.values[bound], scored.placements));
    assert_eq!(prepared.run_brought(mine, &Indifferent, &mut LastFit { left: 199 }), Err("enough"));
}

#[test]
fn mistakes_of_policies_that_are_brought_along_are_named() {
    let mine = |label| PolicySpec::outside(label, "by hand");
    for (added, message) in [
        (mine("best-fit"), "test.toml: expected a label of its own, found \"best-fit\" twice"),
        (mine("random"), "test.toml: expected a label of its own, found that of random"),
        (
            mine("mine").integer("samples", 2),
            "policy by hand has no option \"samples\", expected tie_break, node_order",
        ),
        (
            mine("mine").text("tie_break", "last"),
            "option tie_break: \"last\" given, expected one of \"first\", \"random\"",
        ),
    ] {
        let error = prepared_with(&[added]).expect_err(message).to_string();
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
}
