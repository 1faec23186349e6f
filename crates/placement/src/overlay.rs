//! The tasks of a group that has few, laid over a view that counts nobody's.
//!
//! Where strategies count tasks, or an instance must be without any of the group, every group would need a view of its
//! own. Most groups are small: the few instances that have a task of it are looked at one by one, and all others stand
//! in the shared view just as they would in one of the group's own.

use crate::branches::{Branches, Domain, Leaf, ROOT};
use crate::key::Key;
use crate::room::Room;

/// Instances with tasks of a group, up to which it needs no view of its own; those a plan adds are counted in. Few in
/// tests, so that both ways are taken.
pub(crate) const FEW: usize = if cfg!(test) { 3 } else { 32 };

/// What an instance with tasks of the group looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    pub item: u32,
    pub leaf: Leaf,
    /// With its tasks counted in.
    pub key: Key,
    pub room: Room,
    /// Live ones, counted into its domains.
    pub tasks: u32,
    /// Whether it may take one more.
    pub open: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    instances: Vec<On>,
    /// Level, domain and tasks, where there are some.
    domains: Vec<(usize, Domain, u32)>,
}

impl Overlay {
    /// Puts an instance in, or in the place of what it looked like before.
    pub fn put(&mut self, branches: &Branches, on: On) {
        let known = self.instances.iter().position(|one| one.item == on.item);
        let before = known.map_or(0, |at| self.instances[at].tasks);
        match known {
            Some(at) => self.instances[at] = on,
            None => self.instances.push(on),
        }
        for (level, domain) in branches.domains(on.leaf) {
            match self.domains.iter_mut().find(|(at, of, _)| (*at, *of) == (level, domain)) {
                Some((.., tasks)) => *tasks = *tasks + on.tasks - before,
                None => self.domains.push((level, domain, on.tasks)),
            }
        }
    }

    /// As [`Branches::best`].
    pub fn best(&self, branches: &Branches, need: Room) -> Option<u32> {
        self.best_below(branches, ROOT, 0, need).map(|(_, item)| item)
    }

    fn best_below(&self, branches: &Branches, branch: u32, depth: usize, need: Room) -> Option<(Key, u32)> {
        if depth == branches.depth() {
            return self.best_in(branches, branch, need);
        }
        let (order, place) = (branches.order(branch), branches.place(depth));
        let mut best: Option<(Key, u32)> = None;
        let mut keep_better = |found: Option<(Key, u32)>| {
            best = best.into_iter().chain(found).min();
            best.map(|(key, _)| key)
        };
        let mut limit = None;
        for &(_, domain, tasks) in self.domains.iter().filter(|(level, ..)| *level == depth) {
            if let Some(below) = branches.below(branch, domain) {
                let found = self.best_below(branches, below, depth + 1, need);
                limit = keep_better(found.map(|(key, item)| (key.with(place, tasks), item)));
            }
        }
        let is_counted = |domain: Domain| self.domains.iter().any(|&(level, of, _)| (level, of) == (depth, domain));
        let mut after = None;
        while let Some(slot) = order.first_fitting(need, after) {
            // Tasks only make a branch worse than it is shown to be.
            if limit.is_some_and(|limit| limit <= slot.key) {
                break;
            }
            after = Some(slot.key);
            if !is_counted(branches.domain(slot.item)) {
                limit = keep_better(self.best_below(branches, slot.item, depth + 1, need));
            }
        }
        best
    }

    fn best_in(&self, branches: &Branches, leaf: Leaf, need: Room) -> Option<(Key, u32)> {
        let takes = |on: &&On| on.leaf == leaf && on.open && on.room.covers(need);
        let with_tasks = self.instances.iter().filter(takes).map(|on| (on.key, on.item)).min();
        let (order, mut after) = (branches.order(leaf), None);
        let without = loop {
            let Some(slot) = order.first_fitting(need, after) else { break None };
            if !self.instances.iter().any(|on| on.item == slot.item) {
                break Some((slot.key, slot.item));
            }
            after = Some(slot.key);
        };
        with_tasks.into_iter().chain(without).min()
    }
}
