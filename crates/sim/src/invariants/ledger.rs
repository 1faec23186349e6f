//! The books of the checker: what each instance holds and how many tasks each service has, kept change by change from
//! the rows alone, so that a check costs what changed and not what exists.

use super::Step;
use crate::violation::{Broken, require};
use plimsoll_model::{Change, Counts, Image, InstanceId, InstanceStatus, PortClaim, ServiceName, Task, TaskId, Usage};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    instances: BTreeMap<InstanceId, Holding>,
    services: BTreeMap<ServiceName, Counts>,
    /// The newest state of every task that is not STOPPED.
    open: BTreeMap<TaskId, Arc<Task>>,
}

#[derive(Debug, Default)]
struct Holding {
    used: Usage,
    counts: Counts,
    ports: BTreeMap<PortClaim, TaskId>,
    gpus: BTreeMap<Arc<str>, TaskId>,
}

impl Ledger {
    pub fn of(image: &Image) -> Result<Self, Broken> {
        let mut ledger = Ledger::default();
        image.tasks.values().try_for_each(|row| ledger.put(row))?;
        Ok(ledger)
    }

    pub fn follow(&mut self, step: &Step) -> Result<(), Broken> {
        for change in step.changes {
            match change {
                Change::TaskCreated(row) | Change::TaskUpdated(row) => self.put(row)?,
                Change::TaskRemoved(id) => self.remove(*id),
                _ => {}
            }
        }
        Ok(())
    }

    /// I-2, and the same of GPUs: what is held twice shows here.
    pub fn put(&mut self, row: &Arc<Task>) -> Result<(), Broken> {
        self.remove(row.id);
        if row.is_stopped() {
            return Ok(());
        }
        if let Some(instance) = row.instance {
            self.hold(instance, row)?;
        }
        if let Some(service) = &row.service {
            count(self.services.entry(service.clone()).or_default(), row, |number| *number += 1);
        }
        self.open.insert(row.id, Arc::clone(row));
        Ok(())
    }

    fn hold(&mut self, instance: InstanceId, row: &Task) -> Result<(), Broken> {
        let holding = self.instances.entry(instance).or_default();
        for port in &row.reserved.ports {
            let other = holding.ports.insert(*port, row.id);
            require(other.is_none(), "I-2", || {
                format!("{port:?} of {instance} is held by {} and by {other:?}", row.id)
            })?;
        }
        for gpu in &row.reserved.gpus {
            let other = holding.gpus.insert(Arc::clone(gpu), row.id);
            require(other.is_none(), "I-1", || format!("GPU {gpu} of {instance} is held twice"))?;
        }
        holding.used.cpu_units += u64::from(row.reserved.cpu_units);
        holding.used.memory_mib += u64::from(row.reserved.memory_mib);
        count(&mut holding.counts, row, |number| *number += 1);
        Ok(())
    }

    pub fn remove(&mut self, task: TaskId) {
        let Some(row) = self.open.remove(&task) else { return };
        if let Some(holding) = row.instance.and_then(|id| self.instances.get_mut(&id)) {
            row.reserved.ports.iter().for_each(|port| {
                holding.ports.remove(port);
            });
            row.reserved.gpus.iter().for_each(|gpu| {
                holding.gpus.remove(gpu);
            });
            holding.used.cpu_units -= u64::from(row.reserved.cpu_units);
            holding.used.memory_mib -= u64::from(row.reserved.memory_mib);
            count(&mut holding.counts, &row, |number| *number -= 1);
        }
        if let Some(counts) = row.service.as_ref().and_then(|service| self.services.get_mut(service)) {
            count(counts, &row, |number| *number -= 1);
        }
    }

    /// I-1 and I-2: what the tasks of an instance reserve fits into what it registered, and is what `used` says; none
    /// of its ports is the agent's own; an instance that is gone holds nothing.
    pub fn i_1_reservations_fit(&self, step: &Step) -> Result<(), Broken> {
        let nothing = Holding::default();
        for id in &step.instances {
            let holding = self.instances.get(id).unwrap_or(&nothing);
            let used = step.after.usage.get(id).copied().unwrap_or_default();
            require(holding.used == used, "I-1", || format!("{id} uses {:?}, its row says {used:?}", holding.used))?;
            let Some(row) = step.after.instances.get(id).filter(|row| row.status != InstanceStatus::Inactive) else {
                require(holding.counts.not_stopped == 0, "I-1", || {
                    format!("{id} is gone and has {} tasks that are not STOPPED", holding.counts.not_stopped)
                })?;
                continue;
            };
            let fits = used.cpu_units <= u64::from(row.registered.cpu_units)
                && used.memory_mib <= u64::from(row.registered.memory_mib);
            require(fits, "I-1", || format!("{id} uses {used:?} of {:?}", row.registered))?;
            let agents_own = row.registered.reserved_ports.iter().find(|port| holding.ports.contains_key(port));
            require(agents_own.is_none(), "I-2", || format!("{agents_own:?} of {id} is the agent's own"))?;
        }
        Ok(())
    }

    /// I-23: the counters of what a step touched are those of its rows.
    pub fn i_23_counters_are_those_of_the_rows(&self, step: &Step) -> Result<(), Broken> {
        for name in &step.services {
            let counted = self.services.get(name).copied().unwrap_or_default();
            let kept = step.after.service_counts(name);
            require(counted == kept, "I-23", || format!("{name} has {counted:?} and shows {kept:?}"))?;
        }
        for id in &step.instances {
            let counted = self.instances.get(id).map(|holding| holding.counts).unwrap_or_default();
            let kept = step.after.instance_counts(*id);
            require(counted == kept, "I-23", || format!("{id} has {counted:?} and shows {kept:?}"))?;
        }
        Ok(())
    }
}

fn count(counts: &mut Counts, task: &Task, change: impl Fn(&mut u32)) {
    if task.is_running() {
        change(&mut counts.running);
    }
    if task.last_status.is_pending() {
        change(&mut counts.pending);
    }
    if task.is_live() {
        change(&mut counts.live);
    }
    change(&mut counts.not_stopped);
}
