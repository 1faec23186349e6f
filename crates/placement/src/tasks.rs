//! The tasks of a fleet: they have no rows, only what they hold and which group they are of counts.

use crate::groups::TaskCounts;
use crate::mutant;
use crate::view::Changed;
use crate::words::Word;
use crate::{Fleet, GroupIdx, InstanceIdx};
use plimsoll_model::{Reserved, Usage};
use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use std::sync::Arc;

/// Whether a task that is removed counted as live until now, or had been told to stop before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskWasLive {
    Yes,
    No,
}

impl Fleet {
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
        self.read_ahead(once(idx));
        self.groups.add(group, idx);
        for &port in &reserved.ports {
            let free = self.node_mut(idx).ports_held.insert(port);
            assert!(mutant!(PortsAreShared => true, free), "{port:?} on {idx:?} is held twice");
        }
        for gpu in &reserved.gpus {
            let node = self.node_mut(idx);
            assert!(node.gpus_held.insert(Arc::clone(gpu)), "GPU {gpu} on {idx:?} is held twice");
            node.gpus_free.remove(gpu);
        }
        self.hot_mut(idx).take(reserved);
        if !reserved.gpus.is_empty() {
            self.node_mut(idx).count_gpu_task(reserved, |tasks| *tasks += 1);
            self.refresh(idx);
        }
        self.note(idx, Changed::Count { group, live: 1 });
    }

    /// A task was told to stop: it is live no more and holds its resources until it is removed (RES-5).
    pub fn task_stopping(&mut self, idx: InstanceIdx, group: GroupIdx) {
        self.groups.stopping(group, idx);
        self.note(idx, Changed::Count { group, live: -1 });
    }

    /// A task is STOPPED: what it held is free.
    pub fn remove_task(&mut self, idx: InstanceIdx, group: GroupIdx, reserved: &Reserved, was_live: TaskWasLive) {
        self.read_ahead(once(idx));
        let live = u32::from(was_live == TaskWasLive::Yes);
        self.groups.remove(group, idx, TaskCounts { live, held: 1 });
        for port in &reserved.ports {
            let held = self.node_mut(idx).ports_held.remove(port);
            assert!(mutant!(PortsAreShared => true, held), "{port:?} on {idx:?} was not held");
        }
        for gpu in &reserved.gpus {
            let node = self.node_mut(idx);
            assert!(node.gpus_held.remove(gpu), "GPU {gpu} on {idx:?} was not held");
            if node.resources.gpus.contains(gpu) {
                node.gpus_free.insert(Arc::clone(gpu));
            }
        }
        self.hot_mut(idx).give_back(reserved);
        if !reserved.gpus.is_empty() {
            self.node_mut(idx).count_gpu_task(reserved, |tasks| *tasks -= 1);
            self.refresh(idx);
        }
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
        self.hot(idx).usage()
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
}
