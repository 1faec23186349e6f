//! What can go wrong around an experiment.

use plimsoll_experiments::experiment::ExperimentError;
use plimsoll_experiments::read::ReadError;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("reading {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not text in UTF-8", path.display())]
    NotText { path: PathBuf },
    #[error("reading {} as a SQLite database", path.display())]
    Database { path: PathBuf, source: sqlx::Error },
    #[error("{}: expected a table {table} with the columns {columns}", path.display())]
    Table { path: PathBuf, table: &'static str, columns: String, source: sqlx::Error },
    #[error("writing {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{file} is neither in {} nor in its folder {folder}; see --help for where it comes from", data.display())]
    Missing { data: PathBuf, folder: &'static str, file: String },
    #[error(transparent)]
    Trace(#[from] ReadError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
}
