//! An experiment as a person writes it: one TOML file. `docs/experiments.md` is its reference.

mod error;
mod file;
mod inputs;
mod prepare;
mod sweep;
#[cfg(test)]
mod tests;

pub use error::ExperimentError;
pub use file::Experiment;
pub use prepare::{Baseline, Point, Prepared};

/// Files an experiment names, by the name it gives them.
pub type Files = std::collections::BTreeMap<String, String>;
