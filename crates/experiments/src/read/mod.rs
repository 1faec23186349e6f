//! Traces as text into clusters and workloads. What is wrong with a file is said with file, line and column; nothing
//! here opens files.

mod azure;
mod openb;
mod own;
mod rows;
#[cfg(test)]
mod tests;

pub use azure::{AzureFlavors, azure_flavors};
pub use openb::{openb_nodes, openb_pods};
pub use own::{own_cluster, own_workload};

/// A text and the name people know it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// What a file should have said, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    pub file: String,
    /// From 1; 0 where the file as a whole is meant.
    pub line: u64,
    /// From 1, with the column's name where it has one.
    pub column: Option<(usize, String)>,
    pub problem: String,
}

impl std::error::Error for ReadError {}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        match &self.column {
            Some((number, name)) if name.is_empty() => write!(f, ": column {number}")?,
            Some((number, name)) => write!(f, ": column {number} ({name})")?,
            None => {}
        }
        write!(f, ": {}", self.problem)
    }
}

impl Source<'_> {
    fn error(&self, line: u64, column: Option<(usize, &str)>, problem: impl Into<String>) -> ReadError {
        ReadError {
            file: self.name.to_owned(),
            line,
            column: column.map(|(number, name)| (number, name.to_owned())),
            problem: problem.into(),
        }
    }
}
