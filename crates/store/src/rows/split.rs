//! What a batch means for the two tables that are the second line behind the scheduler.

use crate::error::Error;
use plimsoll_model::{Batch, Instance, InstanceId, PortClaim, TaskId, Usage};
use std::sync::Arc;

/// I-2. Given back first, then taken: one batch can hand a port from one task to the next.
pub(crate) struct PortChanges {
    pub freed: Vec<(InstanceId, PortClaim, TaskId)>,
    pub taken: Vec<(InstanceId, PortClaim, TaskId)>,
}

impl PortChanges {
    /// Tasks the batch removes are not in `freed`: it does not say which ports they had.
    pub fn of(batch: &Batch) -> Self {
        let stopped = batch.tasks_updated.values().filter(|task| task.is_stopped());
        let placed = batch.tasks_placed.iter().filter_map(|id| batch.tasks_updated.get(id));
        let started = batch.tasks_created.values().chain(placed).filter(|task| !task.is_stopped());
        PortChanges { freed: stopped.flat_map(ports).collect(), taken: started.flat_map(ports).collect() }
    }
}

fn ports(task: &Arc<plimsoll_model::Task>) -> impl Iterator<Item = (InstanceId, PortClaim, TaskId)> {
    let (on, held) = (task.instance.into_iter(), &task.reserved.ports);
    on.flat_map(move |instance| held.iter().map(move |port| (instance, *port, task.id)))
}

/// I-1. One entry per row of `instance_usage` that changes, by what of it changes: a row that gets both at once must
/// get them in one statement, because neither order of two keeps `used <= capacity` in between.
pub(crate) struct UsageChanges {
    pub both: Vec<CapacityAndUse>,
    pub capacity: Vec<Capacity>,
    pub used: Vec<Use>,
}

pub(crate) struct Capacity {
    pub instance: InstanceId,
    pub cpu_units: i64,
    pub memory_mib: i64,
}

pub(crate) struct Use {
    pub instance: InstanceId,
    pub cpu_units: i64,
    pub memory_mib: i64,
}

pub(crate) struct CapacityAndUse {
    pub capacity: Capacity,
    pub used: Use,
}

impl UsageChanges {
    pub fn of(batch: &Batch) -> Self {
        let mut changes = UsageChanges { both: Vec::new(), capacity: Vec::new(), used: Vec::new() };
        for (id, row) in &batch.instances {
            let capacity = Capacity::of(row);
            match batch.usage.get(id) {
                Some(usage) => changes.both.push(CapacityAndUse { capacity, used: Use::of(*id, *usage) }),
                None => changes.capacity.push(capacity),
            }
        }
        let alone = batch.usage.iter().filter(|(id, _)| !batch.instances.contains_key(id));
        changes.used.extend(alone.map(|(id, usage)| Use::of(*id, *usage)));
        changes
    }
}

impl Capacity {
    fn of(row: &Instance) -> Self {
        let registered = &row.registered;
        Capacity { instance: row.id, cpu_units: registered.cpu_units.into(), memory_mib: registered.memory_mib.into() }
    }
}

impl Use {
    fn of(instance: InstanceId, usage: Usage) -> Self {
        let (cpu_units, memory_mib) = (super::integer(usage.cpu_units), super::integer(usage.memory_mib));
        Use { instance, cpu_units, memory_mib }
    }
}

/// An update of a row that is not there would be lost without a word.
pub(crate) fn all_found(table: &'static str, updated: u64, expected: usize) -> Result<(), Error> {
    if usize::try_from(updated) == Ok(expected) {
        return Ok(());
    }
    let problem = format!("{expected} rows to update, but {updated} of them exist");
    Err(Error::Constraint { constraint: format!("{table}_exist"), source: problem.into() })
}
