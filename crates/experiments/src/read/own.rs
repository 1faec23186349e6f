//! Our own CSV: nodes, and tasks with or without times. Documented in `docs/experiments.md`.

use super::openb::{model_of, shape_of};
use super::rows::{Columns, Rows};
use super::{ReadError, Source};
use crate::cluster::{Cluster, NamedNode};
use crate::workload::{Arrival, Shapes, Workload};
use plimsoll_placement::policy::{DEVICES_MAX, NodeShape};

const NODE_COLUMNS: Columns =
    Columns { required: &["name", "cpu_milli", "memory_mib"], optional: &["gpus", "gpu_model", "tasks_max"] };

const TASK_COLUMNS: Columns = Columns {
    required: &["cpu_milli", "memory_mib"],
    optional: &["name", "gpus", "gpu_milli", "gpu_models", "arrives_s", "lifetime_s"],
};

/// Columns `name, cpu_milli, memory_mib` and, where present, `gpus, gpu_model, tasks_max`.
pub fn own_cluster(source: Source) -> Result<Cluster, ReadError> {
    let mut rows = Rows::new(source, NODE_COLUMNS)?;
    let mut cluster = Cluster::default();
    while let Some(row) = rows.next()? {
        let gpus = row.optional("gpus", 0, DEVICES_MAX as u8)?.unwrap_or(0);
        let shape = NodeShape {
            cpu_milli: row.number("cpu_milli", 1, u32::MAX)?,
            memory_mib: row.number("memory_mib", 1, u32::MAX)?,
            gpus,
            model: model_of(&row, "gpu_model", gpus, &mut cluster.models)?,
            tasks_max: row.optional("tasks_max", 1, u32::MAX)?.unwrap_or(u32::MAX),
        };
        cluster.nodes.push(NamedNode { name: row.text("name").to_owned(), shape });
    }
    if cluster.nodes.is_empty() {
        return Err(source.error(0, None, "expected at least one node, found none"));
    }
    Ok(cluster)
}

/// Columns `cpu_milli, memory_mib` and, where present, `name, gpus, gpu_milli, gpu_models, arrives_s, lifetime_s`. With
/// `arrives_s` the rows are in the order of arrival; without, nothing has a time and nothing leaves.
pub fn own_workload(source: Source, cluster: &Cluster) -> Result<Workload, ReadError> {
    let mut rows = Rows::new(source, TASK_COLUMNS)?;
    let mut shapes = Shapes::default();
    let mut arrivals: Vec<Arrival> = Vec::new();
    let mut timed: Option<bool> = None;
    while let Some(row) = rows.next()? {
        let arrives_s: Option<u64> = row.optional("arrives_s", 0, u64::from(u32::MAX))?;
        let lifetime_s: Option<u64> = row.optional("lifetime_s", 0, u64::from(u32::MAX))?;
        if *timed.get_or_insert(arrives_s.is_some()) != arrives_s.is_some() {
            return Err(row.wrong("arrives_s", "expected a time in every row or in none"));
        }
        if arrives_s.is_none() && lifetime_s.is_some() {
            return Err(row.wrong("lifetime_s", "expected nothing in a row without arrives_s"));
        }
        let at_s = arrives_s.unwrap_or(0);
        if let Some(before) = arrivals.last().filter(|before| before.at_s > at_s) {
            return Err(row.wrong("arrives_s", format!("expected {} or later, found {at_s}", before.at_s)));
        }
        let shape = shapes.number(shape_of(&row, ["gpus", "gpu_milli", "gpu_models"], cluster)?);
        arrivals.push(Arrival { shape, at_s, leaves_s: lifetime_s.map(|lifetime| at_s + lifetime) });
    }
    if arrivals.is_empty() {
        return Err(source.error(0, None, "expected at least one task, found none"));
    }
    let last = arrivals.iter().map(|one| one.leaves_s.unwrap_or(one.at_s).max(one.at_s)).max();
    Ok(Workload { shapes: shapes.into_list(), arrivals, end_s: last.filter(|_| timed == Some(true)) })
}
