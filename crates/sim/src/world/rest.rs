//! The second half of a run: faults end, some machines never come back, clients leave after making what they asked for
//! possible, and the world must come to rest in bounded time.

use super::World;
use super::clock::true_ms;
use super::node::NODE_CPU_UNITS;
use crate::invariants::rest;
use crate::violation::{Broken, require};
use plimsoll_core::command::{CircuitBreakerUpdate, Command, UpdateService};
use plimsoll_model::{
    DeploymentController, Instance, InstanceId, InstanceStatus, RolloutState, SchedulingStrategy, Service,
    ServiceStatus, TaskDefinition, Timestamp,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Convergence is looked for this often.
const LOOK_MS: u64 = 500;
/// A process that ended before the faults did is started again in this time, and looks for the others.
const RESTART_MS: u64 = 20_000;
/// How long a partition lasts that began before the faults ended, until the node connects.
const CUT_OFF_MS: u64 = 62_000;
/// Between a stop that the engine forgot and the next attempt, on the node's own clock: grace and patience.
const STOP_AGAIN_MS: u64 = 5_000 + 10_000;
/// Heartbeats after which what was lost is said again at the latest: patience doubles up to this.
const PATIENCE_MAX: u64 = 20;
/// Migrations run, and health checks need their time to succeed.
const SLOW_START_MS: u64 = 3_000 + 13_000;
/// One loss at a time while many are silent (D-8).
const BRAKE_MS: u64 = 10_000;
/// For a step that is due and its commit.
const DUE_MS: u64 = 1_500;
/// How long a node that flapped takes nothing (F-16).
const FLAPPED_MS: u64 = 200_000;
/// After the last retention, for removals that have to be asked for twice.
const REMOVAL_MS: u64 = 45_000;

/// What services may ask for so that all of them fit.
struct Room {
    /// CPU units for each service.
    cpu_share: u32,
    /// There is no other.
    for_one_service: bool,
    /// Nodes that take tasks.
    open: usize,
}

impl World {
    pub fn come_to_rest(&mut self) -> Result<(), Broken> {
        self.swarm = self.swarm.without_faults();
        self.clients_leave();
        self.some_machines_die();
        self.some_tasks_sicken();
        let reunion_ms = self.reunion_ms();
        let nobody = |_: &World| "not every node has a session".to_owned();
        self.run_until(reunion_ms, World::everybody_is_here, "I-32", nobody)?;
        // What was sent before and is still on its way arrives in this time.
        let stragglers = self.now.plus_millis(5 * self.swarm.delay_ms_max + 2_000);
        self.run_to(stragglers)?;
        self.run_until(reunion_ms, World::everybody_is_here, "I-32", nobody)?;
        for command in self.repairs() {
            self.submit(command)?;
        }
        let bound_ms = self.convergence_ms();
        self.run_until(bound_ms, World::has_converged, "I-12", rest::what_is_missing)?;
        let still = self.now.plus_millis(self.leftovers_ms());
        self.run_to(still)?;
        // A node that flapped may have given its zone back by now, and then a task moves there.
        let lasts = rest::has_converged(self) || self.moves_between_zones();
        require(lasts, "I-12", || format!("it did not last: {}", rest::what_is_missing(self)))?;
        self.run_until(reunion_ms, World::has_converged, "I-12", rest::what_is_missing)?;
        self.expire_what_is_due()?;
        rest::check(self)?;
        self.count_strategies_at_rest();
        self.wish_for_the_impossible()
    }

    /// What a retention keeps may be due for removal at this very moment.
    pub(super) fn expire_what_is_due(&mut self) -> Result<(), Broken> {
        let is_due = |world: &World| {
            let now = world.control.clock.shows(world.now);
            world.control.core.as_ref().and_then(|core| core.next_wakeup()).is_some_and(|at| at <= now)
        };
        if is_due(self) {
            let done = self.now.plus_millis(DUE_MS);
            self.run_to(done)?;
        }
        Ok(())
    }

    fn moves_between_zones(&self) -> bool {
        self.control.committed.services.values().any(|row| row.availability_zone_rebalancing)
    }

    /// How long a node may keep what a stopped task left.
    pub(crate) fn leftovers_ms(&self) -> u64 {
        true_ms(self.swarm.node_retention_ms + REMOVAL_MS, 800)
    }

    /// Since a moment on the clock of the control plane.
    pub(crate) fn true_age_ms(&self, then: Option<Timestamp>) -> u64 {
        let now = self.control.core.as_ref().map_or(self.now, |core| core.now());
        then.map_or(0, |then| true_ms(now.millis_since(then), self.control.clock.rate()))
    }

    fn count_strategies_at_rest(&mut self) {
        let mut services = self.control.committed.services.values();
        if services.any(|row| !row.capacity_provider_strategy.is_empty() && row.desired_count > 0) {
            self.coverage.count("service of a strategy at rest");
        }
    }

    /// The others are the core of machines that is healed.
    fn some_machines_die(&mut self) {
        if self.nodes.len() == 1 || self.dice.faults.coin() {
            return;
        }
        let dead = self.dice.faults.between(1, self.nodes.len() as u64 / 2);
        for _ in 0..dead {
            let node = usize::try_from(self.dice.faults.below(self.nodes.len() as u64)).unwrap_or(0);
            if !self.nodes[node].is_dead {
                self.node_dies(node);
            }
        }
    }

    /// And do not get well by themselves: that is the last that goes wrong.
    fn some_tasks_sicken(&mut self) {
        for node in 0..self.nodes.len() {
            let checked = self.nodes[node].runtime.healths();
            if let Some((container, _)) = self.dice.faults.pick(&checked).copied() {
                self.turn_unhealthy(node, container);
            }
        }
    }

    pub(super) fn run_to(&mut self, end: Timestamp) -> Result<(), Broken> {
        while self.next_at().is_some_and(|at| at <= end) {
            self.step()?;
        }
        self.now = end;
        Ok(())
    }

    pub(super) fn run_until(
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

    /// How long until everybody that lives has found the leader: take-over, restarts, partitions, and heartbeats that
    /// notice what was lost.
    fn reunion_ms(&self) -> u64 {
        let swarm = &self.swarm;
        let heartbeats = true_ms(PATIENCE_MAX * swarm.heartbeat_ms, 800);
        let messages = 5 * (swarm.delay_ms_max + swarm.commit_ms_max) * 2;
        3 * true_ms(swarm.lease_ttl_ms, 800) + RESTART_MS + CUT_OFF_MS + heartbeats + messages
    }

    /// The bound of I-12: take-over, reconnecting, the grace of what is silent (twice after a load, and one at a time
    /// when many are), what is left of a back-off, and, of the service that needs most, as many rounds of starting and
    /// stopping as its bounds force on it.
    fn convergence_ms(&self) -> u64 {
        let swarm = &self.swarm;
        let image = &self.control.committed;
        let silent = image.instances.values().filter(|row| !row.agent_connected && !row.lost);
        let silent = silent.filter(|row| row.status != InstanceStatus::Inactive).count() as u64;
        let grace = 2 * swarm.disconnect_grace_ms.unwrap_or(0) + BRAKE_MS * silent;
        let round_trip = 2 * swarm.delay_ms_max + 3 * swarm.commit_ms_max;
        let start = swarm.start_ms_max * 5 / 2 + SLOW_START_MS + swarm.healthy_ms + round_trip;
        let stop = STOP_AGAIN_MS + round_trip;
        let slowest = image.services.values().map(|service| {
            let desired = u64::from(service.desired_count);
            let percent = &service.deployment_configuration;
            let most = desired * u64::from(percent.maximum_percent) / 100;
            let least = (desired * u64::from(percent.minimum_healthy_percent)).div_ceil(100);
            let at_once = most.saturating_sub(least).max(1);
            // Tasks of before the repairs may have to go first, in rounds of the same size.
            (desired.div_ceil(at_once) + 2) * (start + stop)
        });
        let rounds = slowest.max().unwrap_or(0) + swarm.desired_max as u64 * swarm.commit_ms_max * 2;
        let now = self.control.core.as_ref().map_or(self.now, |core| core.now());
        let waits = image.deployments.values().filter_map(|row| row.next_start_at.max(row.next_round_at));
        let back_off = waits.map(|at| at.millis_since(now)).max().unwrap_or(0);
        let reconnect = true_ms(PATIENCE_MAX * swarm.heartbeat_ms, 800) + 1_500;
        true_ms(swarm.lease_ttl_ms + reconnect + grace + back_off + FLAPPED_MS + rounds, 800)
    }

    fn everybody_is_here(&self) -> bool {
        let Some(core) = self.control.core.as_ref().filter(|_| self.control.answers()) else { return false };
        let has_session = |instance: Option<InstanceId>| instance.is_some_and(|id| core.session_of(id).is_some());
        let mut living = self.nodes.iter().filter(|node| !node.is_dead);
        self.control.is_idle()
            && self.control.pending.is_empty()
            && living.all(|node| node.connection.is_some() && has_session(node.identity.instance))
    }

    pub(super) fn has_converged(&self) -> bool {
        self.everybody_is_here() && rest::has_converged(self)
    }

    fn living_instances(&self) -> BTreeSet<InstanceId> {
        self.nodes.iter().filter(|node| !node.is_dead).filter_map(|node| node.identity.instance).collect()
    }

    /// What users would do to get what they want: reopen instances, give up on dead ones where nobody else does, stop
    /// one-off tasks, and ask of every service what is possible.
    fn repairs(&mut self) -> Vec<Command> {
        let ours = self.living_instances();
        let image = &self.control.committed;
        let mut repairs = Vec::new();
        let rows: Vec<Arc<Instance>> = image.instances.values().cloned().collect();
        let one_off = image.tasks.values().filter(|task| task.service.is_none() && task.is_live());
        let one_off: Vec<_> = one_off.map(|task| Command::StopTask { task: task.id, reason: None }).collect();
        let active = |row: &&Arc<Instance>| ours.contains(&row.id) && row.status == InstanceStatus::Active;
        let mut open = rows.iter().filter(active).count();
        let wanted_open = ours.len().div_ceil(2);
        for row in rows.iter().filter(|row| row.status != InstanceStatus::Inactive) {
            if !ours.contains(&row.id) {
                let is_lost_in_time = !row.agent_connected && self.swarm.disconnect_grace_ms.is_some();
                if !is_lost_in_time || self.dice.client.coin() {
                    repairs.push(Command::DeregisterContainerInstance { instance: row.id, force: true });
                }
            } else if row.status == InstanceStatus::Draining && open < wanted_open {
                open += 1;
                let instances = vec![row.id];
                repairs.push(Command::UpdateContainerInstancesState { instances, status: InstanceStatus::Active });
            }
        }
        repairs.extend(one_off);
        let protected = self.control.committed.tasks.values().filter(|task| task.is_live() && task.is_protected());
        let tasks: Vec<_> = protected.map(|task| task.id).collect();
        if !tasks.is_empty() {
            repairs.push(Command::UpdateTaskProtection { tasks, protect_ms: None });
        }
        let image = &self.control.committed;
        let services: Vec<_> =
            image.services.values().filter(|service| service.status == ServiceStatus::Active).cloned().collect();
        let is_daemon = |service: &Service| service.scheduling_strategy == SchedulingStrategy::Daemon;
        // Where daemons want room on every node, replicas that happen to share one node must leave it.
        let nodes = if services.iter().any(|one| is_daemon(one)) { 1 } else { open };
        let share = u32::try_from(nodes).unwrap_or(1) * NODE_CPU_UNITS / 2;
        let share = share / u32::try_from(services.len().max(1)).unwrap_or(1);
        let room = Room { cpu_share: share, for_one_service: services.len() == 1, open };
        let mut port_is_free = true;
        let mut daemon_cpu = NODE_CPU_UNITS / 2;
        for service in &services {
            if is_daemon(service) {
                repairs.push(self.repair_daemon(service, &mut daemon_cpu));
                continue;
            }
            match service.controller {
                DeploymentController::Ecs => repairs.push(self.repair(service, &room, &mut port_is_free)),
                DeploymentController::External => repairs.extend(self.repair_task_sets(service, share)),
            }
        }
        repairs
    }

    /// A definition that fits beside all others on every node, or none.
    fn repair_daemon(&self, service: &Service, cpu_left: &mut u32) -> Command {
        let wanted = self.definitions.plain();
        let cpu: u32 = wanted.containers.iter().map(|container| container.cpu).sum();
        if cpu > *cpu_left {
            return Command::DeleteService { service: service.name.clone(), force: false };
        }
        *cpu_left -= cpu;
        let mut update = UpdateService::unchanged(service.name.clone());
        let primary = self.control.committed.primary_deployment(&service.name);
        update.force_new_deployment =
            primary.is_some_and(|one| one.rollout_state == RolloutState::Failed || one.next_start_at.is_some());
        update.definition = Some(wanted);
        update.minimum_healthy_percent = Some(0);
        update.placement_constraints = Some(Vec::new());
        Command::UpdateService(Box::new(update))
    }

    /// A strategy fits for sure when nobody else wants room and each of its providers has a node that takes everything.
    fn strategy_fits(&self, service: &Service) -> bool {
        let image = &self.control.committed;
        let has_node = |provider: &str| {
            let living = self.nodes.iter().filter(|node| !node.is_dead);
            let ids = living.filter_map(|node| node.identity.instance);
            let mut rows = ids.filter_map(|id| image.instances.get(&id));
            let takes_tasks = |row: &Instance| row.status == InstanceStatus::Active && row.agent_connected;
            rows.any(|row| row.capacity_provider() == Some(provider) && takes_tasks(row))
        };
        service.capacity_provider_strategy.iter().all(|item| has_node(&item.provider))
    }

    fn repair(&mut self, service: &Service, room: &Room, port_is_free: &mut bool) -> Command {
        let mut update = UpdateService::unchanged(service.name.clone());
        let named = service.definition.as_ref();
        let mut definition = named.and_then(|id| self.definitions.get(id)).map(Arc::clone);
        let holds_port = |definition: &TaskDefinition| definition.id.family.as_str() == "port";
        let mut nodes = u32::MAX;
        if definition.as_ref().is_some_and(|one| holds_port(one)) {
            // The fixed port fits once per node, and other tasks may fill up to half of the nodes.
            if std::mem::take(port_is_free) {
                nodes = u32::try_from(room.open.div_ceil(2)).unwrap_or(1);
            } else {
                definition = None;
            }
        }
        let everywhere = |one: &Arc<TaskDefinition>| {
            let mut living = self.nodes.iter().filter(|node| !node.is_dead);
            living.all(|node| one.requires_attributes.iter().all(|name| node.offers(name)))
        };
        let steady = definition.filter(|one| self.definitions.is_steady(&one.id)).filter(everywhere);
        let wanted = steady.unwrap_or_else(|| self.definitions.plain());
        let primary = self.control.committed.primary_deployment(&service.name);
        let failed = primary.is_some_and(|one| one.rollout_state == RolloutState::Failed);
        // A back-off ends by itself, which not everybody waits for.
        let waits = primary.is_some_and(|one| one.next_start_at.is_some());
        let cpu: u32 = wanted.containers.iter().map(|container| container.cpu).sum();
        update.force_new_deployment = failed || waits && self.dice.client.permille(700);
        let mut cpu_share = room.cpu_share;
        let mut keeps_strategy = false;
        if !service.capacity_provider_strategy.is_empty() {
            keeps_strategy = room.for_one_service && nodes == u32::MAX && self.strategy_fits(service);
            if keeps_strategy {
                cpu_share = cpu_share.min(NODE_CPU_UNITS / 2);
            } else {
                update.capacity_provider_strategy = Some(Vec::new());
                update.force_new_deployment = true;
            }
        }
        let desired = service.desired_count.min(cpu_share / cpu.max(1)).min(nodes);
        update.desired_count = Some(desired);
        // A port that is taken twice over cannot be started first, nor can what is a provider's share where the old tasks
        // fill its only node.
        if nodes != u32::MAX || keeps_strategy || !can_move(service, desired) {
            update.maximum_percent = Some(if nodes == u32::MAX { 200 } else { 100 });
            update.minimum_healthy_percent = Some(0);
        }
        update.definition = Some(wanted);
        update.placement_constraints = Some(Vec::new());
        // A way back may lead to a definition that never comes to rest.
        let enable = service.deployment_configuration.circuit_breaker.enable;
        update.circuit_breaker =
            Some(CircuitBreakerUpdate { enable, rollback: false, threshold: None, reset_on_healthy_task: None });
        Command::UpdateService(Box::new(update))
    }
}

/// With both bounds of its percentages equal a rollout of so many tasks can neither start nor stop one.
pub(super) fn can_move(service: &Service, desired: u32) -> bool {
    let percent = &service.deployment_configuration;
    let most = u64::from(desired) * u64::from(percent.maximum_percent) / 100;
    let least = (u64::from(desired) * u64::from(percent.minimum_healthy_percent)).div_ceil(100);
    most > least
}
