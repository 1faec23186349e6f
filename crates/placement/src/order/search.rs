//! Finding entries: the first with enough room, the nth, how many there are before one.

use super::{Node, Order, Slot};
use crate::key::Key;
use crate::room::Room;

/// How far a reader has come in a tree that does not change meanwhile.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) enum Cursor {
    #[default]
    Start,
    /// Behind the entry at this position of a node.
    Behind(u32, usize),
    End,
}

impl Order {
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
        let (node, at) = match after {
            None => self.find(self.root, need),
            Some(after) => self.find_after(self.root, need, after),
        }?;
        Some(&self.nodes[node as usize].slots[at])
    }

    /// The next entry with enough room; the need stays the same from one call to the next, and so does the tree.
    pub fn next_fitting(&self, cursor: &mut Cursor, need: Room) -> Option<&Slot> {
        let found = match *cursor {
            Cursor::Start => self.find(self.root, need),
            Cursor::Behind(node, at) => {
                let slots = &self.nodes[node as usize].slots;
                let here = slots[at + 1..].iter().position(|slot| slot.room.covers(need));
                let last = slots[slots.len() - 1].key;
                here.map(|more| (node, at + 1 + more)).or_else(|| self.find_after(self.root, need, last))
            }
            Cursor::End => None,
        };
        *cursor = found.map_or(Cursor::End, |(node, at)| Cursor::Behind(node, at));
        found.map(|(node, at)| &self.nodes[node as usize].slots[at])
    }

    /// What is behind a reader in the node it has come to, if it is at the front of one.
    pub fn entered(&self, cursor: Cursor) -> &[Slot] {
        match cursor {
            Cursor::Behind(node, 0) => &self.nodes[node as usize].slots[1..],
            _ => &[],
        }
    }

    /// Node and position.
    fn find(&self, node: u32, need: Room) -> Option<(u32, usize)> {
        let Node { inner, slots } = &self.nodes[node as usize];
        if !inner {
            return slots.iter().position(|slot| slot.room.covers(need)).map(|at| (node, at));
        }
        slots.iter().filter(|slot| slot.room.covers(need)).find_map(|slot| self.find(slot.item, need))
    }

    fn find_after(&self, node: u32, need: Room, after: Key) -> Option<(u32, usize)> {
        let Node { inner, slots } = &self.nodes[node as usize];
        let start = slots.partition_point(|slot| slot.key <= after);
        if !inner {
            let fitting = slots[start..].iter().position(|slot| slot.room.covers(need));
            return fitting.map(|more| (node, start + more));
        }
        // Only the first of them can have entries that are not behind.
        let mut fitting = slots[start..].iter().enumerate().filter(|(_, slot)| slot.room.covers(need));
        fitting.find_map(|(nth, slot)| match nth {
            0 => self.find_after(slot.item, need, after),
            _ => self.find(slot.item, need),
        })
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
}
