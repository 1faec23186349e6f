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

/// What two threads may want of one another: bounds that are computed once per seed, queues, the full engine.
const GENERATED: &str = r#"
title = "generated"
[seeds]
first = 1
count = 5
[cluster]
identical = { nodes = 4, cpu_milli = 8000, memory_mib = 16384 }
[workload.generated]
tasks = 150
arrivals = { poisson = { per_hour = 300 } }
lifetime_s = { exponential = { mean = 1800 } }
cpu_milli = { choice = { values = [500, 1000, 2000] } }
memory_mib = { choice = { values = [512, 1024, 4096] } }
"#;

const FULL: &str = r#"
[full]
start_ms = { lognormal = { median = 3000, sigma = 0.5 } }
nodes_fail = { after_s = { exponential = { mean = 3000 } }, repair_s = { constant = 200 } }
[[full.service]]
services = 2
desired = { constant = 3 }
cpu_milli = { constant = 500 }
memory_mib = { constant = 512 }
rollout_at_s = 600
"#;

#[test]
fn results_are_the_same_bytes_whatever_the_number_of_threads() {
    let bounded = GENERATED.replace("[seeds]", "metrics = [\"hosts_lp_gap\", \"hosts_peak\"]\n[seeds]");
    let queued = GENERATED.replace("[cluster]", "[cluster]\nqueue = \"backfill\"");
    let full = format!("{}{FULL}", GENERATED.replace("[seeds]", "engine = \"full\"\n[seeds]"));
    for text in [EXPERIMENT.to_owned(), bounded, queued, full] {
        let folder = tempfile::tempdir().expect("a folder");
        own_files(folder.path());
        let experiment = write(folder.path(), "experiment.toml", &text);
        for threads in ["1", "3"] {
            let out = folder.path().join(threads).display().to_string();
            assert!(sim(&["run", &experiment, "--threads", threads, "--out", &out]).expect("it runs"));
        }
        for file in ["report.html", "summary.json", "summary.csv", "runs.csv", "curves.csv"] {
            let read = |threads: &str| std::fs::read(folder.path().join(threads).join(file)).expect("it was written");
            assert_eq!(read("1"), read("3"), "{file} of {text}");
            assert!(read("1").len() > 300, "{file} of {text}");
        }
        assert!(folder.path().join("1/timing.csv").is_file());
    }
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

const PACKING: &str = r#"
title = "packing trace"
[seeds]
first = 1
count = 2
[cluster]
identical = { nodes = 3, cpu_milli = 48000, memory_mib = 131072 }
[workload]
azure_packing = { database = "trace.sqlite", machine = 7, machine_cpu_milli = 48000, machine_memory_mib = 131072 }
"#;

/// Makes a database of the trace's form, and lets somebody change it.
fn packing_trace(path: &Path, change: &str) {
    use sqlx::ConnectOptions;
    let create =
        "CREATE TABLE vm (vmId INTEGER, tenantId INTEGER, vmTypeId INTEGER, priority INTEGER, starttime REAL, \
                  endtime REAL);
        CREATE TABLE vmType (id INTEGER, vmTypeId INTEGER, machineId INTEGER, core REAL, memory REAL, hdd REAL, \
                  ssd REAL, nic REAL);
        INSERT INTO vmType VALUES (1, 10, 7, 0.5, 0.25, NULL, 0, 0), (2, 10, 8, 0.25, 0.125, NULL, 0, 0), \
                  (3, 11, 7, 0.0208333333333333, 0.0625, NULL, 0, 0), (4, 12, 8, 1, 1, NULL, 0, 0);
        INSERT INTO vm VALUES (0, 1, 10, 0, -3.5, 0.5), (1, 1, 10, 1, -2, -1), (2, 2, 11, 0, 0.25, NULL), \
                  (3, 2, 12, 0, 0.3, 0.4), (4, 2, 10, 0, 0.125, 1);";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _replaced = std::fs::remove_file(path);
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = options.connect().await.expect("it can be opened");
        for sql in [create, change] {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("valid SQL");
        }
    });
}

#[test]
fn a_packing_trace_is_read_from_its_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("trace.sqlite");
    let file = write(folder.path(), "packing.toml", PACKING);
    let run = |change: &str| {
        packing_trace(&database, change);
        sim(&["run", &file, "--threads", "1"]).map_err(|error| full_message(&error))
    };
    assert_eq!(run(""), Ok(true));
    let runs = std::fs::read_to_string(folder.path().join("results/runs.csv")).expect("it was written");
    // Three VMs of two types are there at noon: 24 + 24 + 1 cores. The one of a type for other machines is left out.
    assert!(runs.contains("first-fit,1,hosts_peak,2.000000,hosts"), "{runs}");
    for (change, message) in [
        (
            "UPDATE vm SET starttime = 'soon' WHERE vmId = 2",
            "trace.sqlite, table vm, row 3: column 3 (starttime): expected a number, found \"soon\"",
        ),
        (
            "UPDATE vm SET endtime = 0.125 WHERE vmId = 4; UPDATE vm SET starttime = 0.5 WHERE vmId = 4",
            "trace.sqlite, table vm, row 5: column 4 (endtime): expected 0.5 or later, found 0.125",
        ),
        (
            "UPDATE vm SET vmTypeId = 99 WHERE vmId = 0",
            "row 1: column 2 (vmTypeId): expected a type of table vmType, found 99",
        ),
        (
            "UPDATE vmType SET memory = -0.5 WHERE id = 1",
            "trace.sqlite, table vmType, row 1: column 4 (memory): expected a number of 0 or more, found \"-0.5\"",
        ),
        (
            "UPDATE vmType SET core = 2 WHERE id = 1",
            "column 3 (core): expected a share of a machine from 0 to 1, found \"2.0\"",
        ),
        ("DELETE FROM vm", "trace.sqlite, table vm: expected at least one VM whose type machine 7 hosts, found none"),
        ("UPDATE vmType SET machineId = 9", "trace.sqlite, table vmType: expected machineId 7 in some row, found 9"),
        ("DROP TABLE vm", "trace.sqlite: expected a table vm with the columns vmId, vmTypeId, starttime, endtime: "),
        (
            "ALTER TABLE vmType DROP COLUMN core",
            "expected a table vmType with the columns vmTypeId, machineId, core, memory: ",
        ),
    ] {
        let error = run(change).expect_err(message);
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
    std::fs::write(&database, "this is no database, whatever its name says").expect("writable");
    let error = sim(&["run", &file]).map_err(|error| full_message(&error)).expect_err("it is text");
    assert!(error.contains("trace.sqlite") && error.contains("not a database"), "{error}");
    std::fs::remove_file(&database).expect("it is there");
    let error = sim(&["run", &file]).map_err(|error| full_message(&error)).expect_err("it is gone");
    assert!(error.starts_with("reading ") && error.contains("trace.sqlite: No such file"), "{error}");
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
