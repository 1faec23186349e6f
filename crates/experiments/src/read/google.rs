//! Task events of the Google cluster trace of 2011 (`task_events`, unpacked, no header).

use super::rows::{Row, Rows};
use super::{ARRIVALS_MAX, Machine, ReadError, Source, task_of, timed};
use crate::workload::{Arrival, Shapes, Workload};
use std::collections::BTreeMap;

#[rustfmt::skip]
const COLUMNS: [&str; 13] = [
    "time", "missing_info", "job_id", "task_index", "machine_id", "event_type", "user", "scheduling_class", "priority",
    "cpu_request", "memory_request", "disk_space_request", "different_machines",
];

const SCHEDULE: u8 = 1;
/// Evicted, failed, finished, killed, lost.
const ENDS: std::ops::RangeInclusive<u8> = 2..=6;
const EVENT_TYPE_MAX: u8 = 8;

/// Each time a task is scheduled it arrives; it leaves when it is evicted, fails, finishes, is killed or lost. Requests
/// are shares of the largest machine. Tasks without requests are left out.
pub fn google_events(source: Source, largest: Machine) -> Result<Workload, ReadError> {
    let mut rows = Rows::headless(source, &COLUMNS);
    let mut shapes = Shapes::default();
    let mut arrivals: Vec<Arrival> = Vec::new();
    let mut running: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let event: u8 = row.number("event_type", 0, EVENT_TYPE_MAX)?;
        let task = (row.number("job_id", 0, u64::MAX)?, row.number("task_index", 0, u64::MAX)?);
        let at_s = seconds(&row)?;
        if event == SCHEDULE {
            let (Some(cpu), Some(memory)) = (row.decimal("cpu_request")?, row.decimal("memory_request")?) else {
                continue;
            };
            let sizes = task_of(cpu * f64::from(largest.cpu_milli), memory * f64::from(largest.memory_mib));
            if arrivals.len() == ARRIVALS_MAX {
                return Err(row.wrong("event_type", format!("expected at most {ARRIVALS_MAX} scheduled tasks")));
            }
            running.insert(task, arrivals.len());
            arrivals.push(Arrival { shape: shapes.number(sizes), at_s, leaves_s: None });
        } else if ENDS.contains(&event)
            && let Some(arrival) = running.remove(&task).map(|nth| &mut arrivals[nth])
        {
            if at_s < arrival.at_s {
                return Err(row.wrong("time", format!("expected {} s or later, found {at_s} s", arrival.at_s)));
            }
            arrival.leaves_s = Some(at_s);
        }
    }
    timed(source, shapes, arrivals)
}

/// Times are microseconds; the largest one means after the trace.
fn seconds(row: &Row) -> Result<u64, ReadError> {
    row.number("time", 0u64, u64::MAX >> 1).map(|microseconds| microseconds / 1_000_000)
}
