//! What follows from the rows and is kept beside them, so that a reconcile pass costs what changed and not what
//! exists: the placement fleet, the tasks of each deployment by how far they are, the definitions in use.

use super::daemons::Daemons;
use super::definitions::Definitions;
use super::recorded::Recorded;
use super::timers::{Timer, Timers};
use plimsoll_model::{DeploymentId, HealthStatus, InstanceId, ServiceName, Task, TaskDefinitionId, TaskId};
use plimsoll_model::{TaskStatus, Timestamp, Usage};
use plimsoll_placement::mutant;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Derived {
    pub fleet: Recorded,
    pub services: BTreeMap<ServiceName, ServiceIndex>,
    pub definitions: Definitions,
    pub daemons: Daemons,
    /// Instances that are not INACTIVE, hence in the fleet.
    pub instances: BTreeSet<InstanceId>,
    pub zones: Zones,
}

/// The zones in which something could be placed: those of ACTIVE, connected instances.
#[derive(Debug, Default)]
pub(super) struct Zones {
    of_instance: BTreeMap<InstanceId, Arc<str>>,
    instances: BTreeMap<Arc<str>, u32>,
}

impl Zones {
    /// True when the instance opens a zone that was not there before.
    pub fn put(&mut self, instance: InstanceId, zone: Option<Arc<str>>) -> bool {
        if self.of_instance.get(&instance) == zone.as_ref() {
            return false;
        }
        if let Some(before) = self.of_instance.remove(&instance) {
            let count = self.instances.get_mut(&before).expect("a zone is there while an instance is in it");
            *count -= 1;
            if *count == 0 {
                self.instances.remove(&before);
            }
        }
        let Some(zone) = zone else { return false };
        self.of_instance.insert(instance, Arc::clone(&zone));
        let count = self.instances.entry(zone).or_default();
        *count += 1;
        *count == 1
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.instances.keys()
    }
}

/// The live tasks of a service.
#[derive(Debug, Default)]
pub(super) struct ServiceIndex {
    pub deployments: BTreeMap<DeploymentId, DeploymentIndex>,
    slots: BTreeMap<TaskId, Slot>,
    /// Invariant: the live tasks that are protected.
    protected: BTreeSet<TaskId>,
}

#[derive(Debug, Default)]
pub(super) struct DeploymentIndex {
    /// On instances that stay.
    pub staying: Classes,
    /// On DRAINING instances: to be replaced like tasks of an old deployment (DEP-31).
    pub draining: Classes,
    /// Those on instances that stay, by the capacity provider that has them and by class.
    pub by_provider: BTreeMap<Arc<str>, [u32; CLASSES]>,
}

/// How far a live task is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Class {
    Pending,
    /// RUNNING; not known to be healthy yet.
    Waiting,
    /// UNHEALTHY inside its grace period (SVC-26).
    Grace,
    Unhealthy,
    Healthy,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub deployment: DeploymentId,
    pub draining: bool,
    pub class: Class,
}

/// Number of the variants of [`Class`].
const CLASSES: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Classes {
    sets: [BTreeSet<TaskId>; CLASSES],
}

impl Classes {
    pub fn of(&self, class: Class) -> &BTreeSet<TaskId> {
        &self.sets[class as usize]
    }

    pub fn count(&self, class: Class) -> u32 {
        u32::try_from(self.of(class).len()).expect("tasks of a service fit in 32 bits")
    }

    pub fn live(&self) -> u32 {
        u32::try_from(self.sets.iter().map(BTreeSet::len).sum::<usize>()).expect("tasks of a service fit in 32 bits")
    }
}

impl ServiceIndex {
    /// Puts a live task where it belongs, or takes it out; true when that moved it. Its provider never changes.
    pub fn place(&mut self, task: TaskId, provider: Option<&Arc<str>>, slot: Option<Slot>) -> bool {
        let before = match slot {
            Some(slot) => self.slots.insert(task, slot),
            None => self.slots.remove(&task),
        };
        if before == slot {
            return false;
        }
        if let Some(before) = before {
            self.set(before).remove(&task);
            self.count(before, provider, |count| *count -= 1);
            self.drop_if_empty(before.deployment);
        }
        if let Some(slot) = slot {
            self.set(slot).insert(task);
            self.count(slot, provider, |count| *count += 1);
        }
        true
    }

    pub fn is_empty(&self) -> bool {
        self.deployments.is_empty()
    }

    /// Live tasks that the scheduler must not choose to stop (PROT-4).
    pub fn protected(&self) -> &BTreeSet<TaskId> {
        &self.protected
    }

    /// True when that is news.
    pub fn protect(&mut self, task: TaskId, is_protected: bool) -> bool {
        if is_protected { self.protected.insert(task) } else { self.protected.remove(&task) }
    }

    fn set(&mut self, slot: Slot) -> &mut BTreeSet<TaskId> {
        let deployment = self.deployments.entry(slot.deployment).or_default();
        let classes = if slot.draining { &mut deployment.draining } else { &mut deployment.staying };
        &mut classes.sets[slot.class as usize]
    }

    fn count(&mut self, slot: Slot, provider: Option<&Arc<str>>, change: impl FnOnce(&mut u32)) {
        let Some(provider) = provider.filter(|_| !slot.draining) else { return };
        let Some(deployment) = self.deployments.get_mut(&slot.deployment) else { return };
        let counts = deployment.by_provider.entry(Arc::clone(provider)).or_default();
        change(&mut counts[slot.class as usize]);
        if counts.iter().all(|count| *count == 0) {
            deployment.by_provider.remove(provider);
        }
    }

    fn drop_if_empty(&mut self, deployment: DeploymentId) {
        let index = &self.deployments[&deployment];
        if index.staying.live() == 0 && index.draining.live() == 0 {
            self.deployments.remove(&deployment);
        }
    }
}

/// What decides when a RUNNING task counts as healthy.
#[derive(Clone, Copy, Debug)]
pub(super) struct HealthRules {
    pub checks_health: bool,
    pub healthy_ms: u64,
    pub grace_ms: u64,
}

/// The class of a live task (DEP-11, SVC-26), and when time alone will change it.
pub(super) fn classify(task: &Task, rules: HealthRules, now: Timestamp) -> (Class, Option<Timestamp>) {
    if task.last_status < TaskStatus::Running {
        return (Class::Pending, None);
    }
    let started_at = task.started_at.unwrap_or(task.created_at);
    if !rules.checks_health {
        let healthy_at = started_at.plus_millis(mutant!(HealthyTooSoon => 0, rules.healthy_ms));
        return if now >= healthy_at { (Class::Healthy, None) } else { (Class::Waiting, Some(healthy_at)) };
    }
    match task.health {
        HealthStatus::Healthy => (Class::Healthy, None),
        HealthStatus::Unknown => (Class::Waiting, None),
        HealthStatus::Unhealthy => {
            let grace_ends = started_at.plus_millis(rules.grace_ms);
            if now >= grace_ends { (Class::Unhealthy, None) } else { (Class::Grace, Some(grace_ends)) }
        }
    }
}

/// [`Derived`] without what depends on the time it is looked at: equal for a core that lived through its inputs and
/// one loaded from the rows they led to.
#[derive(Clone, PartialEq, Debug)]
pub struct DerivedView {
    pub deployments: BTreeMap<(ServiceName, DeploymentId), DeploymentView>,
    /// What the fleet believes is used of each instance that is not INACTIVE.
    pub usage: BTreeMap<InstanceId, Usage>,
    /// How many rows name each definition.
    pub definitions: BTreeMap<TaskDefinitionId, u64>,
    /// What will be forgotten, and when.
    pub retention: BTreeMap<String, Timestamp>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct DeploymentView {
    pub pending: BTreeSet<TaskId>,
    pub running: BTreeSet<TaskId>,
    pub draining: BTreeSet<TaskId>,
    pub by_provider: BTreeMap<Arc<str>, u32>,
}

impl Derived {
    pub fn new() -> Self {
        Derived {
            fleet: Recorded::default(),
            services: BTreeMap::new(),
            definitions: Definitions::default(),
            daemons: Daemons::default(),
            instances: BTreeSet::new(),
            zones: Zones::default(),
        }
    }

    pub fn deployment(&self, service: &ServiceName, deployment: DeploymentId) -> Option<&DeploymentIndex> {
        self.services.get(service)?.deployments.get(&deployment)
    }

    pub fn view(&self, timers: &Timers) -> DerivedView {
        let indexes = self.services.iter().flat_map(|(name, service)| {
            service.deployments.iter().map(move |(id, index)| ((name.clone(), *id), index.view()))
        });
        let usage = self.instances.iter().filter_map(|id| Some((*id, self.fleet.usage(self.fleet.idx(*id)?))));
        let retention = timers.deadlines().filter(|(timer, _)| Timer::follows_from_a_row(timer));
        DerivedView {
            deployments: indexes.collect(),
            usage: usage.collect(),
            definitions: self.definitions.references(),
            retention: retention.map(|(timer, at)| (format!("{timer:?}"), at)).collect(),
        }
    }
}

impl DeploymentIndex {
    /// On instances that stay, without the unhealthy: what counts towards a provider's share.
    pub fn share_of(&self, provider: &str) -> u32 {
        let Some(counts) = self.by_provider.get(provider) else { return 0 };
        counts.iter().sum::<u32>() - counts[Class::Unhealthy as usize]
    }

    fn view(&self) -> DeploymentView {
        let both = || [&self.staying, &self.draining].into_iter();
        let running = [Class::Waiting, Class::Grace, Class::Unhealthy, Class::Healthy];
        DeploymentView {
            pending: both().flat_map(|classes| classes.of(Class::Pending)).copied().collect(),
            running: both().flat_map(|c| running.iter().flat_map(|class| c.of(*class))).copied().collect(),
            draining: self.draining.sets.iter().flatten().copied().collect(),
            by_provider: self.by_provider.iter().map(|(name, counts)| (name.clone(), counts.iter().sum())).collect(),
        }
    }
}
