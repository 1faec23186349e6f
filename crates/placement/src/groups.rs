//! Task groups as ordinals, with their tasks counted per instance.

use crate::InstanceIdx;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A task group, valid until it is released. Ordinals are reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupIdx(u32);

/// Tasks of one group on one instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TaskCounts {
    /// Desired to run: what spreading and `task:group` see.
    pub live: u32,
    /// Not STOPPED: what distinctInstance sees (PL-9).
    pub held: u32,
}

#[derive(Clone, PartialEq, Debug)]
struct Group {
    name: Arc<str>,
    /// Invariant: only instances with `held > 0`.
    instances: BTreeMap<InstanceIdx, TaskCounts>,
}

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Groups {
    by_name: BTreeMap<Arc<str>, GroupIdx>,
    rows: Vec<Option<Group>>,
    vacant: Vec<GroupIdx>,
}

impl Groups {
    pub fn find(&self, name: &str) -> Option<GroupIdx> {
        self.by_name.get(name).copied()
    }

    pub fn intern(&mut self, name: &str) -> GroupIdx {
        if let Some(known) = self.find(name) {
            return known;
        }
        let name: Arc<str> = name.into();
        let row = Some(Group { name: Arc::clone(&name), instances: BTreeMap::new() });
        let group = match self.vacant.pop() {
            Some(group) => {
                self.rows[group.0 as usize] = row;
                group
            }
            None => {
                let group = GroupIdx(u32::try_from(self.rows.len()).expect("fewer than 2^32 groups fit in memory"));
                self.rows.push(row);
                group
            }
        };
        self.by_name.insert(name, group);
        group
    }

    /// Forgets the name of a group that has no tasks; keeps one that has.
    pub fn release(&mut self, group: GroupIdx) {
        if !self.row(group).instances.is_empty() {
            return;
        }
        if let Some(row) = self.rows[group.0 as usize].take() {
            self.by_name.remove(&row.name);
            self.vacant.push(group);
        }
    }

    pub fn name(&self, group: GroupIdx) -> &str {
        &self.row(group).name
    }

    /// In order of ordinal; every instance that holds a task of the group.
    pub fn instances(&self, group: GroupIdx) -> impl Iterator<Item = (InstanceIdx, TaskCounts)> {
        self.row(group).instances.iter().map(|(&instance, &counts)| (instance, counts))
    }

    pub fn counts(&self, group: GroupIdx, instance: InstanceIdx) -> TaskCounts {
        self.row(group).instances.get(&instance).copied().unwrap_or_default()
    }

    pub fn add(&mut self, group: GroupIdx, instance: InstanceIdx) {
        let counts = self.row_mut(group).instances.entry(instance).or_default();
        counts.live += 1;
        counts.held += 1;
    }

    pub fn stopping(&mut self, group: GroupIdx, instance: InstanceIdx) {
        let counts = self.row_mut(group).instances.get_mut(&instance);
        let counts = counts.expect("a task that stops was added to its group before");
        assert!(counts.live > 0, "no live task of group {group:?} on {instance:?} is left to stop");
        counts.live -= 1;
    }

    /// True when the instance holds no more tasks of the group.
    pub fn remove(&mut self, group: GroupIdx, instance: InstanceIdx, counted: TaskCounts) -> bool {
        let instances = &mut self.row_mut(group).instances;
        let counts = instances.get_mut(&instance).expect("a task that goes was added to its group before");
        assert!(counts.live >= counted.live, "no live task of group {group:?} on {instance:?} is left to remove");
        assert!(counts.held >= counted.held, "no task of group {group:?} on {instance:?} is left to remove");
        counts.live -= counted.live;
        counts.held -= counted.held;
        assert!(counts.live <= counts.held, "group {group:?} on {instance:?} counts a live task that is gone");
        let none_left = counts.held == 0;
        if none_left {
            instances.remove(&instance);
        }
        none_left
    }

    pub fn forget_instance(&mut self, group: GroupIdx, instance: InstanceIdx) {
        self.row_mut(group).instances.remove(&instance);
    }

    fn row(&self, group: GroupIdx) -> &Group {
        self.rows[group.0 as usize].as_ref().expect("a group is used only while it is interned")
    }

    fn row_mut(&mut self, group: GroupIdx) -> &mut Group {
        self.rows[group.0 as usize].as_mut().expect("a group is used only while it is interned")
    }
}
