//! What happened in a run: from committed changes what the control plane knew, from containers what was so.

use super::services::Service;
use plimsoll_model::{
    Change, Deployment, DeploymentId, InstanceId, RolloutState, ServiceName, Task, TaskId, TaskStatus,
};
use std::collections::{BTreeMap, BTreeSet};

struct Known {
    /// Of the workload; nothing for a service's task.
    arrival: Option<usize>,
    service: Option<usize>,
    /// Numbers streams of chance: by arrival, or by order of creation.
    key: u64,
    requested_ms: u64,
    ran: bool,
    held: Option<Held>,
}

/// What a task holds until it is STOPPED.
struct Held {
    cpu_units: u64,
    memory_mib: u64,
    instance: InstanceId,
}

/// Running containers of one service.
struct Standing {
    desired: u32,
    running: u32,
    /// It had all of them at least once.
    was_complete: bool,
    /// The fewest since.
    running_min: u32,
    rollout_began_ms: Option<u64>,
    rollout_ended_ms: Option<u64>,
}

/// One look at a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Look {
    pub position: u64,
    pub at_ms: u64,
    pub used: [u64; 2],
    pub hosts: u64,
    pub arrived: u64,
    pub rejected: u64,
    /// Running tasks of services.
    pub running: u64,
}

pub(super) struct Ledger {
    pub arrived: u64,
    pub rejected: u64,
    pub placed: u64,
    /// Tasks that ended because their node or their container failed.
    pub lost: u64,
    pub replacements: u64,
    /// How many tasks were RUNNING so many milliseconds after they were asked for.
    pub start_ms: BTreeMap<u64, u64>,
    /// CPU units and MiB held, over time.
    pub used_ms: [u128; 2],
    pub host_ms: u128,
    pub hosts_peak: u64,
    pub looks: Vec<Look>,
    /// Commands that were refused, and why.
    pub refusals: BTreeSet<String>,
    tasks: BTreeMap<TaskId, Known>,
    created: u64,
    /// The tasks of the workload whose rows come with the same commit.
    asked: BTreeMap<TaskId, (usize, u64)>,
    created_of: BTreeMap<DeploymentId, u32>,
    by_name: BTreeMap<ServiceName, usize>,
    services: Vec<Standing>,
    used: [u64; 2],
    tasks_on: BTreeMap<InstanceId, u32>,
    hosts_ever: BTreeSet<InstanceId>,
    passed_ms: u64,
}

impl Ledger {
    pub fn new(services: &[Service], from_ms: u64) -> Self {
        let standing = |service: &Service| Standing {
            desired: service.desired,
            running: 0,
            was_complete: false,
            running_min: service.desired,
            rollout_began_ms: None,
            rollout_ended_ms: None,
        };
        Ledger {
            arrived: 0,
            rejected: 0,
            placed: 0,
            lost: 0,
            replacements: 0,
            start_ms: BTreeMap::new(),
            used_ms: [0; 2],
            host_ms: 0,
            hosts_peak: 0,
            looks: Vec::new(),
            refusals: BTreeSet::new(),
            tasks: BTreeMap::new(),
            created: 0,
            asked: BTreeMap::new(),
            created_of: BTreeMap::new(),
            by_name: services.iter().enumerate().map(|(nth, service)| (service.name.clone(), nth)).collect(),
            services: services.iter().map(standing).collect(),
            used: [0; 2],
            tasks_on: BTreeMap::new(),
            hosts_ever: BTreeSet::new(),
            passed_ms: from_ms,
        }
    }

    pub fn pass_until(&mut self, now_ms: u64) {
        let passed = u128::from(now_ms.saturating_sub(self.passed_ms));
        self.passed_ms = self.passed_ms.max(now_ms);
        self.host_ms += passed * self.tasks_on.len() as u128;
        for at in 0..2 {
            self.used_ms[at] += passed * u128::from(self.used[at]);
        }
    }

    /// A request of the workload placed this task.
    pub fn ran(&mut self, task: TaskId, arrival: usize, requested_ms: u64) {
        self.asked.insert(task, (arrival, requested_ms));
    }

    pub fn refused(&mut self, problem: String) {
        self.refusals.insert(problem);
    }

    pub fn rollout_begins(&mut self, service: usize, now_ms: u64) {
        self.services[service].rollout_began_ms = Some(now_ms);
    }

    pub fn note(&mut self, change: &Change, now_ms: u64) {
        match change {
            Change::TaskCreated(row) => self.task_created(row, now_ms),
            Change::TaskUpdated(row) => self.task_updated(row, now_ms),
            Change::TaskRemoved(task) => {
                self.tasks.remove(task);
            }
            Change::Deployment(row) => self.deployment_changed(row, now_ms),
            _ => {}
        }
    }

    fn task_created(&mut self, row: &Task, now_ms: u64) {
        self.placed += 1;
        self.created += 1;
        let service = row.service.as_ref().and_then(|name| self.by_name.get(name)).copied();
        let asked = self.asked.remove(&row.id);
        let arrival = asked.map(|(arrival, _)| arrival);
        if let (Some(service), Some(deployment)) = (service, row.deployment) {
            let created = self.created_of.entry(deployment).or_default();
            *created += 1;
            self.replacements += u64::from(*created > self.services[service].desired);
        }
        let known = Known {
            arrival,
            service,
            key: arrival.map_or(2 * self.created + 1, |arrival| 2 * arrival as u64),
            requested_ms: asked.map_or(now_ms, |(_, requested_ms)| requested_ms),
            ran: false,
            held: None,
        };
        self.tasks.insert(row.id, known);
        self.placed_on_instance(row);
    }

    /// A task may wait for its instance; from then on it holds what it reserves there.
    fn placed_on_instance(&mut self, row: &Task) {
        let (Some(instance), Some(known)) = (row.instance, self.tasks.get_mut(&row.id)) else { return };
        if known.held.is_some() || row.is_stopped() {
            return;
        }
        let held =
            Held { cpu_units: row.reserved.cpu_units.into(), memory_mib: row.reserved.memory_mib.into(), instance };
        self.used = [self.used[0] + held.cpu_units, self.used[1] + held.memory_mib];
        known.held = Some(held);
        *self.tasks_on.entry(instance).or_default() += 1;
        self.hosts_ever.insert(instance);
        self.hosts_peak = self.hosts_peak.max(self.tasks_on.len() as u64);
    }

    fn task_updated(&mut self, row: &Task, now_ms: u64) {
        self.placed_on_instance(row);
        let Some(known) = self.tasks.get_mut(&row.id) else { return };
        if row.last_status == TaskStatus::Running && !known.ran {
            known.ran = true;
            *self.start_ms.entry(now_ms - known.requested_ms).or_default() += 1;
        }
        if row.is_stopped()
            && let Some(held) = known.held.take()
        {
            self.used = [self.used[0] - held.cpu_units, self.used[1] - held.memory_mib];
            let left = self.tasks_on.get_mut(&held.instance).map(|tasks| {
                *tasks -= 1;
                *tasks
            });
            if left == Some(0) {
                self.tasks_on.remove(&held.instance);
            }
        }
    }

    fn deployment_changed(&mut self, row: &Deployment, now_ms: u64) {
        let Some(nth) = self.by_name.get(&row.service).copied() else { return };
        let standing = &mut self.services[nth];
        let is_new = row.definition.revision > 1 && row.rollout_state == RolloutState::Completed;
        if is_new && standing.rollout_began_ms.is_some() && standing.rollout_ended_ms.is_none() {
            standing.rollout_ended_ms = Some(now_ms);
        }
    }

    pub fn key(&self, task: TaskId) -> u64 {
        self.tasks.get(&task).map_or(0, |known| known.key)
    }

    pub fn arrival(&self, task: TaskId) -> Option<usize> {
        self.tasks.get(&task)?.arrival
    }

    fn standing(&mut self, task: TaskId) -> Option<&mut Standing> {
        let service = self.tasks.get(&task)?.service?;
        Some(&mut self.services[service])
    }

    pub fn container_runs(&mut self, task: TaskId) {
        let Some(standing) = self.standing(task) else { return };
        standing.running += 1;
        standing.was_complete |= standing.running >= standing.desired;
    }

    pub fn container_ended(&mut self, task: TaskId) {
        let Some(standing) = self.standing(task) else { return };
        standing.running -= 1;
        if standing.was_complete {
            standing.running_min = standing.running_min.min(standing.running);
        }
    }

    pub fn sample(&mut self, position: u64, now_ms: u64) {
        self.looks.push(Look {
            position,
            at_ms: now_ms,
            used: self.used,
            hosts: self.tasks_on.len() as u64,
            arrived: self.arrived,
            rejected: self.rejected,
            running: self.services.iter().map(|one| u64::from(one.running)).sum(),
        });
    }

    pub fn hosts_ever(&self) -> u64 {
        self.hosts_ever.len() as u64
    }

    pub fn desired(&self) -> u64 {
        self.services.iter().map(|one| u64::from(one.desired)).sum()
    }

    /// Of the service that was worst off since it was complete, in percent of what was desired.
    pub fn running_share_min(&self) -> Option<f64> {
        let shares = self.services.iter().map(|one| 100.0 * f64::from(one.running_min) / f64::from(one.desired));
        shares.reduce(f64::min)
    }

    /// Milliseconds of each rollout; nothing for one that did not end.
    pub fn rollouts_ms(&self) -> Vec<Option<u64>> {
        let begun = self.services.iter().filter_map(|one| Some((one.rollout_began_ms?, one.rollout_ended_ms)));
        begun.map(|(began_ms, ended_ms)| ended_ms.map(|ended_ms| ended_ms - began_ms)).collect()
    }
}
