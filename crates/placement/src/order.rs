//! Entries in order of a key, with the first that has enough room found without looking at the ones before it.
//!
//! A B-tree whose inner slots say of everything below them what the largest room is, dimension by dimension, and how
//! many entries there are. A search leaves out every subtree in which nothing can have enough. With one dimension, or
//! where the key goes by the other, that is one way down; otherwise a subtree may be entered in vain, when its
//! largest rooms belong to different entries.

use std::cmp::Ordering;

/// Ranks of a chain, smallest best, and what breaks ties at last: six numbers that compare from left to right, packed
/// by twos.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Key {
    first: u64,
    second: u64,
    third: u64,
}

/// The place of a [`Key`] behind all ranks: the position of the instance in order of id.
pub(crate) const LABEL: usize = 5;

impl Key {
    pub const ZERO: Key = Key { first: 0, second: 0, third: 0 };

    pub fn get(self, place: usize) -> u32 {
        let pair = match place {
            0 | 1 => self.first,
            2 | 3 => self.second,
            4 | LABEL => self.third,
            _ => unreachable!("a key has six places"),
        };
        (if place.is_multiple_of(2) { pair >> 32 } else { pair }) as u32
    }

    pub fn set(&mut self, place: usize, value: u32) {
        let pair = match place {
            0 | 1 => &mut self.first,
            2 | 3 => &mut self.second,
            4 | LABEL => &mut self.third,
            _ => unreachable!("a key has six places"),
        };
        let shift = if place.is_multiple_of(2) { 32 } else { 0 };
        *pair = (*pair & !(u64::from(u32::MAX) << shift)) | (u64::from(value) << shift);
    }

    #[must_use]
    pub fn with(mut self, place: usize, value: u32) -> Key {
        self.set(place, value);
        self
    }
}

/// Room for tasks: what an entry has, or what is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Room {
    pub cpu: u32,
    pub memory: u32,
    pub gpus: u32,
}

impl Room {
    pub fn covers(self, need: Room) -> bool {
        // Without branches: which of the three fails is as good as random.
        (self.cpu >= need.cpu) & (self.memory >= need.memory) & (self.gpus >= need.gpus)
    }

    /// The smaller of each amount.
    pub fn least(self, other: Room) -> Room {
        Room { cpu: self.cpu.min(other.cpu), memory: self.memory.min(other.memory), gpus: self.gpus.min(other.gpus) }
    }

    /// What is left beside so many tasks, each of which finds room.
    pub fn without(self, need: Room, tasks: u32) -> Room {
        let left = |has: u32, need: u32| has - need * tasks;
        Room { cpu: left(self.cpu, need.cpu), memory: left(self.memory, need.memory), gpus: left(self.gpus, need.gpus) }
    }

    fn or(self, other: Room) -> Room {
        Room { cpu: self.cpu.max(other.cpu), memory: self.memory.max(other.memory), gpus: self.gpus.max(other.gpus) }
    }

    fn touches(self, other: Room) -> bool {
        (self.cpu == other.cpu) | (self.memory == other.memory) | (self.gpus == other.gpus)
    }
}

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

    pub fn first(&self) -> Option<&Slot> {
        let mut node = &self.nodes[self.root as usize];
        while node.inner {
            node = &self.nodes[node.slots[0].item as usize];
        }
        node.slots.first()
    }

    /// The largest of each dimension.
    pub fn room(&self) -> Room {
        let slots = &self.nodes[self.root as usize].slots;
        slots.iter().fold(Room::default(), |room, slot| room.or(slot.room))
    }

    /// The first entry with enough room, of those behind `after` if that is given.
    pub fn first_fitting(&self, need: Room, after: Option<Key>) -> Option<&Slot> {
        match after {
            None => self.find(self.root, need),
            Some(after) => self.find_after(self.root, need, after),
        }
    }

    fn find(&self, node: u32, need: Room) -> Option<&Slot> {
        let node = &self.nodes[node as usize];
        let mut fitting = node.slots.iter().filter(|slot| slot.room.covers(need));
        if node.inner { fitting.find_map(|slot| self.find(slot.item, need)) } else { fitting.next() }
    }

    fn find_after(&self, node: u32, need: Room, after: Key) -> Option<&Slot> {
        let node = &self.nodes[node as usize];
        let start = node.slots.partition_point(|slot| slot.key <= after);
        let mut fitting = node.slots[start..].iter().filter(|slot| slot.room.covers(need));
        if !node.inner {
            return fitting.next();
        }
        fitting.find_map(|slot| self.find_after(slot.item, need, after))
    }

    /// Entries up to this key and with it.
    pub fn count_up_to(&self, key: Key) -> u32 {
        let mut node = &self.nodes[self.root as usize];
        let mut before = 0;
        loop {
            let at = node.slots.partition_point(|slot| slot.key <= key);
            before += node.slots[..at].iter().map(|slot| slot.count).sum::<u32>();
            match node.slots.get(at) {
                Some(slot) if node.inner => node = &self.nodes[slot.item as usize],
                _ => return before,
            }
        }
    }

    /// The entry with so many before it.
    pub fn nth(&self, mut nth: u32) -> Option<&Slot> {
        let mut node = &self.nodes[self.root as usize];
        loop {
            let mut slots = node.slots.iter();
            let slot = slots.find(|slot| {
                let here = nth < slot.count;
                nth -= if here { 0 } else { slot.count };
                here
            })?;
            if !node.inner {
                return Some(slot);
            }
            node = &self.nodes[slot.item as usize];
        }
    }

    /// In order, from the first.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        let mut open: Vec<std::slice::Iter<'_, Slot>> = vec![self.nodes[self.root as usize].slots.iter()];
        // A slot is one of an inner node where the stack is not yet as deep as the tree.
        let depth = self.depth();
        std::iter::from_fn(move || {
            loop {
                match open.last_mut()?.next() {
                    None => {
                        open.pop();
                    }
                    Some(slot) if open.len() < depth => open.push(self.nodes[slot.item as usize].slots.iter()),
                    Some(slot) => return Some(slot),
                }
            }
        })
    }

    fn depth(&self) -> usize {
        let (mut node, mut depth) = (&self.nodes[self.root as usize], 1);
        while node.inner {
            node = &self.nodes[node.slots[0].item as usize];
            depth += 1;
        }
        depth
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn room() -> impl Strategy<Value = Room> {
        (0..6u32, 0..6u32, 0..3u32).prop_map(|(cpu, memory, gpus)| Room { cpu, memory, gpus })
    }

    fn key(rank: u32, label: u32) -> Key {
        Key::ZERO.with(0, rank).with(LABEL, label)
    }

    proptest! {
        #[test]
        fn a_tree_finds_what_a_list_would(
            steps in vec((0..40u32, 0..5u32, room(), any::<bool>()), 1..200), need in room(), rank in 0..5u32,
        ) {
            let (mut tree, mut list) = (Order::new(), BTreeMap::new());
            let mut keys = BTreeMap::new();
            for (item, rank, room, stays) in steps {
                let key = key(rank, item);
                let before = keys.remove(&item);
                if let Some(before) = before {
                    list.remove(&before);
                }
                match before {
                    Some(before) if !stays => tree.remove(before),
                    before => {
                        match before {
                            Some(before) => tree.change(before, key, room, item),
                            None => tree.insert(key, room, item),
                        }
                        keys.insert(item, key);
                        list.insert(key, (room, item));
                    }
                }
                let found: Vec<_> = tree.iter().map(|slot| (slot.key, (slot.room, slot.item))).collect();
                prop_assert_eq!(&found, &list.iter().map(|(key, entry)| (*key, *entry)).collect::<Vec<_>>());
                let most = list.values().fold(Room::default(), |most, (room, _)| most.or(*room));
                prop_assert_eq!(tree.room(), most);
            }
            let after = key(rank, 20);
            let first = list.iter().find(|(key, (room, _))| **key > after && room.covers(need));
            prop_assert_eq!(tree.first_fitting(need, Some(after)).map(|slot| slot.key), first.map(|(key, _)| *key));
            let first = list.iter().find(|(_, (room, _))| room.covers(need));
            prop_assert_eq!(tree.first_fitting(need, None).map(|slot| slot.key), first.map(|(key, _)| *key));
            prop_assert_eq!(tree.count_up_to(after) as usize, list.range(..=after).count());
            for (nth, key) in list.keys().enumerate() {
                prop_assert_eq!(tree.nth(nth as u32).map(|slot| slot.key), Some(*key));
            }
            let built = Order::build(list.iter().map(|(key, (room, item))| (*key, *room, *item)));
            prop_assert_eq!(built.iter().map(|slot| slot.key).collect::<Vec<_>>(), list.into_keys().collect::<Vec<_>>());
        }
    }
}
