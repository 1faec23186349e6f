//! Results as tables, as a document for programs, and as a report for people. Text only; the same results are the same
//! bytes.

mod axis;
mod html;
mod plot;
mod tables;

pub use html::html;
pub use tables::{csv_of, curves_csv, runs_csv, summary_csv, summary_json};
