//! The instances of a cluster as the scheduler sees them: ordinals, free capacity, tasks counted by group.
//!
//! Every change costs the size of the change. What a scan over all instances reads lies side by side in `hot`; the
//! rest of an instance is in `nodes` under the same ordinal. Tasks have no rows here: only what they hold counts.

use crate::chain::Standing;
use crate::groups::{Groups, TaskCounts};
use crate::kept::Kept;
use crate::mutant;
use crate::room::Room;
use crate::values::Values;
use crate::view::Changed;
use crate::views::Views;
use crate::words::{Word, Words};
use crate::{Expression, GroupIdx};
use plimsoll_model::{CAPACITY_PROVIDER_ATTRIBUTE, InstanceId, PortClaim, Reserved, Resources, Timestamp, Usage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An instance, valid until it is removed. Ordinals are reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InstanceIdx(u32);

impl InstanceIdx {
    pub(crate) fn new(ordinal: u32) -> Self {
        InstanceIdx(ordinal)
    }

    pub(crate) fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a fleet is told of an instance. INACTIVE ones are not in a fleet; DRAINING ones are, with `active: false`,
/// because their tasks count for spreading (PL-3).
#[derive(Clone, PartialEq, Debug)]
pub struct NodeSpec {
    pub instance: InstanceId,
    pub ec2_instance_id: Arc<str>,
    pub registered_at: Timestamp,
    pub agent_version: Option<Arc<str>>,
    /// `None` is an attribute with a name only (CQL-6).
    pub attributes: BTreeMap<Arc<str>, Option<Arc<str>>>,
    pub resources: Resources,
    pub active: bool,
    pub connected: bool,
    /// Connected, and trusted with no further task until it has stayed connected for a while (F-16).
    pub damped: bool,
}

/// Whether a task that is removed counted as live until now, or had been told to stop before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskWasLive {
    Yes,
    No,
}

/// What a scan reads of every instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hot {
    pub cpu_free: u32,
    pub memory_free: u32,
    /// What is free and not kept for tasks to come (SVC-45).
    pub cpu_open: u32,
    pub memory_open: u32,
    pub gpus_free: u32,
    pub gpus_open: u32,
    /// False for a vacant ordinal.
    pub active: bool,
    pub connected: bool,
    pub damped: bool,
    pub external: bool,
    /// The capacity provider it belongs to.
    pub provider: Option<Word>,
}

const VACANT: Hot = Hot {
    cpu_free: 0,
    memory_free: 0,
    cpu_open: 0,
    memory_open: 0,
    gpus_free: 0,
    gpus_open: 0,
    active: false,
    connected: false,
    damped: false,
    external: false,
    provider: None,
};

/// Which instances a request is asked of at all: the others are not even refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    external: bool,
    provider: WantedProvider,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WantedProvider {
    Any,
    This(Word),
    /// No instance names it.
    Unknown,
}

impl Hot {
    /// What a request may count on.
    pub fn room(self, takes_kept_room: bool) -> Room {
        if takes_kept_room {
            Room { cpu: self.cpu_free, memory: self.memory_free, gpus: self.gpus_free }
        } else {
            Room { cpu: self.cpu_open, memory: self.memory_open, gpus: self.gpus_open }
        }
    }

    /// Whether the instance is there for further tasks at all.
    pub fn is_reachable(self) -> bool {
        self.connected && !self.damped
    }

    pub fn is(self, kind: Kind) -> bool {
        let of_provider = match kind.provider {
            WantedProvider::Any => true,
            WantedProvider::This(name) => self.provider == Some(name),
            WantedProvider::Unknown => false,
        };
        self.external == kind.external && of_provider
    }
}

/// Name and value of each attribute, in order of the name's ordinal.
type Attributes = Box<[(Word, Word)]>;

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub instance: InstanceId,
    pub ec2_instance_id: Arc<str>,
    pub registered_at: Timestamp,
    pub agent_version: Option<Arc<str>>,
    pub resources: Resources,
    pub usage: Usage,
    /// Tasks whose lastStatus is RUNNING (CQL-11).
    pub running: u32,
    pub ports_held: BTreeSet<PortClaim>,
    pub gpus_held: BTreeSet<Arc<str>>,
    pub gpus_free: BTreeSet<Arc<str>>,
    pub kept: Kept,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fleet {
    pub(crate) by_id: BTreeMap<InstanceId, InstanceIdx>,
    hot: Vec<Hot>,
    attributes: Vec<Attributes>,
    nodes: Vec<Option<Node>>,
    vacant: Vec<InstanceIdx>,
    pub(crate) groups: Groups,
    words: Words,
    pub(crate) values: Values,
    /// By ordinal: a number that is in order of the ids.
    pub(crate) labels: Vec<u32>,
    active: u32,
    pub(crate) views: Views,
}

/// The attribute that makes an instance one for launch type EXTERNAL and no other (PL-1).
const EXTERNAL_ATTRIBUTE: &str = "ecs.capability.external";

impl Fleet {
    pub fn new() -> Self {
        Fleet::default()
    }

    /// Adds an instance, or brings a known one up to date and keeps its tasks.
    pub fn put(&mut self, spec: NodeSpec) -> InstanceIdx {
        let idx = self.idx(spec.instance).unwrap_or_else(|| self.admit(&spec));
        self.active -= u32::from(self.hot(idx).active);
        self.active += u32::from(spec.active);
        self.set_attributes(idx, &spec.attributes);
        let provider = self.word(CAPACITY_PROVIDER_ATTRIBUTE).and_then(|name| self.attribute(idx, name));
        self.hot[idx.at()] = Hot {
            active: spec.active,
            connected: spec.connected,
            damped: spec.damped,
            external: spec.attributes.contains_key(EXTERNAL_ATTRIBUTE),
            provider,
            ..VACANT
        };
        let node = self.node_mut(idx);
        node.ec2_instance_id = spec.ec2_instance_id;
        node.registered_at = spec.registered_at;
        node.agent_version = spec.agent_version;
        node.resources = spec.resources;
        node.gpus_free = node.resources.gpus.difference(&node.gpus_held).cloned().collect();
        self.refresh_free(idx);
        self.note(idx, Changed::Spec);
        idx
    }

    fn admit(&mut self, spec: &NodeSpec) -> InstanceIdx {
        let idx = self.vacant.pop().unwrap_or_else(|| {
            let next = InstanceIdx(u32::try_from(self.nodes.len()).expect("fewer than 2^32 instances fit in memory"));
            self.nodes.push(None);
            self.hot.push(VACANT);
            self.attributes.push(Attributes::default());
            self.labels.push(0);
            next
        });
        self.labels[idx.at()] = self.label_for(spec.instance);
        self.by_id.insert(spec.instance, idx);
        self.nodes[idx.at()] = Some(Node {
            instance: spec.instance,
            ec2_instance_id: Arc::clone(&spec.ec2_instance_id),
            registered_at: spec.registered_at,
            agent_version: None,
            resources: Resources::default(),
            usage: Usage::default(),
            running: 0,
            ports_held: BTreeSet::new(),
            gpus_held: BTreeSet::new(),
            gpus_free: BTreeSet::new(),
            kept: Kept::default(),
        });
        idx
    }

    /// Forgets an instance and whatever its tasks hold; its ordinal may then mean another one.
    pub fn remove(&mut self, instance: InstanceId) {
        let Some(idx) = self.by_id.remove(&instance) else { return };
        self.nodes[idx.at()] = None;
        self.groups.forget_instance(idx);
        self.active -= u32::from(self.hot(idx).active);
        self.hot[idx.at()] = VACANT;
        self.set_attributes(idx, &BTreeMap::new());
        self.vacant.push(idx);
        self.note(idx, Changed::Gone);
    }

    pub fn idx(&self, instance: InstanceId) -> Option<InstanceIdx> {
        self.by_id.get(&instance).copied()
    }

    pub fn instance(&self, idx: InstanceIdx) -> InstanceId {
        self.node(idx).instance
    }

    /// The ordinal of a group's name, for as long as it is not released.
    pub fn group(&mut self, name: &str) -> GroupIdx {
        self.groups.intern(name)
    }

    pub fn find_group(&self, name: &str) -> Option<GroupIdx> {
        self.groups.find(name)
    }

    /// Lets go of a group's name when it has no tasks, so that names used once do not add up. The ordinal must not be
    /// used afterwards; with tasks left, nothing happens.
    pub fn release_group(&mut self, group: GroupIdx) {
        self.groups.release(group);
    }

    /// A task was placed: it is live and holds its resources.
    pub fn add_task(&mut self, idx: InstanceIdx, group: GroupIdx, reserved: &Reserved) {
        self.groups.add(group, idx);
        let node = self.node_mut(idx);
        node.usage.cpu_units += u64::from(reserved.cpu_units);
        node.usage.memory_mib += u64::from(reserved.memory_mib);
        for &port in &reserved.ports {
            let free = node.ports_held.insert(port);
            assert!(mutant!(PortsAreShared => true, free), "{port:?} on {idx:?} is held twice");
        }
        for gpu in &reserved.gpus {
            assert!(node.gpus_held.insert(Arc::clone(gpu)), "GPU {gpu} on {idx:?} is held twice");
            node.gpus_free.remove(gpu);
        }
        self.refresh_free(idx);
        self.note(idx, Changed::Count { group, live: 1 });
    }

    /// A task was told to stop: it is live no more and holds its resources until it is removed (RES-5).
    pub fn task_stopping(&mut self, idx: InstanceIdx, group: GroupIdx) {
        self.groups.stopping(group, idx);
        self.note(idx, Changed::Count { group, live: -1 });
    }

    /// A task is STOPPED: what it held is free.
    pub fn remove_task(&mut self, idx: InstanceIdx, group: GroupIdx, reserved: &Reserved, was_live: TaskWasLive) {
        let live = u32::from(was_live == TaskWasLive::Yes);
        self.groups.remove(group, idx, TaskCounts { live, held: 1 });
        let node = self.node_mut(idx);
        node.usage.cpu_units -= u64::from(reserved.cpu_units);
        node.usage.memory_mib -= u64::from(reserved.memory_mib);
        for port in &reserved.ports {
            let held = node.ports_held.remove(port);
            assert!(mutant!(PortsAreShared => true, held), "{port:?} on {idx:?} was not held");
        }
        for gpu in &reserved.gpus {
            assert!(node.gpus_held.remove(gpu), "GPU {gpu} on {idx:?} was not held");
            if node.resources.gpus.contains(gpu) {
                node.gpus_free.insert(Arc::clone(gpu));
            }
        }
        self.refresh_free(idx);
        self.note(idx, Changed::Count { group, live: if live > 0 { -1 } else { 0 } });
    }

    /// The instance's runningTasksCount (CQL-11).
    pub fn set_running(&mut self, idx: InstanceIdx, running: u32) {
        let before = std::mem::replace(&mut self.node_mut(idx).running, running);
        if before != running {
            self.note(idx, Changed::Tasks);
        }
    }

    pub fn usage(&self, idx: InstanceIdx) -> Usage {
        self.node(idx).usage
    }

    pub fn free_gpus(&self, idx: InstanceIdx) -> &BTreeSet<Arc<str>> {
        &self.node(idx).gpus_free
    }

    /// Live tasks of a group on an instance.
    pub fn live_tasks(&self, idx: InstanceIdx, group: GroupIdx) -> u32 {
        self.groups.counts(group, idx).live
    }

    /// Live tasks of a group by the value of an attribute of their instances; without it, by the empty text.
    pub fn live_tasks_by(&self, group: GroupIdx, attribute: &str) -> BTreeMap<&str, u32> {
        let name = self.word(attribute);
        let mut counts = BTreeMap::new();
        for (idx, tasks) in self.groups.instances(group).filter(|(_, tasks)| tasks.live > 0) {
            let value = name.and_then(|name| self.attribute(idx, name)).map_or("", |value| self.text(value));
            *counts.entry(value).or_default() += tasks.live;
        }
        counts
    }

    /// Live tasks of a group by the value of an attribute.
    pub(crate) fn live_tasks_by_value(&self, group: GroupIdx, attribute: &str) -> BTreeMap<Option<Word>, u32> {
        let name = self.word(attribute);
        let mut counts = BTreeMap::new();
        for (idx, tasks) in self.groups.instances(group).filter(|(_, tasks)| tasks.live > 0) {
            *counts.entry(name.and_then(|name| self.attribute(idx, name))).or_default() += tasks.live;
        }
        counts
    }

    /// The groups with a task on an instance that is not STOPPED.
    pub fn groups_on(&self, idx: InstanceIdx) -> impl Iterator<Item = &str> {
        self.groups.on(idx).map(|(group, _)| self.groups.name(group))
    }

    /// Whether any instance of the kind a launch type or capacity provider stands for is ACTIVE (RUN-7), connected or
    /// not.
    pub fn has_active_of_kind(&self, external: bool, capacity_provider: Option<&str>) -> bool {
        self.active > 0 && self.active_of_kind(self.kind(external, capacity_provider)).next().is_some()
    }

    /// As the filter of ListContainerInstances sees the instance.
    pub fn matches(&self, idx: InstanceIdx, expression: &Expression) -> bool {
        expression.holds(&self.facts(idx, None))
    }

    pub(crate) fn node(&self, idx: InstanceIdx) -> &Node {
        self.nodes[idx.at()].as_ref().expect("an ordinal is used only while its instance is in the fleet")
    }

    /// Whether the ordinal stands for an instance.
    pub(crate) fn is_there(&self, idx: InstanceIdx) -> bool {
        self.nodes[idx.at()].is_some()
    }

    /// Ordinals there are, vacant ones included.
    pub(crate) fn ordinals(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn note(&mut self, idx: InstanceIdx, changed: Changed) {
        self.views.note(idx, changed, self.nodes.len());
    }

    pub(crate) fn hot(&self, idx: InstanceIdx) -> Hot {
        self.hot[idx.at()]
    }

    /// In order of id, which is the order of ARNs within a cluster (PL-8).
    pub(crate) fn in_id_order(&self) -> impl Iterator<Item = InstanceIdx> {
        self.by_id.values().copied()
    }

    pub(crate) fn kind(&self, external: bool, capacity_provider: Option<&str>) -> Kind {
        let provider = match capacity_provider {
            None => WantedProvider::Any,
            Some(name) => self.word(name).map_or(WantedProvider::Unknown, WantedProvider::This),
        };
        Kind { external, provider }
    }

    /// ACTIVE instances of the kind a request needs, in order of id.
    pub(crate) fn active_of_kind(&self, kind: Kind) -> impl Iterator<Item = InstanceIdx> {
        let is_asked = move |hot: Hot| hot.active && hot.is(kind);
        self.in_id_order().filter(move |&idx| is_asked(self.hot(idx)))
    }

    /// By what is shown as remaining (PL-4).
    pub(crate) fn standing(&self, idx: InstanceIdx, group: GroupIdx) -> Standing {
        let Hot { cpu_free, memory_free, .. } = self.hot(idx);
        Standing {
            cpu_free: i64::from(cpu_free),
            memory_free: i64::from(memory_free),
            tasks: i64::from(self.live_tasks(idx, group)),
            ..Standing::default()
        }
    }

    /// By what is left, below zero where a registration shrank the instance under its tasks: a stop there may free
    /// nothing.
    pub(crate) fn standing_in_full(&self, idx: InstanceIdx, group: GroupIdx) -> Standing {
        let Node { resources, usage, .. } = self.node(idx);
        let left = |capacity: u32, used: u64| i64::from(capacity) - i64::try_from(used).unwrap_or(i64::MAX);
        Standing {
            cpu_free: left(resources.cpu_units, usage.cpu_units),
            memory_free: left(resources.memory_mib, usage.memory_mib),
            ..self.standing(idx, group)
        }
    }

    /// An attribute's name, if any instance has it.
    pub(crate) fn word(&self, text: &str) -> Option<Word> {
        self.words.find(text)
    }

    pub(crate) fn text(&self, word: Word) -> &str {
        self.words.text(word)
    }

    /// The value; that of a name without one is the empty text (CQL-6).
    pub(crate) fn attribute(&self, idx: InstanceIdx, name: Word) -> Option<Word> {
        let attributes = &self.attributes[idx.at()];
        attributes.binary_search_by_key(&name, |&(name, _)| name).ok().map(|at| attributes[at].1)
    }

    /// Domains that an attribute divides the instances into, that of those without it included.
    pub(crate) fn domains(&self, attribute: &str) -> usize {
        self.word(attribute).map_or(0, |name| self.values.count(name)) + 1
    }

    fn set_attributes(&mut self, idx: InstanceIdx, attributes: &BTreeMap<Arc<str>, Option<Arc<str>>>) {
        let no_value: Arc<str> = "".into();
        let words = &mut self.words;
        let acquired = attributes
            .iter()
            .map(|(name, value)| (words.acquire(name), words.acquire(value.as_ref().unwrap_or(&no_value))));
        let mut acquired: Vec<(Word, Word)> = acquired.collect();
        acquired.sort();
        acquired.iter().for_each(|&(name, value)| self.values.add(name, value));
        let before = std::mem::replace(&mut self.attributes[idx.at()], acquired.into());
        for (name, value) in before {
            self.values.remove(name, value);
            self.words.release(name);
            self.words.release(value);
        }
    }

    pub(crate) fn node_mut(&mut self, idx: InstanceIdx) -> &mut Node {
        self.nodes[idx.at()].as_mut().expect("an ordinal is used only while its instance is in the fleet")
    }

    /// A registration may shrink an instance below what its tasks hold: nothing is free then, and no less (RES-8).
    pub(crate) fn refresh_free(&mut self, idx: InstanceIdx) {
        let node = self.node(idx);
        let free = |capacity: u32, used: u64| u32::try_from(u64::from(capacity).saturating_sub(used)).unwrap_or(0);
        let cpu_free = free(node.resources.cpu_units, node.usage.cpu_units);
        let memory_free = free(node.resources.memory_mib, node.usage.memory_mib);
        let gpus_free = u32::try_from(node.gpus_free.len()).unwrap_or(u32::MAX);
        let (cpu_open, memory_open) =
            (cpu_free.saturating_sub(node.kept.cpu_units), memory_free.saturating_sub(node.kept.memory_mib));
        let gpus_open = gpus_free.saturating_sub(node.kept.gpus);
        let hot = self.hot(idx);
        self.hot[idx.at()] = Hot { cpu_free, memory_free, gpus_free, cpu_open, memory_open, gpus_open, ..hot };
    }
}
