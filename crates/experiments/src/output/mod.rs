//! Results as tables, as a document for programs, and as a report for people. Text only; the same results are the same
//! bytes.

mod axis;
mod html;
mod plot;
mod tables;

pub use html::html;
pub use tables::{csv_of, curves_csv, runs_csv, summary_csv, summary_json};

use crate::results::Results;

/// Every file an experiment leaves, by name.
pub fn files(results: &Results) -> [(&'static str, String); 5] {
    [
        ("report.html", html(results)),
        ("summary.json", summary_json(results)),
        ("summary.csv", summary_csv(results)),
        ("runs.csv", runs_csv(results)),
        ("curves.csv", curves_csv(results)),
    ]
}
