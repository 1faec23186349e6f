//! I-16: who goes when a service has too many tasks, chosen here once more in the plainest way there is (TERM-1 to
//! TERM-5): count, compare, take the first.

use super::service::is_healthy;
use super::{Step, daemon, placement};
use crate::coverage::Coverage;
use crate::violation::{Broken, require};
use plimsoll_model::{
    Change, DeploymentId, DeploymentStatus, HealthStatus, InstanceId, InstanceStatus, PlacementStrategy, Service,
    ServiceName, ServiceStatus, SpreadField, StopCode, Task, TaskId, TaskStatus, Usage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const ZONE: &str = "ecs.availability-zone";

/// Least useful first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Use {
    InGrace,
    Pending,
    Undecided,
    Healthy,
}

/// One service in the middle of a step.
struct Scene<'a> {
    step: &'a Step<'a>,
    service: &'a Service,
    primary: DeploymentId,
    live: BTreeMap<TaskId, Arc<Task>>,
    /// What is used of each instance at this point of the step.
    used: BTreeMap<InstanceId, Usage>,
    /// Of instances, what the victims chosen before in this class will give back.
    freed: BTreeMap<(Use, InstanceId), Usage>,
}

pub(super) fn i_16_the_documented_ones_go(step: &Step, coverage: &mut Coverage) -> Result<(), Broken> {
    let mut by_service: BTreeMap<&ServiceName, Vec<&Arc<Task>>> = BTreeMap::new();
    for row in step.tasks_updated().filter(|row| scales_in(row)) {
        let Some(before) = step.before.tasks.get(&row.id) else { continue };
        if let Some(service) = &row.service
            && placement::ended(before, row)
        {
            by_service.entry(service).or_default().push(row);
        }
    }
    by_service.into_iter().try_for_each(|(name, stopped)| check_service(step, name, &stopped, coverage))
}

fn scales_in(row: &Task) -> bool {
    let reason = row.stopped_reason.as_deref().unwrap_or_default();
    row.stop_code == Some(StopCode::ServiceSchedulerInitiated) && reason.starts_with("Scaling activity initiated")
}

fn check_service(
    step: &Step,
    name: &ServiceName,
    stopped: &[&Arc<Task>],
    coverage: &mut Coverage,
) -> Result<(), Broken> {
    let replicas = |row: &&Arc<Service>| row.status == ServiceStatus::Active && !daemon::is_daemon(row);
    let Some(service) = step.after.services.get(name).filter(replicas) else { return Ok(()) };
    // A task set that is deleted takes its protected tasks with it, as a service does (PROT-4, SVC-54).
    let leaves = |row: &Task| {
        let set = row.deployment.and_then(|id| step.after.deployments.get(&id));
        set.is_none_or(|set| set.status == DeploymentStatus::Draining)
    };
    let protected = stopped.iter().find(|row| row.is_protected() && !leaves(row));
    require(protected.is_none(), "I-16", || format!("{:?} goes, which is protected", protected.map(|row| row.id)))?;
    let Some(primary) = step.after.primary_deployment(name).map(|row| row.id) else { return Ok(()) };
    let live = step.before.tasks_of_service(name).filter(|task| task.is_live());
    let live: BTreeMap<TaskId, Arc<Task>> = live.map(|task| (task.id, Arc::clone(task))).collect();
    let used = step.before.usage.clone();
    let mut scene = Scene { step, service, primary, live, used, freed: BTreeMap::new() };
    let victims: BTreeSet<TaskId> = stopped.iter().filter(|row| scene.may_be_victim(row)).map(|row| row.id).collect();
    if victims.is_empty() {
        return Ok(());
    }
    for change in step.changes {
        match change {
            Change::Usage(id, usage) => {
                scene.used.insert(*id, *usage);
            }
            Change::TaskCreated(row) if row.service.as_ref() == Some(name) => {
                scene.live.insert(row.id, Arc::clone(row));
            }
            Change::TaskUpdated(row) if row.service.as_ref() == Some(name) => {
                if let Some(before) = scene.live.get(&row.id).cloned()
                    && !row.is_live()
                {
                    if victims.contains(&row.id) && scene.class(&before).is_some() {
                        scene.i_16_is_a_best_choice(&before, &victims, coverage)?;
                        scene.frees(&before, row);
                    }
                    scene.live.remove(&row.id);
                } else if row.is_live() {
                    scene.live.insert(row.id, Arc::clone(row));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl Scene<'_> {
    /// Tasks of the PRIMARY deployment on instances that stay; others go for other reasons.
    fn may_be_victim(&self, row: &Task) -> bool {
        let on = self.step.after.instance_of(row);
        !row.is_protected()
            && row.deployment == Some(self.primary)
            && on.is_some_and(|on| on.status != InstanceStatus::Draining)
    }

    /// `None`: UNHEALTHY, which is another matter.
    fn class(&self, task: &Task) -> Option<Use> {
        if task.last_status < TaskStatus::Running {
            return Some(Use::Pending);
        }
        if is_healthy(self.step, task) {
            return Some(Use::Healthy);
        }
        if task.health != HealthStatus::Unhealthy {
            return Some(Use::Undecided);
        }
        let grace_ms = u64::from(self.service.health_check_grace_period_seconds) * 1_000;
        let started_at = task.started_at.unwrap_or(task.created_at);
        (self.step.now < started_at.plus_millis(grace_ms)).then_some(Use::InGrace)
    }

    fn i_16_is_a_best_choice(
        &mut self,
        victim: &Arc<Task>,
        victims: &BTreeSet<TaskId>,
        coverage: &mut Coverage,
    ) -> Result<(), Broken> {
        let candidates: Vec<(Use, &Arc<Task>)> = self
            .live
            .values()
            .filter(|task| self.may_be_victim(task))
            // A strategy says first how many each provider gives up (SVC-56).
            .filter(|task| task.capacity_provider == victim.capacity_provider)
            .filter_map(|task| self.class(task).map(|class| (class, task)))
            .collect();
        let Some(class) = self.class(victim) else { return Ok(()) };
        let least = candidates.iter().map(|(class, _)| *class).min();
        require(least == Some(class), "I-16", || {
            format!("{} goes, which is {class:?}, before one that is {least:?}", victim.id)
        })?;
        let same: Vec<&Arc<Task>> =
            candidates.iter().filter(|(other, _)| *other == class).map(|(_, task)| *task).collect();
        if same.iter().all(|task| victims.contains(&task.id)) {
            // All of the class go: nothing is chosen.
            return Ok(());
        }
        coverage.count("scale-in chose among several");
        let ranked: Vec<(Vec<i64>, &Arc<Task>)> = same.iter().map(|task| (self.ranks(task), *task)).collect();
        let own = self.ranks(victim);
        let best = ranked.iter().map(|(ranks, _)| ranks).max();
        require(best == Some(&own), "I-16", || {
            let strategy = &self.service.placement_strategy;
            format!("{} goes, worth {own:?}, where another is worth {best:?} ({strategy:?})", victim.id)
        })?;
        let random = self.service.placement_strategy.contains(&PlacementStrategy::Random);
        let newer = ranked.iter().find(|(ranks, task)| {
            *ranks == own && task.instance == victim.instance && task.created_at > victim.created_at
        });
        require(random || newer.is_none(), "I-16", || {
            format!("{} goes before {:?}, which is newer", victim.id, newer.map(|(_, task)| task.id))
        })?;
        Ok(())
    }

    /// The choice sees those before as stopped, though they hold what they have until they are.
    fn frees(&mut self, victim: &Task, after: &Task) {
        let class = self.class(victim).filter(|_| !after.is_stopped());
        let (Some(class), Some(instance)) = (class, victim.instance) else { return };
        let freed = self.freed.entry((class, instance)).or_default();
        freed.cpu_units += u64::from(victim.reserved.cpu_units);
        freed.memory_mib += u64::from(victim.reserved.memory_mib);
    }

    /// One number per strategy; the greatest goes first.
    fn ranks(&self, task: &Task) -> Vec<i64> {
        let zones = PlacementStrategy::Spread(SpreadField::Attribute(ZONE.into()));
        let by_default = [zones, PlacementStrategy::Spread(SpreadField::Instance)];
        let chain: &[PlacementStrategy] = match &self.service.placement_strategy[..] {
            [] => &by_default,
            chain => chain,
        };
        let until_random = chain.iter().take_while(|strategy| **strategy != PlacementStrategy::Random);
        until_random.map(|strategy| self.rank(strategy, task)).collect()
    }

    fn rank(&self, strategy: &PlacementStrategy, task: &Task) -> i64 {
        let attribute = |task: &Task, name: &str| {
            let row = self.step.after.instance_of(task);
            row.and_then(|row| row.attributes.get(name)).map(|found| found.value.as_deref().unwrap_or("").to_owned())
        };
        let count = |same: &dyn Fn(&Task) -> bool| self.live.values().filter(|other| same(other)).count() as i64;
        match strategy {
            PlacementStrategy::Spread(SpreadField::Instance) => count(&|other| other.instance == task.instance),
            PlacementStrategy::Spread(SpreadField::Attribute(name)) => {
                let own = attribute(task, name);
                count(&|other| attribute(other, name) == own)
            }
            PlacementStrategy::BinpackCpu => self.left(task).0,
            PlacementStrategy::BinpackMemory => self.left(task).1,
            PlacementStrategy::Random => 0,
        }
    }

    /// CPU and memory that are left on its instance once the task and those chosen before have stopped.
    fn left(&self, task: &Task) -> (i64, i64) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let Some(row) = self.step.after.instance_of(task) else { return (0, 0) };
        let used = self.used.get(&row.id).copied().unwrap_or_default();
        let freed = self.class(task).and_then(|class| self.freed.get(&(class, row.id)).copied());
        let Usage { cpu_units: cpu, memory_mib: memory } = freed.unwrap_or_default();
        (
            i64::from(row.registered.cpu_units) - whole(used.cpu_units)
                + whole(cpu)
                + i64::from(task.reserved.cpu_units),
            i64::from(row.registered.memory_mib) - whole(used.memory_mib)
                + whole(memory)
                + i64::from(task.reserved.memory_mib),
        )
    }
}
