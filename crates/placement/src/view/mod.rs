//! One way of looking at the fleet, kept up to date: the instances that suit a kind of request, ranked by its chain.
//!
//! A view holds the instances that pass every check but those of amounts (CPU, memory, GPUs), so requests of all sizes
//! share it. It follows the fleet by looking again at the instances that changed, and it sees nothing of an instance
//! but what that instance is now: how it came to be so leaves no trace.

mod choose;

use crate::branches::{Branches, Leaf};
use crate::chain::{Chain, Step};
use crate::check::Question;
use crate::draft::Desk;
use crate::key::{Key, LABEL};
use crate::ranks::Ranks;
use crate::room::Room;
use crate::wants::{Counted, Kind, Wants};
use crate::{Fleet, GroupIdx, InstanceIdx, Request};
use std::hint::black_box;

/// What a view holds of an instance, in one cache line.
#[repr(align(64))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Slot {
    key: Key,
    room: Room,
    /// Counted into the domains of the leaf.
    tasks: u32,
    leaf: Option<Leaf>,
    /// Tasks of the plan that is being made.
    planned: u32,
    /// Whether the instance is one for such tasks, whatever is on it.
    suits: bool,
    /// Whether it is filed in its leaf.
    filed: bool,
}

const NOTHING: Slot = Slot {
    key: Key::ZERO,
    room: Room { cpu: 0, memory: 0, gpus: 0 },
    tasks: 0,
    leaf: None,
    planned: 0,
    suits: false,
    filed: false,
};

/// How much of an instance may be different from what a view holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Changed {
    /// A task of this group came or went, or stopped: so many more live ones.
    Count { group: GroupIdx, live: i8 },
    /// What is on it and what is free.
    Tasks,
    /// Everything.
    Spec,
    /// The instance is there no more, nor are its tasks.
    Gone,
}

/// What the rooms that instances are filed with say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rooms {
    /// What is left. Where the chain packs, a task changes the key of its instance as well.
    Exact,
    /// What is left is no more than that. Whoever finds less where there should be enough sees to it that it is put
    /// right; until then, tasks of other groups move nothing.
    AtMost,
    /// Nothing: whoever is filed has enough for the one size that is asked for.
    Enough,
}

/// Branches a view may have beyond those of a fleet where every instance has domains of its own, before it is built anew.
const SPARE_BRANCHES: usize = 1024;

/// Notes whose instances are fetched from memory at once.
const AT_ONCE: usize = 32;

#[derive(Debug)]
pub(crate) struct View {
    pub wants: Wants,
    pub chain: Chain,
    rooms: Rooms,
    slots: Vec<Slot>,
    pub branches: Branches,
    ranks: Ranks,
    desk: Desk,
    /// The smallest of each amount that was ever asked for; who has less is not filed, and not in the way of a search.
    least: Room,
    /// Instances that stand as if a plan were carried out.
    dirty: Vec<InstanceIdx>,
}

impl View {
    pub fn new(request: &Request<'_>, kind: Kind) -> Self {
        let chain = Chain::new(request.strategies);
        let rooms = match (chain.ends_random, chain.packs()) {
            (true, _) => Rooms::Enough,
            (false, true) => Rooms::Exact,
            (false, false) => Rooms::AtMost,
        };
        View {
            wants: Wants::new(request, kind),
            least: request.demand.room(),
            branches: Branches::new(chain.shared().map(|(place, _)| place), kind.breadth),
            ranks: Ranks::default(),
            desk: Desk::default(),
            rooms,
            chain,
            slots: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// Looks at every instance anew.
    pub fn build(&mut self, fleet: &Fleet, question: &Question<'_>) {
        self.dirty.clear();
        self.slots.clear();
        self.slots.resize(fleet.ordinals(), NOTHING);
        self.branches = Branches::new(self.chain.shared().map(|(place, _)| place), self.wants.kind.breadth);
        self.ranks.forget();
        let mut entries = Vec::new();
        let instances: Vec<InstanceIdx> = fleet.in_id_order().collect();
        for at_once in instances.chunks(AT_ONCE) {
            fleet.read_ahead_of_all(at_once);
            for &idx in at_once {
                let slot = self.look_at(fleet, question, idx, Changed::Spec);
                if let Some(leaf) = slot.leaf {
                    self.branches.count(leaf, i64::from(slot.tasks));
                    if slot.filed {
                        entries.push((leaf, slot.key, slot.room, idx.at() as u32));
                    }
                }
                self.slots[idx.at()] = slot;
            }
        }
        self.branches.fill(entries);
    }

    /// Looks again at what a plan left changed, then at the instances that changed since.
    pub fn catch_up(&mut self, fleet: &Fleet, question: &Question<'_>, changes: &[(InstanceIdx, Changed)]) {
        if self.slots.len() < fleet.ordinals() {
            self.slots.resize(fleet.ordinals(), NOTHING);
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for idx in dirty.drain(..) {
            self.slots[idx.at()].planned = 0;
            self.follow(fleet, question, idx, Changed::Tasks);
        }
        self.dirty = dirty;
        let mut last = None;
        for (nth, &(idx, changed)) in changes.iter().enumerate() {
            if nth.is_multiple_of(AT_ONCE) {
                self.read_ahead(fleet, &changes[nth..changes.len().min(nth + AT_ONCE)]);
            }
            // As the instance is, it was looked at a moment ago.
            if last != Some((idx, changed)) {
                self.follow(fleet, question, idx, changed);
            }
            last = Some((idx, changed));
            match (changed, self.slots[idx.at()].leaf) {
                (Changed::Gone, _) => self.ranks.forget(),
                (Changed::Count { group, live }, Some(leaf)) => {
                    self.ranks.count(group, live, self.branches.domains(leaf).map(|(_, domain)| domain));
                }
                _ => {}
            }
        }
        // Values of attributes come and go, their branches stay.
        if self.branches.len() > (self.branches.depth() + 1) * self.slots.len() + SPARE_BRANCHES {
            self.build(fleet, question);
        }
    }

    fn read_ahead(&self, fleet: &Fleet, changes: &[(InstanceIdx, Changed)]) {
        black_box(changes.iter().fold(0, |sum, (idx, _)| sum | self.slots[idx.at()].planned));
        fleet.read_ahead(changes.iter().map(|&(idx, _)| idx));
    }

    fn follow(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, changed: Changed) {
        let slot = match self.new_room(fleet, idx, changed) {
            Some(room) if self.stays(idx, room) => return,
            Some(room) if self.slots[idx.at()].filed => {
                Slot { room, filed: room.covers(self.least), ..self.slots[idx.at()] }
            }
            _ => self.look_at(fleet, question, idx, changed),
        };
        self.set(idx, slot);
    }

    /// The room on an instance, if that is all that changed.
    fn new_room(&self, fleet: &Fleet, idx: InstanceIdx, changed: Changed) -> Option<Room> {
        let Changed::Count { group, .. } = changed else { return None };
        let is_all =
            !self.chain.packs() && self.wants.kind.counted != Counted::Of(group) && self.wants.sees_only_room();
        is_all.then(|| fleet.hot(idx).room(self.wants.takes_kept_room))
    }

    /// Whether an instance that has so much room stays where it is.
    fn stays(&self, idx: InstanceIdx, room: Room) -> bool {
        let slot = &self.slots[idx.at()];
        match self.rooms {
            _ if !slot.suits => true,
            Rooms::AtMost if slot.filed => slot.room.covers(room),
            _ => slot.filed == room.covers(self.least),
        }
    }

    /// Puts right what is held of an instance, of which no task is planned.
    pub fn mend(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx) {
        let slot = self.look_at(fleet, question, idx, Changed::Tasks);
        self.set(idx, slot);
    }

    /// What the view should hold of an instance.
    fn look_at(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, changed: Changed) -> Slot {
        let mut slot = self.slots[idx.at()];
        if matches!(changed, Changed::Spec | Changed::Gone) {
            slot.suits = fleet.is_there(idx) && fleet.suits_request(idx, question);
            slot.leaf = None;
        }
        if let Counted::Of(group) = self.wants.kind.counted {
            slot.tasks = fleet.groups.counts(group, idx).live;
        }
        let counts = slot.tasks > 0 || (self.counts_nobody() && fleet.is_there(idx));
        if slot.leaf.is_none() && (slot.suits || counts) {
            let look_up = || self.chain.shared().map(|(_, attribute)| fleet.word(&attribute)).collect();
            let attributes = question.spread_over.get_or_init(look_up);
            let values = attributes.iter().map(|name| fleet.attribute(idx, (*name)?));
            slot.leaf = Some(self.branches.leaf(values));
        }
        // What is not there any more is not active.
        slot.filed = slot.suits && fleet.hot(idx).active && self.passes(fleet, question, idx, 0);
        if slot.filed {
            slot.room = fleet.hot(idx).room(self.wants.takes_kept_room);
            slot.key = self.key(fleet, idx, slot.tasks);
            slot.filed = slot.room.covers(self.least);
            if self.rooms == Rooms::Enough {
                slot.room = Room::default();
            }
        }
        slot
    }

    /// Whether the tasks of the request's group on single instances matter to it, and the view does not count them.
    pub fn leaves_tasks_to_others(&self, request: &Request<'_>) -> bool {
        self.counts_nobody() && (self.chain.place_of_tasks().is_some() || request.distinct_instance)
    }

    pub fn counts_nobody(&self) -> bool {
        self.wants.kind.counted == Counted::Nobody
    }

    fn passes(&self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, planned: u32) -> bool {
        let is_free = || self.counts_nobody() || !fleet.is_occupied(idx, question.request, planned);
        fleet.takes_besides_amounts(idx, question, planned) && is_free()
    }

    /// Makes the view ready for a request of this size; says whether it has to be built anew for it.
    pub fn must_widen(&mut self, need: Room) -> bool {
        let least = self.least.least(need);
        std::mem::replace(&mut self.least, least) != least
    }

    /// The instance's own, made anew at each look, its label too: one kept from an earlier look has been wrong.
    fn key(&self, fleet: &Fleet, idx: InstanceIdx, tasks: u32) -> Key {
        let hot = fleet.hot(idx);
        let mut key = Key::ZERO.with(LABEL, fleet.label(idx));
        for (place, step) in self.chain.steps.iter().enumerate() {
            match step {
                Step::CpuFree => key.set(place, hot.cpu_free),
                Step::MemoryFree => key.set(place, hot.memory_free),
                Step::TasksOnInstance => key.set(place, tasks),
                Step::TasksInDomain(_) => {}
            }
        }
        key
    }

    fn set(&mut self, idx: InstanceIdx, slot: Slot) {
        let before = std::mem::replace(&mut self.slots[idx.at()], slot);
        let item = idx.at() as u32;
        if before.leaf == slot.leaf {
            let Some(leaf) = slot.leaf else { return };
            match (before.filed, slot.filed) {
                (true, true) if before.key == slot.key && before.room == slot.room => {}
                (true, true) => self.branches.change(leaf, before.key, slot.key, slot.room, item),
                (true, false) => self.branches.remove(leaf, before.key),
                (false, true) => self.branches.insert(leaf, slot.key, slot.room, item),
                (false, false) => {}
            }
            self.branches.count(leaf, i64::from(slot.tasks) - i64::from(before.tasks));
            return;
        }
        if let Some(leaf) = before.leaf {
            // Its tasks of all groups are elsewhere.
            self.ranks.forget();
            if before.filed {
                self.branches.remove(leaf, before.key);
            }
            self.branches.count(leaf, -i64::from(before.tasks));
        }
        if let Some(leaf) = slot.leaf {
            if slot.filed {
                self.branches.insert(leaf, slot.key, slot.room, item);
            }
            self.branches.count(leaf, i64::from(slot.tasks));
        }
    }
}
