//! How fast it went. Apart from the results: those are the same bytes every time.

use plimsoll_experiments::experiment::Prepared;
use plimsoll_experiments::{Record, output};
use std::time::Duration;

pub fn placements_per_second(records: &[Record], durations: &[Duration]) -> f64 {
    let placements: u64 = records.iter().map(|record| record.placements).sum();
    let seconds: f64 = durations.iter().map(Duration::as_secs_f64).sum();
    placements as f64 / seconds.max(f64::MIN_POSITIVE)
}

/// One row per policy, over all its runs.
pub fn csv(prepared: &Prepared, records: &[Record], durations: &[Duration]) -> String {
    let header = ["policy", "runs", "seconds", "placements", "placements_per_second"].map(str::to_owned);
    let rows = (0..prepared.policies()).map(|policy| {
        let mine = |nth: &usize| prepared.indices(*nth).1 == policy;
        let runs: Vec<usize> = (0..prepared.runs()).filter(mine).collect();
        let records: Vec<Record> = runs.iter().map(|nth| records[*nth].clone()).collect();
        let durations: Vec<Duration> = runs.iter().map(|nth| durations[*nth]).collect();
        let placements: u64 = records.iter().map(|record| record.placements).sum();
        [
            prepared.points[0].policies[policy].label.clone(),
            runs.len().to_string(),
            format!("{:.3}", durations.iter().sum::<Duration>().as_secs_f64()),
            placements.to_string(),
            format!("{:.0}", placements_per_second(&records, &durations)),
        ]
    });
    output::csv_of(std::iter::once(header).chain(rows))
}
