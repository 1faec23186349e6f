//! Events of tasks into stays: a task arrives each time it is scheduled and leaves when something ends it.

use super::rows::Row;
use super::{ARRIVALS_MAX, ReadError, Source, timed};
use crate::workload::{Arrival, Shape, Shapes, Workload};
use std::collections::BTreeMap;

/// Times in these traces are microseconds; the largest one stands for "after the trace".
pub(super) const AFTER_US: u64 = i64::MAX as u64;

#[derive(Debug, Default)]
pub(super) struct Stays {
    shapes: Shapes,
    arrivals: Vec<Arrival>,
    running: BTreeMap<(u64, u64), usize>,
}

impl Stays {
    /// `task` is scheduled. `Err` is what is wrong with that.
    pub fn begin(&mut self, task: (u64, u64), at_us: u64, shape: Shape) -> Result<(), String> {
        if at_us == AFTER_US {
            return Ok(());
        }
        if self.arrivals.len() == ARRIVALS_MAX {
            return Err(format!("expected at most {ARRIVALS_MAX} scheduled tasks"));
        }
        self.running.insert(task, self.arrivals.len());
        let shape = self.shapes.number(shape);
        self.arrivals.push(Arrival { shape, at_s: at_us / 1_000_000, leaves_s: None });
        Ok(())
    }

    /// `task` is evicted, fails, finishes, is killed or lost. `Err` is what is wrong with the time.
    pub fn end(&mut self, task: (u64, u64), at_us: u64) -> Result<(), String> {
        let Some(arrival) = self.running.remove(&task).map(|nth| &mut self.arrivals[nth]) else { return Ok(()) };
        if at_us == AFTER_US {
            return Ok(());
        }
        let at_s = at_us / 1_000_000;
        if at_s < arrival.at_s {
            return Err(format!("expected {} s or later, found {at_s} s", arrival.at_s));
        }
        arrival.leaves_s = Some(at_s);
        Ok(())
    }

    pub fn into_workload(self, source: Source) -> Result<Workload, ReadError> {
        timed(source, self.shapes, self.arrivals)
    }
}

pub(super) fn microseconds(row: &Row) -> Result<u64, ReadError> {
    row.number("time", 0u64, AFTER_US)
}
