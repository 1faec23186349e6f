//! `plimsoll sim` as a person calls it, with flags and files.

use clap::Parser;
use plimsoll_lab::{Error, SimFlags, full_message};
use std::path::Path;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    flags: SimFlags,
}

/// Where the real traces are; the tests that need them say so and pass without.
const DATA: &str = "PLIMSOLL_SIM_DATA";

fn sim(arguments: &[&str]) -> Result<bool, Error> {
    let cli = Cli::try_parse_from(std::iter::once(&"sim").chain(arguments)).expect("known flags");
    plimsoll_lab::run(&cli.flags)
}

fn write(folder: &Path, file: &str, text: &str) -> String {
    let path = folder.join(file);
    std::fs::write(&path, text).expect("the folder is there");
    path.display().to_string()
}

const EXPERIMENT: &str = r#"
title = "own files"
[seeds]
first = 7
count = 4
[cluster]
csv = "nodes.csv"
[workload]
csv = "tasks.csv"
order = "shuffled"
[[policy]]
name = "worst-fit"
options = { node_order = "shuffled" }
"#;

fn own_files(folder: &Path) {
    let nodes: String = (0..9).map(|nth| format!("n{nth},{},32768,{}\n", 8_000, nth % 3)).collect();
    write(folder, "nodes.csv", &format!("name,cpu_milli,memory_mib,gpus\n{nodes}"));
    let tasks: String =
        (0..80).map(|nth| format!("{},{},{}\n", 250 * (nth % 5 + 1), 1024 * (nth % 3 + 1), nth % 8 / 7)).collect();
    write(folder, "tasks.csv", &format!("cpu_milli,memory_mib,gpus\n{tasks}"));
}

#[test]
fn results_are_the_same_bytes_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    own_files(folder.path());
    let file = write(folder.path(), "experiment.toml", EXPERIMENT);
    for threads in ["1", "3"] {
        let out = folder.path().join(threads);
        assert!(sim(&["run", &file, "--threads", threads, "--out", &out.display().to_string()]).expect("it runs"));
    }
    for file in ["report.html", "summary.json", "summary.csv", "runs.csv", "curves.csv"] {
        let read = |threads: &str| std::fs::read(folder.path().join(threads).join(file)).expect("it was written");
        assert_eq!(read("1"), read("3"), "{file}");
        assert!(read("1").len() > 300, "{file}");
    }
    assert!(folder.path().join("1/timing.csv").is_file());
}

#[test]
fn mistakes_name_the_file_and_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    own_files(folder.path());
    let failure = |text: &str| {
        let file = write(folder.path(), "experiment.toml", text);
        let error = sim(&["run", &file]).expect_err("it is wrong");
        full_message(&error)
    };
    let unknown = failure(&EXPERIMENT.replace("worst-fit", "worst"));
    assert!(unknown.contains("experiment.toml:12:8: unknown policy \"worst\""), "{unknown}");
    let missing = failure(&EXPERIMENT.replace("nodes.csv", "other.csv"));
    assert!(missing.starts_with("reading ") && missing.contains("other.csv: No such file"), "{missing}");
    std::fs::write(folder.path().join("tasks.csv"), "cpu_milli,memory_mib\n1,2\n3,-4\n").expect("writable");
    let negative = failure(EXPERIMENT);
    assert!(negative.contains("tasks.csv:3: column 2 (memory_mib): expected a whole number"), "{negative}");
    std::fs::write(folder.path().join("tasks.csv"), [0xff, 0xfe, 0x00]).expect("writable");
    let binary = failure(EXPERIMENT);
    assert!(binary.ends_with("tasks.csv is not text in UTF-8"), "{binary}");
    let folder = folder.path().display().to_string();
    let nowhere = sim(&["reproduce", "fgd", "--data", &folder]).expect_err("there are no traces");
    assert!(nowhere.to_string().contains("openb_node_list_gpu_node.csv is neither in"), "{nowhere}");
}

/// Runs the experiment on the real traces, if they are there.
fn reproduces(experiment: &str, more: &[&str]) {
    let Ok(data) = std::env::var(DATA) else {
        eprintln!("skipped: set {DATA} to the folder with the traces to reproduce {experiment}");
        return;
    };
    let arguments: Vec<&str> = ["reproduce", experiment, "--data", &data].iter().chain(more).copied().collect();
    assert!(sim(&arguments).expect("the traces are there"), "{experiment} has numbers outside their tolerance");
}

#[test]
fn azure_replay_is_equal_to_the_last_digit() {
    reproduces("azure-replay", &[]);
}

#[test]
fn fgd_is_as_published() {
    reproduces("fgd", &["--traces", "default"]);
}

#[test]
fn compaction_is_as_expected() {
    reproduces("compaction", &[]);
}
