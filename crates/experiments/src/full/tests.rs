//! Runs whose numbers can be said beforehand.

use crate::experiment::{Experiment, ExperimentError, Files, Prepared};
use crate::{Metric, Record};

/// Ten tasks that come a minute apart and stay for almost five; everything takes a constant time.
const CALM: &str = r#"
title = "calm"
engine = "full"
[seeds]
first = 1
count = 2
[cluster]
identical = { nodes = 4, cpu_milli = 4000, memory_mib = 8192 }
[workload.generated]
tasks = 10
arrivals = { regular = { every_s = 60 } }
lifetime_s = { constant = 290 }
cpu_milli = { constant = 1000 }
memory_mib = { constant = 1024 }
[full]
end_s = 2000
start_ms = { constant = 2000 }
stop_ms = { constant = 1000 }
"#;

const SERVICE: &str = r#"
[[full.service]]
services = 2
desired = { constant = 4 }
cpu_milli = { constant = 500 }
memory_mib = { constant = 512 }
rollout_at_s = 1000
"#;

fn prepared(text: &str) -> Result<Prepared, ExperimentError> {
    Experiment::parse("full.toml", text)?.prepare("full.toml", text, &Files::new())
}

fn first_run(text: &str) -> Record {
    let prepared = prepared(text).expect("well formed");
    let record = prepared.run(0);
    assert_eq!(record.notes, Vec::<String>::new());
    record
}

fn value(record: &Record, metric: Metric) -> Option<f64> {
    record.values[Metric::ALL.iter().position(|one| *one == metric).expect("a metric")]
}

#[test]
fn a_start_takes_two_commits_two_messages_and_the_container() {
    let record = first_run(CALM);
    // 5 ms until the task is committed, 2 ms to the node, 2 s to start, 2 ms back, 5 ms until that is committed.
    for metric in [Metric::StartMean, Metric::StartP50, Metric::StartP99] {
        assert_eq!(value(&record, metric), Some(2.014), "{}", metric.key());
    }
    assert_eq!(value(&record, Metric::Rejected), Some(0.0));
    assert_eq!(value(&record, Metric::TasksLost), Some(0.0));
    // Ten tasks of a core each held it for 292 s of 2,000 s on 16 cores.
    let held = value(&record, Metric::AllocatedCpu).expect("always there");
    assert!((held - 100.0 * 10.0 * 292.0 / 2000.0 / 16.0).abs() < 0.05, "{held}");
    assert_eq!(value(&record, Metric::RolloutMean), None);
    assert_eq!(value(&record, Metric::HostsBound), None, "only the other engine has bounds");
}

#[test]
fn a_rollout_keeps_what_it_promises() {
    let record = first_run(&format!("{CALM}{SERVICE}"));
    assert_eq!(value(&record, Metric::RunningShareMin), Some(100.0));
    assert_eq!(value(&record, Metric::Replacements), Some(0.0));
    assert_eq!(value(&record, Metric::RolloutsUnfinished), Some(0.0));
    // All four start beside the old ones, which then stop: one start, one stop, and what committing and telling takes.
    let rollout_s = value(&record, Metric::RolloutMean).expect("it ended");
    assert!((2.0..3.5).contains(&rollout_s), "{rollout_s}");
    let halves = format!("{CALM}{SERVICE}minimum_healthy_percent = 50\nmaximum_percent = 100\n");
    let record = first_run(&halves);
    assert_eq!(value(&record, Metric::RunningShareMin), Some(50.0));
    assert!(value(&record, Metric::RolloutMean) > Some(1.8 * rollout_s), "two rounds");
}

#[test]
fn what_fails_is_replaced() {
    // Each node fails once, after 500 s, and is back after 100 s, before the grace is over.
    let fail = "nodes_fail = { after_s = { constant = 500 }, repair_s = { constant = 100 } }\n";
    let text = format!("{CALM}{fail}{SERVICE}").replace("end_s = 2000", "end_s = 900");
    let record = first_run(&text.replace("rollout_at_s = 1000\n", ""));
    assert_eq!(value(&record, Metric::RunningShareMin), Some(0.0), "all four nodes went down at once");
    assert_eq!(value(&record, Metric::Replacements), Some(8.0));
    // Eight tasks of services, and those of the workload that came from 240 s to 480 s and stayed for 292 s.
    assert_eq!(value(&record, Metric::TasksLost), Some(8.0 + 5.0));
    // Containers that crash are replaced at once: eight of them every 300 s.
    let crash = "tasks_fail = { after_s = { constant = 300 } }\n";
    let record = first_run(&format!("{CALM}{crash}{SERVICE}").replace("rollout_at_s = 1000\n", ""));
    let lost = value(&record, Metric::TasksLost).expect("always there");
    assert!((8.0 * 6.0..=8.0 * 6.0 + 10.0).contains(&lost), "{lost}");
    assert_eq!(value(&record, Metric::Replacements), Some(8.0 * 6.0));
}

#[test]
fn what_does_not_fit_is_refused_to_tasks_and_kept_for_services() {
    let record = first_run(&CALM.replace("nodes = 4", "nodes = 1"));
    // Five tasks overlap, four fit.
    assert!(value(&record, Metric::Rejected) > Some(9.0));
    let record =
        first_run(&format!("{CALM}{SERVICE}").replace("desired = { constant = 4 }", "desired = { constant = 40 }"));
    assert!(value(&record, Metric::Running) < Some(50.0));
    assert_eq!(value(&record, Metric::RolloutsUnfinished), Some(2.0));
}

#[test]
fn the_same_seed_is_the_same_run_and_the_same_failures_for_every_policy() {
    let fail = "nodes_fail = { after_s = { exponential = { mean = 900 } }, repair_s = { constant = 300 } }\n";
    let policies = "[[policy]]\nname = \"binpack-cpu\"\n[[policy]]\nname = \"spread-tasks\"\n";
    let text = format!("{CALM}{fail}{SERVICE}{policies}");
    let one = prepared(&text).expect("well formed");
    let other = prepared(&text).expect("well formed");
    let labels: Vec<&str> = one.points[0].policies.iter().map(|policy| policy.label.as_str()).collect();
    assert_eq!(labels, ["binpack-cpu", "spread-tasks", "ecs-default", "random"]);
    for nth in (0..one.runs()).rev() {
        assert_eq!(one.run(nth), other.run(nth), "run {nth}");
    }
    assert_ne!(one.run(0), one.run(1), "seeds differ");
}

#[test]
fn mistakes_are_located() {
    let replaced = |from: &str, to: &str| {
        assert!(CALM.contains(from), "{from}");
        CALM.replace(from, to)
    };
    let policy = |policy: &str| format!("{CALM}[[policy]]\n{policy}\n");
    for (text, message) in [
        (replaced("\"full\"", "\"fast\""), "full.toml:3:10: unknown variant `fast`, expected `placement` or `full`"),
        (replaced("engine = \"full\"", ""), "full.toml:15:1: expected engine = \"full\" beside [full]"),
        (CALM[..CALM.find("[full]").expect("a table")].to_owned(), "full.toml:3:10: expected a table [full] beside"),
        (replaced("end_s = 2000", "zones = 0"), "full.toml:15:1: zones: expected 1 to 100, found 0"),
        (replaced("[cluster]", "[cluster]\nqueue = \"fifo\""), "has all nodes always and no queue: expected neither"),
        (replaced("memory_mib = 8192", "memory_mib = 8192, gpus = 1"), "expected nodes without gpus and tasks_max"),
        (
            replaced("memory_mib = { constant = 1024 }", "memory_mib = { constant = 1 }\ngpus = { constant = 1 }"),
            "tasks without gpus",
        ),
        (replaced("start_ms = { constant = 2000 }", ""), "missing field `start_ms`"),
        (
            replaced("start_ms = { constant = 2000 }", "start_ms = { uniform = { min = 3, max = 1 } }"),
            "start_ms: expected max of 3",
        ),
        (
            policy("name = \"best-fit\""),
            "full.toml:20:8: unknown policy \"best-fit\" of the full engine, expected one of ecs-default, ",
        ),
        (
            policy("name = \"random\"\noptions = { samples = 2 }"),
            "full.toml:21:23: policy random of the full engine has no option \"samples\"",
        ),
        (policy("name = \"chain\""), "full.toml:20:8: policy chain needs the option strategies: a list of strategies"),
        (
            policy("name = \"chain\"\noptions = { strategies = [\"binpack:disk\"] }"),
            "full.toml:21:26: placement strategy binpack does not know field \"disk\"",
        ),
        (
            format!(
                "{CALM}[[full.service]]\nservices = 1\ndesired = {{ constant = 1 }}\ncpu_milli = {{ constant = 1 }}\nmemory_mib = {{ constant = 1 }}\nmaximum_percent = 50\n"
            ),
            "service.0.maximum_percent: expected at least 100",
        ),
    ] {
        let error = prepared(&text).expect_err(message).to_string();
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
}
