//! Task groups as ordinals, with their tasks counted per instance.
//!
//! A count is a row of its instance, which has few groups; the group knows the instances that have a row for it. Both
//! are found without a search over all instances or all groups.

use crate::InstanceIdx;
use smallvec::SmallVec;
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
    /// In no order. Invariant: the instances with a row for the group, each once.
    instances: Vec<InstanceIdx>,
}

/// Invariant: `counts.held > 0`.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Row {
    group: GroupIdx,
    counts: TaskCounts,
    /// Where the instance stands among those of the group.
    position: u32,
}

/// Of an instance, in a cache line of their own; those of more than three groups are elsewhere in memory.
#[repr(align(64))]
#[derive(Clone, PartialEq, Debug, Default)]
struct Rows(SmallVec<[Row; 3]>);

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Groups {
    by_name: BTreeMap<Arc<str>, GroupIdx>,
    groups: Vec<Option<Group>>,
    vacant: Vec<GroupIdx>,
    /// By ordinal of the instance; in order of the group.
    on: Vec<Rows>,
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
        let group = Some(Group { name: Arc::clone(&name), instances: Vec::new() });
        let idx = match self.vacant.pop() {
            Some(idx) => {
                self.groups[idx.0 as usize] = group;
                idx
            }
            None => {
                let idx = GroupIdx(u32::try_from(self.groups.len()).expect("fewer than 2^32 groups fit in memory"));
                self.groups.push(group);
                idx
            }
        };
        self.by_name.insert(name, idx);
        idx
    }

    /// Forgets the name of a group that has no tasks; keeps one that has.
    pub fn release(&mut self, group: GroupIdx) {
        if !self.group(group).instances.is_empty() {
            return;
        }
        if let Some(known) = self.groups[group.0 as usize].take() {
            self.by_name.remove(&known.name);
            self.vacant.push(group);
        }
    }

    pub fn name(&self, group: GroupIdx) -> &str {
        &self.group(group).name
    }

    /// In no order; every instance that holds a task of the group.
    pub fn instances(&self, group: GroupIdx) -> impl Iterator<Item = (InstanceIdx, TaskCounts)> {
        self.group(group).instances.iter().map(move |&instance| (instance, self.counts(group, instance)))
    }

    /// Instances that hold a task of the group.
    pub fn spread(&self, group: GroupIdx) -> usize {
        self.group(group).instances.len()
    }

    /// In order of the group's ordinal; every group with a task on the instance that is not STOPPED.
    pub fn on(&self, instance: InstanceIdx) -> impl Iterator<Item = (GroupIdx, TaskCounts)> {
        self.rows(instance).iter().map(|row| (row.group, row.counts))
    }

    /// Groups with a task on the instance.
    pub fn len(&self, instance: InstanceIdx) -> usize {
        self.rows(instance).len()
    }

    pub fn counts(&self, group: GroupIdx, instance: InstanceIdx) -> TaskCounts {
        let rows = self.rows(instance);
        position(rows, group).map(|at| rows[at].counts).unwrap_or_default()
    }

    pub fn add(&mut self, group: GroupIdx, instance: InstanceIdx) {
        if self.on.len() <= instance.at() {
            self.on.resize(instance.at() + 1, Rows::default());
        }
        let known = &mut self.groups[group.0 as usize];
        let known = known.as_mut().expect("a group is used only while it is interned");
        let rows = &mut self.on[instance.at()].0;
        let at = position(rows, group).unwrap_or_else(|at| {
            let position = known.instances.len() as u32;
            known.instances.push(instance);
            rows.insert(at, Row { group, counts: TaskCounts::default(), position });
            at
        });
        rows[at].counts.live += 1;
        rows[at].counts.held += 1;
    }

    pub fn stopping(&mut self, group: GroupIdx, instance: InstanceIdx) {
        let counts = self.counts_mut(group, instance).expect("a task that stops was added to its group before");
        assert!(counts.live > 0, "no live task of group {group:?} on {instance:?} is left to stop");
        counts.live -= 1;
    }

    pub fn remove(&mut self, group: GroupIdx, instance: InstanceIdx, counted: TaskCounts) {
        let counts = self.counts_mut(group, instance).expect("a task that goes was added to its group before");
        assert!(counts.live >= counted.live, "no live task of group {group:?} on {instance:?} is left to remove");
        assert!(counts.held >= counted.held, "no task of group {group:?} on {instance:?} is left to remove");
        counts.live -= counted.live;
        counts.held -= counted.held;
        assert!(counts.live <= counts.held, "group {group:?} on {instance:?} counts a live task that is gone");
        if counts.held == 0 {
            let rows = &mut self.on[instance.at()].0;
            let row = rows.remove(position(rows, group).expect("the row was there a moment ago"));
            self.leave(row);
        }
    }

    pub fn forget_instance(&mut self, instance: InstanceIdx) {
        let rows = self.on.get_mut(instance.at()).map(std::mem::take).unwrap_or_default();
        rows.0.into_iter().for_each(|row| self.leave(row));
    }

    /// Takes the instance a row was for out of its group.
    fn leave(&mut self, row: Row) {
        let known = self.groups[row.group.0 as usize].as_mut().expect("a group is used only while it is interned");
        known.instances.swap_remove(row.position as usize);
        if let Some(&moved) = known.instances.get(row.position as usize) {
            let rows = &mut self.on[moved.at()].0;
            let at = position(rows, row.group).expect("an instance of a group has a row for it");
            rows[at].position = row.position;
        }
    }

    fn rows(&self, instance: InstanceIdx) -> &[Row] {
        self.on.get(instance.at()).map_or(&[], |rows| rows.0.as_slice())
    }

    fn counts_mut(&mut self, group: GroupIdx, instance: InstanceIdx) -> Option<&mut TaskCounts> {
        let rows = &mut self.on.get_mut(instance.at())?.0;
        position(rows, group).ok().map(|at| &mut rows[at].counts)
    }

    fn group(&self, group: GroupIdx) -> &Group {
        self.groups[group.0 as usize].as_ref().expect("a group is used only while it is interned")
    }
}

fn position(rows: &[Row], group: GroupIdx) -> Result<usize, usize> {
    rows.binary_search_by_key(&group, |row| row.group)
}
