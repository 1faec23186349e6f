//! The second half of a run: faults end, clients leave after making what they asked for possible, and the world must
//! come to rest.

use super::World;
use super::client::unchanged;
use super::node::NODE_CPU_UNITS;
use crate::invariants::rest;
use crate::violation::Broken;
use plimsoll_core::command::{CircuitBreakerUpdate, Command};
use plimsoll_model::{
    InstanceId, InstanceStatus, RolloutState, SchedulingStrategy, Service, ServiceStatus, TaskDefinition, Timestamp,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// For everybody to find each other again: start-up, reconnecting, heartbeats that notice what was lost.
const REUNION_MS_MAX: u64 = 120_000;
/// Longer than the slowest copy of a message takes.
const STRAGGLERS_MS: u64 = 10_000;
/// For everything to become what was asked for (the bound of I-12).
const CONVERGENCE_MS_MAX: u64 = 600_000;
/// After the last retention, for removals that have to be asked for twice.
const REMOVAL_MS: u64 = 45_000;
/// Convergence is looked for this often.
const LOOK_MS: u64 = 500;

impl World {
    pub fn come_to_rest(&mut self) -> Result<(), Broken> {
        self.swarm = self.swarm.without_faults();
        self.clients_leave();
        self.run_until(REUNION_MS_MAX, World::everybody_is_here, "I-12", |_| {
            "not every node has a session".to_owned()
        })?;
        // What was sent before and is still on its way arrives in this time.
        let stragglers = self.now.plus_millis(STRAGGLERS_MS);
        self.run_to(stragglers)?;
        self.run_until(REUNION_MS_MAX, World::everybody_is_here, "I-12", |_| {
            "not every node has a session".to_owned()
        })?;
        for command in self.repairs() {
            self.submit(command)?;
        }
        self.run_until(CONVERGENCE_MS_MAX, World::has_converged, "I-12", rest::what_is_missing)?;
        let still = self.now.plus_millis(self.swarm.node_retention_ms + REMOVAL_MS);
        self.run_to(still)?;
        self.run_until(REUNION_MS_MAX, World::has_converged, "I-12", rest::what_is_missing)?;
        rest::check(self)
    }

    fn run_to(&mut self, end: Timestamp) -> Result<(), Broken> {
        while self.next_at().is_some_and(|at| at <= end) {
            self.step()?;
        }
        self.now = end;
        Ok(())
    }

    fn run_until(
        &mut self,
        millis_max: u64,
        condition: impl Fn(&World) -> bool,
        invariant: &'static str,
        missing: impl Fn(&World) -> String,
    ) -> Result<(), Broken> {
        let limit = self.now.plus_millis(millis_max);
        loop {
            if condition(self) {
                return Ok(());
            }
            if self.now >= limit {
                return Err(Broken { invariant, detail: format!("after {millis_max} ms: {}", missing(self)) });
            }
            let next = self.now.plus_millis(LOOK_MS);
            self.run_to(next)?;
        }
    }

    fn everybody_is_here(&self) -> bool {
        let Some(core) = &self.control.core else { return false };
        let has_session = |instance: Option<InstanceId>| instance.is_some_and(|id| core.session_of(id).is_some());
        self.control.is_idle()
            && self.control.pending.is_empty()
            && self.nodes.iter().all(|node| node.connection.is_some() && has_session(node.identity.instance))
    }

    fn has_converged(&self) -> bool {
        self.everybody_is_here() && rest::has_converged(self)
    }

    /// What users would do to get what they want: reopen instances, give up on dead ones, stop one-off tasks, and ask
    /// of every service what fits.
    fn repairs(&self) -> Vec<Command> {
        let image = &self.control.committed;
        let mut repairs = Vec::new();
        let ours: BTreeSet<InstanceId> = self.nodes.iter().filter_map(|node| node.identity.instance).collect();
        for row in image.instances.values().filter(|row| row.status != InstanceStatus::Inactive) {
            if !ours.contains(&row.id) {
                repairs.push(Command::DeregisterContainerInstance { instance: row.id, force: true });
            } else if row.status == InstanceStatus::Draining {
                let instances = vec![row.id];
                repairs.push(Command::UpdateContainerInstancesState { instances, status: InstanceStatus::Active });
            }
        }
        let one_off = image.tasks.values().filter(|task| task.service.is_none() && task.is_live());
        repairs.extend(one_off.map(|task| Command::StopTask { task: task.id, reason: None }));
        let services: Vec<_> =
            image.services.values().filter(|service| service.status == ServiceStatus::Active).collect();
        let is_daemon = |service: &Service| service.scheduling_strategy == SchedulingStrategy::Daemon;
        // Where daemons want room on every node, replicas that happen to share one node must leave it.
        let nodes = if services.iter().any(|one| is_daemon(one)) { 1 } else { self.nodes.len() };
        let share = u32::try_from(nodes).unwrap_or(1) * NODE_CPU_UNITS / 2;
        let share = share / u32::try_from(services.len().max(1)).unwrap_or(1);
        let mut port_is_free = true;
        let mut daemon_cpu = NODE_CPU_UNITS / 2;
        for service in services {
            repairs.push(match is_daemon(service) {
                true => self.repair_daemon(service, &mut daemon_cpu),
                false => self.repair(service, share, &mut port_is_free),
            });
        }
        repairs
    }

    /// A definition that fits beside all others on every node, or none.
    fn repair_daemon(&self, service: &Service, cpu_left: &mut u32) -> Command {
        let wanted = Arc::clone(&self.definitions.steady()[0]);
        let cpu: u32 = wanted.containers.iter().map(|container| container.cpu).sum();
        if cpu > *cpu_left {
            return Command::DeleteService { service: service.name.clone(), force: false };
        }
        *cpu_left -= cpu;
        let mut update = unchanged(service.name.clone());
        let primary = self.control.committed.primary_deployment(&service.name);
        update.force_new_deployment =
            primary.is_some_and(|one| one.rollout_state == RolloutState::Failed || one.next_start_at.is_some());
        update.definition = Some(wanted);
        update.minimum_healthy_percent = Some(0);
        update.placement_constraints = Some(Vec::new());
        Command::UpdateService(Box::new(update))
    }

    fn repair(&self, service: &Service, cpu_share: u32, port_is_free: &mut bool) -> Command {
        let mut update = unchanged(service.name.clone());
        let named = service.definition.as_ref();
        let mut definition = named.and_then(|id| self.definitions.get(id)).map(Arc::clone);
        let holds_port = |definition: &TaskDefinition| definition.id.family.as_str() == "port";
        let mut nodes = u32::MAX;
        if definition.as_ref().is_some_and(|one| holds_port(one)) {
            // The fixed port fits once per node, and other tasks may fill up to half of the nodes.
            if std::mem::take(port_is_free) {
                nodes = u32::try_from(self.nodes.len().div_ceil(2)).unwrap_or(1);
            } else {
                definition = None;
            }
        }
        let steady = definition.filter(|one| self.definitions.is_steady(&one.id));
        let wanted = steady.unwrap_or_else(|| Arc::clone(&self.definitions.steady()[0]));
        let primary = self.control.committed.primary_deployment(&service.name);
        let stuck = primary.is_some_and(|one| one.rollout_state == RolloutState::Failed || one.next_start_at.is_some());
        let cpu: u32 = wanted.containers.iter().map(|container| container.cpu).sum();
        update.desired_count = Some(service.desired_count.min(cpu_share / cpu.max(1)).min(nodes));
        update.force_new_deployment = stuck;
        update.definition = Some(wanted);
        update.maximum_percent = Some(if nodes == u32::MAX { 200 } else { 100 });
        update.minimum_healthy_percent = Some(0);
        update.placement_constraints = Some(Vec::new());
        // A way back may lead to a definition that never comes to rest.
        let enable = service.deployment_configuration.circuit_breaker.enable;
        update.circuit_breaker =
            Some(CircuitBreakerUpdate { enable, rollback: false, threshold: None, reset_on_healthy_task: None });
        Command::UpdateService(Box::new(update))
    }
}
