//! Traces as text into clusters and workloads. What is wrong with a file is said with file, line and column; nothing
//! here opens files.

mod alibaba;
mod azure;
mod azure_packing;
mod google;
mod google_2019;
mod openb;
mod own;
mod rows;
mod stays;
#[cfg(test)]
mod tests;

pub use alibaba::alibaba_batch;
pub use azure::{AzureFlavors, azure_flavors};
pub use azure_packing::{AzurePacking, PACKING_TABLES, azure_packing};
pub use google::google_events;
pub use google_2019::google_2019_events;
pub use openb::{openb_nodes, openb_pods};
pub use own::{own_cluster, own_workload};

/// A text and the name people know it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

/// Tasks of one trace.
pub const ARRIVALS_MAX: usize = 50_000_000;

/// What a trace with relative sizes calls 1, or 100 %.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Machine {
    pub cpu_milli: u32,
    pub memory_mib: u32,
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

/// Brings arrivals in the order of time; those of one moment stay in file order.
fn timed(
    source: Source,
    shapes: crate::workload::Shapes,
    mut arrivals: Vec<crate::workload::Arrival>,
) -> Result<crate::workload::Workload, ReadError> {
    if arrivals.is_empty() {
        return Err(source.error(0, None, "expected at least one task, found none"));
    }
    arrivals.sort_by_key(|arrival| arrival.at_s);
    let end_s = arrivals.iter().map(|one| one.leaves_s.unwrap_or(one.at_s)).max();
    Ok(crate::workload::Workload { shapes: shapes.into_list(), arrivals, end_s })
}

/// A share of something, rounded up, as a size of a task without GPU.
fn task_of(cpu_milli: f64, memory_mib: f64) -> crate::workload::Shape {
    let whole = |size: f64| size.ceil() as u32;
    let task = plimsoll_placement::policy::Task {
        cpu_milli: whole(cpu_milli),
        memory_mib: whole(memory_mib),
        gpus: 0,
        gpu_milli: 0,
        models: plimsoll_placement::policy::Models::ANY,
    };
    crate::workload::Shape { task, gpu_spec: String::new() }
}
