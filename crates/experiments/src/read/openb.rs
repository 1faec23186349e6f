//! The openb GPU cluster trace (Alibaba cluster-trace-gpu-v2023): a list of nodes, a list of pods.

use super::rows::{Columns, Row, Rows};
use super::{ReadError, Source};
use crate::cluster::{Cluster, NamedNode};
use crate::workload::{Shape, Shapes, Workload, timeless};
use plimsoll_placement::policy::{DEVICES_MAX, MODELS_MAX, NodeShape, Task, WHOLE_GPU};

/// Tasks per node in the FGD paper's simulator.
const TASKS_MAX: u32 = 1_001;

const NODE_COLUMNS: Columns = Columns { required: &["sn", "cpu_milli", "memory_mib", "gpu", "model"], optional: &[] };

const POD_COLUMNS: Columns = Columns {
    required: &["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"],
    optional: &["gpu_spec", "qos", "pod_phase", "creation_time", "deletion_time", "scheduled_time"],
};

/// Columns `sn, cpu_milli, memory_mib, gpu, model`.
pub fn openb_nodes(source: Source) -> Result<Cluster, ReadError> {
    let mut rows = Rows::new(source, NODE_COLUMNS)?;
    let mut cluster = Cluster::default();
    while let Some(row) = rows.next()? {
        let gpus = row.number("gpu", 0, DEVICES_MAX as u8)?;
        let shape = NodeShape {
            cpu_milli: row.number("cpu_milli", 1, u32::MAX)?,
            memory_mib: row.number("memory_mib", 1, u32::MAX)?,
            gpus,
            model: model_of(&row, "model", gpus, &mut cluster.models)?,
            tasks_max: TASKS_MAX,
        };
        cluster.nodes.push(NamedNode { name: row.text("sn").to_owned(), shape });
    }
    if cluster.nodes.is_empty() {
        return Err(source.error(0, None, "expected at least one node, found none"));
    }
    Ok(cluster)
}

/// The ordinal of the node's model. A node without devices has none.
pub(super) fn model_of(row: &Row, column: &str, gpus: u8, models: &mut Vec<String>) -> Result<Option<u8>, ReadError> {
    let name = row.text(column);
    if gpus == 0 || name.is_empty() {
        return Ok(None);
    }
    let known = models.iter().position(|model| model == name);
    let ordinal = known.unwrap_or_else(|| {
        models.push(name.to_owned());
        models.len() - 1
    });
    if ordinal >= MODELS_MAX {
        return Err(row.wrong(column, format!("expected at most {MODELS_MAX} different models, found {name:?}")));
    }
    Ok(Some(u8::try_from(ordinal).expect("fewer models than MODELS_MAX")))
}

/// Columns `name, cpu_milli, memory_mib, num_gpu, gpu_milli` and, where present, `gpu_spec`; times are not used. Tasks
/// come in the order of their names.
pub fn openb_pods(source: Source, cluster: &Cluster) -> Result<Workload, ReadError> {
    let mut rows = Rows::new(source, POD_COLUMNS)?;
    let mut shapes = Shapes::default();
    let mut named: Vec<(String, u32)> = Vec::new();
    while let Some(row) = rows.next()? {
        let shape = shape_of(&row, ["num_gpu", "gpu_milli", "gpu_spec"], cluster)?;
        named.push((row.text("name").to_owned(), shapes.number(shape)));
    }
    if named.is_empty() {
        return Err(source.error(0, None, "expected at least one task, found none"));
    }
    named.sort();
    let arrivals = named.into_iter().map(|(_, shape)| timeless(shape)).collect();
    Ok(Workload { shapes: shapes.into_list(), arrivals, end_s: None })
}

/// What a task needs. `columns` name the number of devices, the share of each and the models.
pub(super) fn shape_of(row: &Row, columns: [&str; 3], cluster: &Cluster) -> Result<Shape, ReadError> {
    let [devices, share, spec] = columns;
    let gpus = row.optional(devices, 0, DEVICES_MAX as u8)?.unwrap_or(0);
    let whole = if gpus == 0 { 0 } else { WHOLE_GPU };
    let gpu_milli = row.optional(share, 0, WHOLE_GPU)?.unwrap_or(whole);
    if gpus == 0 && gpu_milli > 0 {
        return Err(row.wrong(share, format!("expected 0 for a task without GPU, found {gpu_milli}")));
    }
    if gpus > 0 && gpu_milli == 0 {
        return Err(row.wrong(share, format!("expected 1 to {WHOLE_GPU} for a task with GPUs, found 0")));
    }
    if gpus > 1 && gpu_milli < WHOLE_GPU {
        let problem = format!("expected {WHOLE_GPU} for a task with several GPUs, found {gpu_milli}");
        return Err(row.wrong(share, problem));
    }
    let gpu_spec = row.text(spec).to_owned();
    let task = Task {
        cpu_milli: row.number("cpu_milli", 0, u32::MAX)?,
        memory_mib: row.number("memory_mib", 0, u32::MAX)?,
        gpus,
        gpu_milli,
        models: cluster.models_named(&gpu_spec),
    };
    Ok(Shape { task, gpu_spec })
}
