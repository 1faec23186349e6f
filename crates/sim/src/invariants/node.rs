//! What happens on machines, seen from above.

use super::counters::load_finds_the_same_state;
use crate::violation::{Broken, require};
use crate::world::{World, short};
use plimsoll_core::node::{Action, ContainerRef};
use plimsoll_model::{Batch, InstanceStatus, StopCode, Usage};
use std::collections::BTreeSet;

impl World {
    /// After every step of the world.
    pub(crate) fn check_world(&mut self) -> Result<(), Broken> {
        let Some(core) = self.control.core.as_ref().filter(|_| self.control.is_idle()) else { return Ok(()) };
        // At rest the answers to all requests are out (I-28).
        let unanswered = self.control.pending.first_key_value();
        require(unanswered.is_none(), "I-28", || format!("{unanswered:?} is never answered"))?;
        if self.checker.is_time_to_reload() {
            load_finds_the_same_state(
                core,
                self.stored_image(),
                self.cluster_config(),
                self.control.clock.shows(self.now),
            )?;
            self.checker.has_reloaded();
        }
        Ok(())
    }

    /// I-17, I-30: what comes late, twice or from an older epoch changes nothing on a node.
    pub(crate) fn i_17_late_messages_change_nothing(
        &self,
        node: usize,
        news: bool,
        actions: &[Action],
    ) -> Result<(), Broken> {
        require(news || actions.is_empty(), "I-17", || format!("n{node} obeys a late message: {actions:?}"))
    }

    /// I-20: no start after stop. What an agent has told to stop it never starts, and nothing that is STOPPED for the
    /// control plane starts on a node that can know of it.
    ///
    /// I-18: and all of a task is on the machine its row names.
    pub(crate) fn check_start(&self, node: usize, container: ContainerRef) -> Result<(), Broken> {
        let this = &self.nodes[node];
        let stopped_here = this.memory.has_stopped(container.task);
        require(!stopped_here, "I-20", || format!("n{node} starts {} after its stop", short(container)))?;
        let stored = self.control.stored.tasks.get(&container.task);
        let row = stored.or_else(|| self.checker.task(container.task));
        let Some(row) = row else {
            return Err(Broken {
                invariant: "I-33",
                detail: format!("n{node} starts {}, which nobody ever wanted", short(container)),
            });
        };
        require(row.instance.is_some() && row.instance == this.identity.instance, "I-18", || {
            format!("n{node} starts {} of instance {:?}", short(container), row.instance)
        })?;
        let given_up = row.instance.is_some_and(|instance| self.given_up(instance));
        let is_over = stored.is_none_or(|row| row.is_stopped());
        require(!is_over || given_up, "I-20", || {
            format!("n{node} starts {}, which is STOPPED: {:?}", short(container), row.stopped_reason)
        })
    }

    /// I-33: an agent stops what it was told to stop and what has ended by itself, and nothing else.
    pub(crate) fn check_stop(&mut self, node: usize, container: ContainerRef) -> Result<(), Broken> {
        let this = &mut self.nodes[node];
        this.memory.stops(container.task);
        let row = self.control.stored.tasks.get(&container.task);
        let wanted =
            row.is_some_and(|row| row.is_live() && row.instance.is_some() && row.instance == this.identity.instance);
        require(!wanted || this.memory.has_trouble(container.task), "I-33", || {
            format!("n{node} stops {}, which is wanted and well", short(container))
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
    ///
    /// I-22: and the row has the code with which each of its processes really ended.
    pub(crate) fn check_stopped(&self, batch: &Batch) -> Result<(), Broken> {
        for task in batch.tasks_updated.values().filter(|task| task.is_stopped()) {
            // What never had an instance was never anywhere.
            let Some(instance) = task.instance.filter(|instance| !self.given_up(*instance)) else { continue };
            let Some(node) = self.node_of_instance(instance) else { continue };
            let this = &self.nodes[node];
            require(!this.runtime.is_alive(task.id), "I-18", || {
                format!("{} is STOPPED and runs on n{node}: {:?}", task.id, task.stopped_reason)
            })?;
            let by_itself = task.stop_code == Some(StopCode::EssentialContainerExited);
            require(!by_itself || this.memory.has_trouble(task.id), "I-22", || {
                format!("{} of n{node} is said to have exited and did not", task.id)
            })?;
            for (index, container) in task.containers.iter().enumerate() {
                let really = this.memory.exit_code(ContainerRef { task: task.id, index });
                let told = container.exit_code;
                require(really.is_none() || told == really, "I-22", || {
                    format!("{} of {} exited with {really:?}, its row says {told:?}", container.name, task.id)
                })?;
            }
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
