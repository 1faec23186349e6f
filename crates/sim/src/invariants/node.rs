//! What happens on machines, seen from above.

use super::counters::load_finds_the_same_state;
use crate::violation::{Broken, require};
use crate::world::{World, short};
use plimsoll_core::node::ContainerRef;
use plimsoll_model::{Batch, InstanceStatus, Usage};
use std::collections::BTreeSet;

impl World {
    /// After every step of the world.
    pub(crate) fn check_world(&self) -> Result<(), Broken> {
        let Some(core) = self.control.core.as_ref().filter(|_| self.control.is_idle()) else { return Ok(()) };
        if self.checker.is_time_to_reload() {
            load_finds_the_same_state(core, self.stored_image(), self.cluster_config(), self.now)?;
        }
        Ok(())
    }

    /// I-20: no start after stop. What an agent has told to stop it never starts, and nothing that is STOPPED for the
    /// control plane starts on a node that can know of it.
    pub(crate) fn check_start(&self, node: usize, container: ContainerRef) -> Result<(), Broken> {
        let this = &self.nodes[node];
        let stopped_here = this.stopped_here.contains(&container.task);
        require(!stopped_here, "I-20", || format!("n{node} starts {} after its stop", short(container)))?;
        let Some(row) = self.control.stored.tasks.get(&container.task) else { return Ok(()) };
        require(Some(row.instance) == this.identity.instance, "I-18", || {
            format!("n{node} starts {} of instance {}", short(container), row.instance)
        })?;
        let given_up = self.given_up(row.instance);
        require(!row.is_stopped() || given_up, "I-20", || {
            format!("n{node} starts {}, which is STOPPED: {:?}", short(container), row.stopped_reason)
        })
    }

    /// I-3: what is alive on a machine fits it, whatever the control plane believes.
    pub(crate) fn check_running(&self, node: usize, container: ContainerRef) -> Result<(), Broken> {
        let mut tasks = BTreeSet::new();
        let (mut used, mut ports) = (Usage::default(), BTreeSet::new());
        for alive in self.nodes[node].runtime.alive() {
            let row = self.checker.task(alive.task).filter(|_| tasks.insert(alive.task));
            let Some(row) = row else { continue };
            used.cpu_units += u64::from(row.reserved.cpu_units);
            used.memory_mib += u64::from(row.reserved.memory_mib);
            for port in &row.reserved.ports {
                let free = ports.insert(*port);
                require(free, "I-3", || format!("n{node} runs {} on a port that is taken", short(container)))?;
            }
        }
        let resources = crate::world::resources();
        let fits =
            used.cpu_units <= u64::from(resources.cpu_units) && used.memory_mib <= u64::from(resources.memory_mib);
        require(fits, "I-3", || format!("n{node} runs {} and uses {used:?}", short(container)))
    }

    /// I-18: when STOPPED is committed, nothing of the task runs, unless its instance was given up on.
    pub(crate) fn check_stopped(&self, batch: &Batch) -> Result<(), Broken> {
        for task in batch.tasks_updated.values().filter(|task| task.is_stopped()) {
            let here = self.nodes.iter().position(|node| node.runtime.is_alive(task.id));
            let excused = self.given_up(task.instance);
            require(here.is_none() || excused, "I-18", || {
                format!("{} is STOPPED and runs on n{}: {:?}", task.id, here.unwrap_or(0), task.stopped_reason)
            })?;
        }
        Ok(())
    }

    /// Lost or deregistered, once or now: its tasks were declared STOPPED without asking it.
    fn given_up(&self, instance: plimsoll_model::InstanceId) -> bool {
        let image = self.control.core.as_ref().map_or(&self.control.stored, |core| core.image());
        let row = image.instances.get(&instance);
        self.checker.was_given_up(instance) || row.is_none_or(|row| row.lost || row.status == InstanceStatus::Inactive)
    }
}
