//! The placement rules once more, defined as naively as the specification states them: rows, and a scan of all of them
//! for every question. Slow, and shares with the fleet only the query language.

use crate::query::Facts;
use crate::request::Rejection;
use crate::{Demand, Expression, NodeSpec, Reason};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, Reserved, SpreadField, TaskId, Timestamp};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Task {
    pub id: TaskId,
    pub instance: InstanceId,
    pub group: &'static str,
    pub reserved: Reserved,
    pub live: bool,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, Default)]
pub struct World {
    pub instances: BTreeMap<InstanceId, (NodeSpec, u32)>,
    pub tasks: Vec<Task>,
    /// What is kept where, and for whom.
    pub kept: Vec<(InstanceId, &'static str, Demand)>,
}

/// As [`crate::Request`], owning what it names.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub demand: Demand,
    pub required_attributes: Vec<Arc<str>>,
    pub member_of: Vec<Arc<Expression>>,
    pub distinct_instance: bool,
    pub group: &'static str,
    pub strategies: Vec<PlacementStrategy>,
    pub external: bool,
    pub takes_kept_room: bool,
    pub capacity_provider: Option<&'static str>,
}

impl World {
    fn on(&self, instance: InstanceId) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(move |task| task.instance == instance)
    }

    fn spec(&self, instance: InstanceId) -> &NodeSpec {
        &self.instances[&instance].0
    }

    fn attribute(&self, instance: InstanceId, name: &str) -> Option<&str> {
        self.spec(instance).attributes.get(name).map(|value| value.as_deref().unwrap_or(""))
    }

    /// Below zero when a registration shrank the instance under its tasks.
    fn cpu_left(&self, instance: InstanceId) -> i64 {
        let used: u32 = self.on(instance).map(|task| task.reserved.cpu_units).sum();
        i64::from(self.spec(instance).resources.cpu_units) - i64::from(used)
    }

    fn memory_left(&self, instance: InstanceId) -> i64 {
        let used: u32 = self.on(instance).map(|task| task.reserved.memory_mib).sum();
        i64::from(self.spec(instance).resources.memory_mib) - i64::from(used)
    }

    fn ports_used(&self, instance: InstanceId) -> Vec<PortClaim> {
        let held = self.on(instance).flat_map(|task| task.reserved.ports.iter().copied());
        self.spec(instance).resources.reserved_ports.iter().copied().chain(held).collect()
    }

    pub fn gpus_free(&self, instance: InstanceId) -> Vec<Arc<str>> {
        let held: Vec<_> = self.on(instance).flat_map(|task| task.reserved.gpus.clone()).collect();
        self.spec(instance).resources.gpus.iter().filter(|gpu| !held.contains(gpu)).cloned().collect()
    }

    fn live(&self, group: &str, matches: impl Fn(InstanceId) -> bool) -> i64 {
        self.tasks.iter().filter(|task| task.live && task.group == group && matches(task.instance)).count() as i64
    }

    fn live_in_domain(&self, group: &str, attribute: &str, of: InstanceId) -> i64 {
        self.live(group, |other| self.attribute(other, attribute) == self.attribute(of, attribute))
    }

    /// What is kept on an instance, for a task it is not kept for.
    fn kept(&self, instance: InstanceId, wanted: &Wanted) -> impl Iterator<Item = &Demand> {
        let counts = !wanted.takes_kept_room;
        self.kept.iter().filter(move |(at, ..)| counts && *at == instance).map(|(.., room)| room)
    }

    pub fn refusal(&self, instance: InstanceId, wanted: &Wanted) -> Option<Reason> {
        let demand = &wanted.demand;
        let kept = || self.kept(instance, wanted);
        let cpu_kept: i64 = kept().map(|room| i64::from(room.cpu_units)).sum();
        let memory_kept: i64 = kept().map(|room| i64::from(room.memory_mib)).sum();
        let gpus_kept: u32 = kept().map(|room| room.gpus).sum();
        let port_kept = |port: &PortClaim| kept().any(|room| room.ports.contains(port));
        let spec = self.spec(instance);
        if !spec.connected || spec.damped {
            Some(Reason::Agent)
        } else if wanted.required_attributes.iter().any(|name| self.attribute(instance, name).is_none()) {
            Some(Reason::Attribute)
        } else if i64::from(demand.cpu_units) > (self.cpu_left(instance) - cpu_kept).max(0) {
            Some(Reason::Cpu)
        } else if i64::from(demand.memory_mib) > (self.memory_left(instance) - memory_kept).max(0) {
            Some(Reason::Memory)
        } else if demand.ports.iter().any(|port| self.ports_used(instance).contains(port) || port_kept(port)) {
            Some(Reason::Ports)
        } else if demand.gpus > 0 && (demand.gpus + gpus_kept) as usize > self.gpus_free(instance).len() {
            Some(Reason::Gpu)
        } else if !wanted.member_of.iter().all(|one| one.holds(&Seen { world: self, instance })) {
            Some(Reason::MemberOf)
        } else if wanted.distinct_instance && self.on(instance).any(|task| task.group == wanted.group) {
            Some(Reason::DistinctInstance)
        } else {
            None
        }
    }

    /// ACTIVE ones of the needed kind.
    pub fn asked(&self, wanted: &Wanted) -> Vec<InstanceId> {
        let asked = |id: &InstanceId| self.spec(*id).active && self.is_of_kind(*id, wanted);
        self.instances.keys().copied().filter(asked).collect()
    }

    pub fn is_of_kind(&self, id: InstanceId, wanted: &Wanted) -> bool {
        let external = self.attribute(id, "ecs.capability.external").is_some();
        let provider = self.attribute(id, "plimsoll.capacity-provider");
        external == wanted.external && wanted.capacity_provider.is_none_or(|name| provider == Some(name))
    }

    pub fn explain(&self, wanted: &Wanted) -> Vec<(InstanceId, Reason)> {
        self.asked(wanted).into_iter().filter_map(|id| Some((id, self.refusal(id, wanted)?))).collect()
    }

    pub fn rejection(&self, wanted: &Wanted) -> Rejection {
        let reasons = self.explain(wanted);
        let mut counts = BTreeMap::new();
        reasons.iter().for_each(|(_, reason)| *counts.entry(*reason).or_insert(0) += 1);
        let closest = reasons.iter().copied().max_by_key(|(id, reason)| (*reason, Reverse(*id)));
        Rejection { counts, closest, instances: reasons.len() as u32 }
    }

    /// The instances left when the whole chain has filtered, in order of id (PL-2..4, PL-6, PL-7).
    pub fn best(&self, wanted: &Wanted) -> Vec<InstanceId> {
        let mut left: Vec<InstanceId> =
            self.asked(wanted).into_iter().filter(|id| self.refusal(*id, wanted).is_none()).collect();
        for strategy in with_default(&wanted.strategies) {
            let rank = |id: InstanceId| match &strategy {
                PlacementStrategy::Random => 0,
                PlacementStrategy::Spread(SpreadField::Instance) => self.live(wanted.group, |other| other == id),
                PlacementStrategy::Spread(SpreadField::Attribute(name)) => self.live_in_domain(wanted.group, name, id),
                PlacementStrategy::BinpackCpu => self.cpu_left(id).max(0),
                PlacementStrategy::BinpackMemory => self.memory_left(id).max(0),
            };
            let least = left.iter().map(|&id| rank(id)).min();
            left.retain(|&id| Some(rank(id)) == least);
            if strategy == PlacementStrategy::Random {
                break;
            }
        }
        left
    }

    /// Of the best, the first, or one drawn if the chain ends in `random` (PL-2, PL-8).
    pub fn pick(best: &[InstanceId], wanted: &Wanted, rng: &mut ChaCha8Rng) -> Option<InstanceId> {
        if best.is_empty() || !wanted.strategies.contains(&PlacementStrategy::Random) {
            return best.first().copied();
        }
        Some(best[rng.random_range(0..best.len() as u64) as usize])
    }

    /// The tasks among which the next victim is; the first of them unless the chain ends in `random` (TERM-3, TERM-4).
    pub fn victims(&self, group: &str, strategies: &[PlacementStrategy], candidates: &[TaskId]) -> Vec<TaskId> {
        let mut left: Vec<&Task> = self.tasks.iter().filter(|task| candidates.contains(&task.id)).collect();
        for strategy in with_default(strategies) {
            let rank = |task: &Task| match &strategy {
                PlacementStrategy::Random => 0,
                PlacementStrategy::Spread(SpreadField::Instance) => self.live(group, |other| other == task.instance),
                PlacementStrategy::Spread(SpreadField::Attribute(name)) => {
                    self.live_in_domain(group, name, task.instance)
                }
                PlacementStrategy::BinpackCpu => self.cpu_left(task.instance) + i64::from(task.reserved.cpu_units),
                PlacementStrategy::BinpackMemory => {
                    self.memory_left(task.instance) + i64::from(task.reserved.memory_mib)
                }
            };
            let most = left.iter().map(|task| rank(task)).max();
            left.retain(|task| Some(rank(task)) == most);
            if strategy == PlacementStrategy::Random {
                break;
            }
        }
        left.sort_by_key(|task| (Reverse(task.created_at), task.instance, task.id));
        left.into_iter().map(|task| task.id).collect()
    }
}

fn with_default(strategies: &[PlacementStrategy]) -> Vec<PlacementStrategy> {
    let zone = SpreadField::Attribute("ecs.availability-zone".into());
    match strategies {
        [] => vec![PlacementStrategy::Spread(zone), PlacementStrategy::Spread(SpreadField::Instance)],
        given => given.to_vec(),
    }
}

struct Seen<'a> {
    world: &'a World,
    instance: InstanceId,
}

impl Facts for Seen<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.world.attribute(self.instance, name)
    }
    fn agent_connected(&self) -> bool {
        self.world.spec(self.instance).connected
    }
    fn agent_version(&self) -> Option<&str> {
        self.world.spec(self.instance).agent_version.as_deref()
    }
    fn ec2_instance_id(&self) -> &str {
        &self.world.spec(self.instance).ec2_instance_id
    }
    fn registered_at(&self) -> Timestamp {
        self.world.spec(self.instance).registered_at
    }
    fn running_tasks(&self) -> u32 {
        self.world.instances[&self.instance].1
    }
    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.world.on(self.instance).any(|task| task.live && test(task.group))
    }
}
