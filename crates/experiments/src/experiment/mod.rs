//! An experiment as a person writes it: one TOML file. `docs/experiments.md` is its reference.

mod engine;
mod error;
mod file;
mod inputs;
mod prepare;
mod scene;
mod sweep;
#[cfg(test)]
mod tests;

pub use engine::Baseline;
pub use error::ExperimentError;
pub use file::Experiment;
pub use prepare::{Additions, Point, Prepared};

/// Files an experiment names, by the name it gives them; of a database, its tables by [`table_name`].
pub type Files = std::collections::BTreeMap<String, String>;

/// Under which name the rows of a table belong to [`Files`]: as CSV without a header.
pub fn table_name(database: &str, table: &str) -> String {
    format!("{database}#{table}")
}
