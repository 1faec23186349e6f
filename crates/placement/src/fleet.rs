//! The instances of a cluster as the scheduler sees them: ordinals, free capacity, tasks counted by group.
//!
//! Every change costs the size of the change. What placing reads of an instance is one cache line in `hot`; the rest of
//! an instance is in `nodes` under the same ordinal.

use crate::chain::Standing;
use crate::groups::Groups;
use crate::hot::{Hot, Kind, WantedProvider};
use crate::kept::Kept;
use crate::node::{Node, NodeSpec};
use crate::policy::boards::Boards;
use crate::values::Values;
use crate::view::Changed;
use crate::views::Views;
use crate::words::{Word, Words};
use crate::{Expression, GroupIdx};
use plimsoll_model::{CAPACITY_PROVIDER_ATTRIBUTE, InstanceId, Resources};
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
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

/// Name and value of each attribute, in order of the name's ordinal.
type Attributes = Box<[(Word, Word)]>;

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
    pub(crate) boards: Boards,
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
        let hot = self.hot_mut(idx);
        (hot.active, hot.connected, hot.damped) = (spec.active, spec.connected, spec.damped);
        (hot.external, hot.provider) = (spec.attributes.contains_key(EXTERNAL_ATTRIBUTE), provider);
        let node = self.node_mut(idx);
        node.ec2_instance_id = spec.ec2_instance_id;
        node.registered_at = spec.registered_at;
        node.agent_version = spec.agent_version;
        node.resources = spec.resources;
        node.gpus_free = node.resources.gpus.difference(&node.gpus_held).cloned().collect();
        self.refresh(idx);
        self.note(idx, Changed::Spec);
        idx
    }

    fn admit(&mut self, spec: &NodeSpec) -> InstanceIdx {
        let idx = self.vacant.pop().unwrap_or_else(|| {
            let next = InstanceIdx(u32::try_from(self.nodes.len()).expect("fewer than 2^32 instances fit in memory"));
            self.nodes.push(None);
            self.hot.push(Hot::default());
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
            running: 0,
            ports_held: BTreeSet::new(),
            gpus_held: BTreeSet::new(),
            gpus_free: BTreeSet::new(),
            gpu_tasks: BTreeMap::new(),
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
        self.hot[idx.at()] = Hot::default();
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
        if self.boards.spec().is_some() {
            let registered = self.registered(idx);
            self.boards.note(idx, changed, || registered);
        }
    }

    pub(crate) fn hot(&self, idx: InstanceIdx) -> &Hot {
        &self.hot[idx.at()]
    }

    pub(crate) fn hot_mut(&mut self, idx: InstanceIdx) -> &mut Hot {
        &mut self.hot[idx.at()]
    }

    /// Has the memory of instances on its way before it is needed: one after the other, each would be waited for.
    pub(crate) fn read_ahead(&self, instances: impl Iterator<Item = InstanceIdx>) {
        let touched = instances.map(|idx| u32::from(self.hot(idx).active) + self.groups.len(idx) as u32);
        black_box(touched.fold(0, u32::wrapping_add));
    }

    /// As [`Fleet::read_ahead`], and what instances are like.
    pub(crate) fn read_ahead_of_all(&self, instances: &[InstanceIdx]) {
        let attributes = |idx: &InstanceIdx| self.attributes[idx.at()].last().map(|(_, value)| *value);
        black_box(instances.iter().map(attributes).max());
        black_box(instances.iter().map(|&idx| self.label(idx)).max());
        black_box(instances.iter().filter(|idx| self.is_there(**idx)).count());
        self.read_ahead(instances.iter().copied());
    }

    /// Brings what placing reads up to date with the node.
    pub(crate) fn refresh(&mut self, idx: InstanceIdx) {
        let node = self.nodes[idx.at()].as_ref().expect("an ordinal is used only while its instance is in the fleet");
        self.hot[idx.at()].refresh(node);
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
        let is_asked = move |hot: &Hot| hot.active && hot.is(kind);
        self.in_id_order().filter(move |&idx| is_asked(self.hot(idx)))
    }

    /// By what is shown as remaining (PL-4).
    pub(crate) fn standing(&self, idx: InstanceIdx, group: GroupIdx) -> Standing {
        let &Hot { cpu_free, memory_free, .. } = self.hot(idx);
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
        let (resources, usage) = (&self.node(idx).resources, self.usage(idx));
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
}
