//! Task events of the Google cluster trace of 2011 (`task_events`, unpacked, no header).

use super::rows::Rows;
use super::stays::{Stays, microseconds};
use super::{Machine, ReadError, Source, task_of};
use crate::workload::Workload;

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
    let mut stays = Stays::default();
    while let Some(row) = rows.next()? {
        let event: u8 = row.number("event_type", 0, EVENT_TYPE_MAX)?;
        let task = (row.number("job_id", 0, u64::MAX)?, row.number("task_index", 0, u64::MAX)?);
        let at_us = microseconds(&row)?;
        if event == SCHEDULE {
            let (Some(cpu), Some(memory)) = (row.decimal("cpu_request")?, row.decimal("memory_request")?) else {
                continue;
            };
            let shape = task_of(cpu * f64::from(largest.cpu_milli), memory * f64::from(largest.memory_mib));
            stays.begin(task, at_us, shape).map_err(|problem| row.wrong("event_type", problem))?;
        } else if ENDS.contains(&event) {
            stays.end(task, at_us).map_err(|problem| row.wrong("time", problem))?;
        }
    }
    stays.into_workload(source)
}
