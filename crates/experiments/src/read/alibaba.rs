//! The batch tasks of the Alibaba cluster trace of 2018 (`batch_task.csv`, no header).

use super::rows::Rows;
use super::{ARRIVALS_MAX, ReadError, Source, task_of, timed};
use crate::workload::{Arrival, Shapes, Workload};

const COLUMNS: [&str; 9] =
    ["task_name", "instance_num", "job_name", "task_type", "status", "start_time", "end_time", "plan_cpu", "plan_mem"];

/// Every instance of a task arrives at its `start_time` and leaves at its `end_time`; one that has not ended stays.
/// `plan_cpu` is in hundredths of a core, `plan_mem` in percent of `machine_memory_mib`. Rows without a plan or a start
/// are left out: nothing is known of them that could be placed.
pub fn alibaba_batch(source: Source, machine_memory_mib: u32) -> Result<Workload, ReadError> {
    let mut rows = Rows::headless(source, &COLUMNS);
    let mut shapes = Shapes::default();
    let mut arrivals: Vec<Arrival> = Vec::new();
    while let Some(row) = rows.next()? {
        let instances: usize = row.optional("instance_num", 0, ARRIVALS_MAX)?.unwrap_or(1);
        let start_s: Option<u64> = row.optional("start_time", 0, u64::from(u32::MAX))?;
        let end_s: Option<u64> = row.optional("end_time", 0, u64::from(u32::MAX))?;
        let (Some(cpu), Some(memory), Some(at_s)) = (row.decimal("plan_cpu")?, row.decimal("plan_mem")?, start_s)
        else {
            continue;
        };
        let shape = shapes.number(task_of(cpu * 10.0, memory / 100.0 * f64::from(machine_memory_mib)));
        // 0 stands for an end that is not known.
        let leaves_s = end_s.filter(|end_s| *end_s > 0);
        if let Some(end_s) = leaves_s.filter(|end_s| *end_s < at_s) {
            return Err(row.wrong("end_time", format!("expected {at_s} or later, found {end_s}")));
        }
        if arrivals.len() + instances > ARRIVALS_MAX {
            return Err(row.wrong("instance_num", format!("expected at most {ARRIVALS_MAX} instances in all")));
        }
        arrivals.extend(std::iter::repeat_n(Arrival { shape, at_s, leaves_s }, instances));
    }
    timed(source, shapes, arrivals)
}
