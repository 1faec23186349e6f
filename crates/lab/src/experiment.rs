//! `plimsoll sim run`: an experiment from a TOML file to tables and a report.

use crate::data::{read, write};
use crate::database::read_packing;
use crate::parallel::Workers;
use crate::{Error, timing};
use clap::Args;
use comfy_table::{CellAlignment, Table};
use plimsoll_experiments::experiment::{Experiment, Files};
use plimsoll_experiments::{PointResults, Results, output};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Run an experiment described in a TOML file
///
/// A small one, complete:
///
///   title = "Does best-fit beat first-fit?"
///
///   [seeds]
///   first = 1
///   count = 10
///
///   [cluster.identical]                 # or openb = "nodes.csv", or csv = "nodes.csv"
///   nodes = 100
///   cpu_milli = 64000
///   memory_mib = 131072
///
///   [workload.generated]                # or openb, csv, azure, azure_packing, alibaba, google, google_2019
///   tasks = 5000
///   arrivals = { poisson = { per_hour = 3600 } }
///   lifetime_s = { exponential = { mean = 7200 } }
///   cpu_milli = { choice = { values = [500, 1000, 2000, 4000] } }
///   memory_mib = { lognormal = { median = 2048, sigma = 0.8, max = 32768, step = 256 } }
///
///   [[policy]]
///   name = "best-fit"
///   options = { dimensions = ["cpu", "memory"] }
///
///   [[sweep]]                           # optional: every combination is run
///   parameter = "cluster.identical.nodes"
///   values = [80, 100, 120]
///
/// With queue = "fifo" or "backfill" in [cluster] tasks wait instead of being refused. With
/// engine = "full" and a table [full] they go through the production scheduler and nodes in
/// virtual time, with latencies, failures and services that roll out.
///
/// First-fit and random are always beside the policies you name. Every policy meets the same
/// tasks and nodes in the same seed, so differences are tested in pairs. Files are named
/// relative to the TOML file. Written are report.html, summary.json, summary.csv, runs.csv,
/// curves.csv, the same bytes whatever the number of threads, and timing.csv. `plimsoll sim
/// policies` lists policies; docs/experiments.md has every key, metric and file format.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct RunFlags {
    /// The TOML file
    #[arg(value_name = "FILE")]
    experiment: PathBuf,
    /// Where the results go, instead of the folder the file names
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Runs at the same time; 0 is one per core. The results do not depend on it
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

pub fn run(flags: &RunFlags) -> Result<bool, Error> {
    let name = flags.experiment.display().to_string();
    let text = read(&flags.experiment)?;
    let experiment = Experiment::parse(&name, &text)?;
    let folder = flags.experiment.parent().unwrap_or(Path::new(""));
    let mut files: Files = experiment
        .files()
        .map(|file| Ok((file.to_owned(), read(&folder.join(file))?)))
        .collect::<Result<_, Error>>()?;
    for database in experiment.databases() {
        read_packing(database, &folder.join(database), &mut files)?;
    }
    let prepared = experiment.prepare(&name, &text, &files)?;

    let workers = Workers::new(flags.threads);
    let started = Instant::now();
    let timed = workers.all(prepared.runs(), |nth| {
        let started = Instant::now();
        (prepared.run(nth), started.elapsed())
    });
    let elapsed = started.elapsed();
    let (records, durations): (Vec<_>, Vec<_>) = timed.into_iter().unzip();
    let results = Results::new(&prepared, &records);

    let out = flags.out.clone().unwrap_or_else(|| folder.join(&experiment.output.folder));
    let timing = ("timing.csv", timing::csv(&prepared, &records, &durations));
    for (file, text) in output::files(&results).into_iter().chain([timing]) {
        write(&out.join(file), &text)?;
    }
    println!("{}\n", results.title);
    results.points.iter().for_each(|point| print(&results, point));
    results.notes.iter().for_each(|note| println!("{note}"));
    let rate = timing::placements_per_second(&records, &durations);
    println!(
        "{} runs on {} threads in {:.1} s, {rate:.0} placements/s per thread with all metrics; see {}",
        prepared.runs(),
        workers.threads(),
        elapsed.as_secs_f64(),
        out.join("report.html").display()
    );
    Ok(true)
}

/// The report's table.
fn print(results: &Results, point: &PointResults) {
    if !point.parameters.is_empty() {
        let values: Vec<String> = point.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        println!("{}", values.join(", "));
    }
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let titles = results.metrics.iter().map(|metric| format!("{}\n({})", metric.title(), metric.unit()));
    table.set_header(std::iter::once("policy".to_owned()).chain(titles));
    for policy in &point.policies {
        let cells = results.metrics.iter().map(|metric| {
            let Some(metric) = policy.metric(*metric) else { return "–".to_owned() };
            let interval = metric.summary.half_width_95.map_or_else(String::new, |half| format!(" ± {half:.2}"));
            let star = metric.versus_reference.as_ref().is_some_and(|paired| paired.is_significant());
            format!("{:.2}{interval}{}", metric.summary.mean, if star { " *" } else { "  " })
        });
        table.add_row(std::iter::once(policy.label.clone()).chain(cells));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    println!("{table}\n± 95 % over seeds; * differs from {} (paired t test, p < 0.05)\n", results.reference);
}
