//! Entries in order of a key, with the first that has enough room found without looking at the ones before it.
//!
//! A B-tree whose inner slots say of everything below them what the largest room is, dimension by dimension, and how
//! many entries there are. A search leaves out every subtree in which nothing can have enough. With one dimension, or
//! where the key goes by the other, that is one way down; otherwise a subtree may be entered in vain, when its
//! largest rooms belong to different entries.

mod search;
#[cfg(test)]
mod tests;

use crate::key::Key;
use crate::room::Room;
use std::cmp::Ordering;

pub(crate) use search::Cursor;

/// Slots of a node. Few in tests, so that small fleets make deep trees.
const FANOUT: usize = if cfg!(test) { 4 } else { 32 };

#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Of an inner slot, the last one below.
    pub key: Key,
    /// Of an inner slot, the largest of each dimension.
    pub room: Room,
    /// The entry's number; of an inner slot, the node below.
    pub item: u32,
    count: u32,
}

/// Invariant: only an empty tree has an empty node, its root.
#[derive(Debug, Default)]
struct Node {
    inner: bool,
    slots: Vec<Slot>,
}

#[derive(Debug)]
pub(crate) struct Order {
    nodes: Vec<Node>,
    vacant: Vec<u32>,
    root: u32,
}

/// Inner nodes and positions on the way down, from the root.
struct Path {
    steps: [(u32, u32); DEPTH_MAX],
    len: usize,
}

/// A tree grows deeper only when its root is split, and a split node keeps half of [`FANOUT`] slots or more: no tree of
/// 2^32 entries is deeper.
const DEPTH_MAX: usize = if cfg!(test) { 32 } else { 8 };

impl Path {
    fn new() -> Self {
        Path { steps: [(0, 0); DEPTH_MAX], len: 0 }
    }

    fn push(&mut self, node: u32, at: usize) {
        self.steps[self.len] = (node, at as u32);
        self.len += 1;
    }

    fn upwards(&self) -> impl Iterator<Item = (u32, usize)> {
        self.steps[..self.len].iter().rev().map(|&(node, at)| (node, at as usize))
    }
}

impl Order {
    pub fn new() -> Self {
        Order { nodes: vec![Node::default()], vacant: Vec::new(), root: 0 }
    }

    /// From entries in order of their keys, no key twice.
    pub fn build(entries: impl IntoIterator<Item = (Key, Room, u32)>) -> Self {
        let entries = entries.into_iter().map(|(key, room, item)| Slot { key, room, item, count: 1 });
        let mut order = Order { nodes: Vec::new(), vacant: Vec::new(), root: 0 };
        let mut level: Vec<Slot> = entries.collect();
        let mut inner = false;
        while level.len() > FANOUT {
            // Not full, or the next entry would split every one of them.
            let nodes = level.chunks(FANOUT * 3 / 4).map(|slots| Node { inner, slots: slots.to_vec() });
            let above = nodes.map(|node| {
                order.nodes.push(node);
                order.summary(order.nodes.len() as u32 - 1)
            });
            level = above.collect();
            inner = true;
        }
        order.root = order.nodes.len() as u32;
        order.nodes.push(Node { inner, slots: level });
        order
    }

    /// Files an entry; its key is not there yet.
    pub fn insert(&mut self, key: Key, room: Room, item: u32) {
        let (path, leaf) = self.descend(key);
        let slots = &mut self.nodes[leaf as usize].slots;
        let at = slots.partition_point(|slot| slot.key < key);
        slots.insert(at, Slot { key, room, item, count: 1 });
        let mut split = self.split(leaf);
        for (node, at) in path.upwards() {
            if let Some(right) = split {
                let left = self.summary(self.nodes[node as usize].slots[at].item);
                let slots = &mut self.nodes[node as usize].slots;
                slots[at] = left;
                slots.insert(at + 1, right);
                split = self.split(node);
            } else {
                let slot = &mut self.nodes[node as usize].slots[at];
                slot.key = slot.key.max(key);
                slot.room = slot.room.or(room);
                slot.count += 1;
            }
        }
        if let Some(right) = split {
            let slots = vec![self.summary(self.root), right];
            self.root = self.add(Node { inner: true, slots });
        }
    }

    /// Takes out the entry with this key.
    pub fn remove(&mut self, key: Key) {
        let (path, leaf) = self.descend(key);
        let at = position(&self.nodes[leaf as usize].slots, key);
        self.remove_at(&path, leaf, at);
    }

    fn remove_at(&mut self, path: &Path, leaf: u32, at: usize) {
        let removed = self.nodes[leaf as usize].slots.remove(at);
        let key = removed.key;
        let mut below = leaf;
        for (node, at) in path.upwards() {
            let is_empty = self.nodes[below as usize].slots.is_empty();
            if is_empty {
                self.vacant.push(below);
                self.nodes[node as usize].slots.remove(at);
            } else {
                let slot = self.nodes[node as usize].slots[at];
                let changed = if slot.room.touches(removed.room) || slot.key == key {
                    self.summary(below)
                } else {
                    Slot { count: slot.count - 1, ..slot }
                };
                self.nodes[node as usize].slots[at] = changed;
            }
            below = node;
        }
        self.lower_root();
        self.tidy();
    }

    /// Gives an entry another key, room or both.
    pub fn change(&mut self, before: Key, key: Key, room: Room, item: u32) {
        let (path, leaf) = self.descend(before);
        let slots = &mut self.nodes[leaf as usize].slots;
        let at = position(slots, before);
        let stays = key == before
            || (slots.get(at + 1).is_some_and(|next| key < next.key)
                && at.checked_sub(1).is_none_or(|last| slots[last].key < key)
                // In front of the whole leaf it could belong to the leaf before.
                && (at > 0 || key > before || path.upwards().all(|(_, at)| at == 0)));
        if !stays {
            self.remove_at(&path, leaf, at);
            self.insert(key, room, item);
            return;
        }
        let old = std::mem::replace(&mut slots[at], Slot { key, room, item, count: 1 });
        let mut below = leaf;
        for (node, at) in path.upwards() {
            let slot = self.nodes[node as usize].slots[at];
            let changed = if slot.room.touches(old.room) && old.room != room {
                self.summary(below)
            } else {
                Slot { room: slot.room.or(room), ..slot }
            };
            if changed.room == slot.room {
                return;
            }
            self.nodes[node as usize].slots[at] = changed;
            below = node;
        }
    }

    /// Nodes are not merged when they run low; when all of them have, they are made anew.
    fn tidy(&mut self) {
        let entries: u32 = self.nodes[self.root as usize].slots.iter().map(|slot| slot.count).sum();
        let nodes = self.nodes.len() - self.vacant.len();
        if nodes > 8 && nodes * FANOUT > entries as usize * 8 {
            *self = Order::build(self.iter().map(|slot| (slot.key, slot.room, slot.item)).collect::<Vec<_>>());
        }
    }

    /// The inner nodes on the way to where a key is or would be, and the leaf.
    fn descend(&self, key: Key) -> (Path, u32) {
        let (mut path, mut node) = (Path::new(), self.root);
        while self.nodes[node as usize].inner {
            let slots = &self.nodes[node as usize].slots;
            let at = slots.partition_point(|slot| slot.key < key).min(slots.len() - 1);
            path.push(node, at);
            node = slots[at].item;
        }
        (path, node)
    }

    fn summary(&self, node: u32) -> Slot {
        let slots = &self.nodes[node as usize].slots;
        let mut all = Slot { item: node, ..*slots.last().expect("a node that is summed up is not empty") };
        all.count = 0;
        for slot in slots {
            all.room = all.room.or(slot.room);
            all.count += slot.count;
        }
        all
    }

    /// Moves the second half of a node that is too full to a new one.
    fn split(&mut self, node: u32) -> Option<Slot> {
        let Node { inner, slots } = &mut self.nodes[node as usize];
        if slots.len() <= FANOUT {
            return None;
        }
        let right = Node { inner: *inner, slots: slots.split_off(FANOUT / 2) };
        let right = self.add(right);
        Some(self.summary(right))
    }

    fn add(&mut self, node: Node) -> u32 {
        match self.vacant.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        }
    }

    fn lower_root(&mut self) {
        loop {
            let Node { inner, slots } = &mut self.nodes[self.root as usize];
            match slots[..] {
                [] => *inner = false,
                [only] if *inner => {
                    self.vacant.push(self.root);
                    self.root = only.item;
                    continue;
                }
                _ => {}
            }
            return;
        }
    }
}

fn position(slots: &[Slot], key: Key) -> usize {
    slots
        .binary_search_by(|slot| match slot.key == key {
            true => Ordering::Equal,
            false => slot.key.cmp(&key),
        })
        .expect("an entry is taken where it was filed")
}
