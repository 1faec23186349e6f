//! One way of looking at the fleet, kept up to date: the instances that suit a kind of request, ranked by its chain.
//!
//! A view holds the instances that pass every check but those of amounts (CPU, memory, GPUs), so requests of all sizes
//! share it. It follows the fleet by looking again at the instances that changed, and it sees nothing of an instance
//! but what that instance is now: how it came to be so leaves no trace.

use crate::branches::{Branches, Leaf};
use crate::chain::{Chain, Step};
use crate::check::Question;
use crate::order::{Key, LABEL, Room};
use crate::overlay::{On, Overlay};
use crate::wants::{Counted, Wants};
use crate::{Demand, Fleet, InstanceIdx, Request};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What a view holds of an instance.
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
    /// What is on it and what is free.
    Tasks,
    /// Everything, that it is there at all included.
    Spec,
}

/// Branches a view may have beyond those of a fleet where every instance has domains of its own, before it is built anew.
const SPARE_BRANCHES: usize = 1024;

#[derive(Debug)]
pub(crate) struct View {
    pub wants: Wants,
    chain: Chain,
    slots: Vec<Slot>,
    branches: Branches,
    /// The smallest of each amount that was ever asked for; who has less is not filed, and not in the way of a search.
    least: Room,
    /// Instances that stand as if a plan were carried out.
    dirty: Vec<InstanceIdx>,
}

impl View {
    pub fn new(request: &Request<'_>, counted: Counted) -> Self {
        let chain = Chain::new(request.strategies);
        View {
            wants: Wants::new(request, counted),
            least: request.demand.room(),
            branches: Branches::new(chain.shared()),
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
        self.branches = Branches::new(self.chain.shared());
        let mut entries = Vec::new();
        for idx in fleet.in_id_order() {
            let slot = self.look_at(fleet, question, idx, Changed::Spec);
            if let Some(leaf) = slot.leaf {
                self.branches.count(leaf, i64::from(slot.tasks));
                if slot.filed {
                    entries.push((leaf, slot.key, slot.room, idx.at() as u32));
                }
            }
            self.slots[idx.at()] = slot;
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
        for &(idx, changed) in changes {
            self.follow(fleet, question, idx, changed);
        }
        // Values of attributes come and go, their branches stay.
        if self.branches.len() > (self.branches.depth() + 1) * self.slots.len() + SPARE_BRANCHES {
            self.build(fleet, question);
        }
    }

    fn follow(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, changed: Changed) {
        let slot = self.look_at(fleet, question, idx, changed);
        self.set(idx, slot);
    }

    /// What the view should hold of an instance.
    fn look_at(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, changed: Changed) -> Slot {
        let mut slot = self.slots[idx.at()];
        if changed == Changed::Spec {
            slot.suits = fleet.is_there(idx) && fleet.suits_request(idx, question);
            slot.leaf = None;
        }
        if let Counted::Of(group) = self.wants.counted {
            slot.tasks = fleet.groups.counts(group, idx).live;
        }
        let counts = slot.tasks > 0 || (self.wants.counted == Counted::Few && fleet.is_there(idx));
        if slot.leaf.is_none() && (slot.suits || counts) {
            let value = |name: &str| fleet.attribute(idx, fleet.word(name)?);
            slot.leaf = Some(self.branches.leaf(value));
        }
        // What is not there any more is not active.
        slot.filed = slot.suits && fleet.hot(idx).active && self.passes(fleet, question, idx, 0);
        if slot.filed {
            slot.room = fleet.hot(idx).room(self.wants.takes_kept_room);
            slot.key = self.key(fleet, idx, slot.tasks);
            slot.filed = slot.room.covers(self.least);
        }
        slot
    }

    fn passes(&self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, planned: u32) -> bool {
        let is_free = || self.wants.counted == Counted::Few || !fleet.is_occupied(idx, question.request, planned);
        fleet.takes_besides_amounts(idx, question, planned) && is_free()
    }

    /// Makes the view ready for a request of this size; says whether it has to be built anew for it.
    pub fn must_widen(&mut self, need: Room) -> bool {
        let least = self.least.least(need);
        std::mem::replace(&mut self.least, least) != least
    }

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

    /// Between equals, the lowest id, unless the chain ends in `random`: then each is as likely as the other.
    pub fn choose(&self, overlay: Option<&Overlay>, need: Room, rng: &mut ChaCha8Rng) -> Option<InstanceIdx> {
        let item = if let Some(overlay) = overlay {
            overlay.best(&self.branches, need)
        } else if self.chain.ends_random {
            let tied = self.branches.tied();
            if tied.total == 0 {
                return None;
            }
            tied.nth(rng.random_range(0..u64::from(tied.total)) as u32)
        } else {
            self.branches.best(need)
        };
        item.map(InstanceIdx::new)
    }

    /// Tasks of the plan on an instance.
    pub fn planned(&self, idx: InstanceIdx) -> u32 {
        self.slots[idx.at()].planned
    }

    /// How many of the next tasks, at most `most`, go to the instance that was chosen for the first of them.
    ///
    /// Where the chain only packs, each task makes the instance it is on a better place than it was, and no other.
    pub fn run_length(&self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, most: usize) -> u32 {
        if !self.chain.only_packs() {
            return 1;
        }
        let (slot, need) = (&self.slots[idx.at()], question.need());
        let goes_on = |length: u32| {
            let room = slot.room.without(need, length);
            let planned = slot.planned + length;
            room.covers(need)
                && fleet.takes_besides_amounts(idx, question, planned)
                && !fleet.is_occupied(idx, question.request, planned)
        };
        let mut length = 1;
        while (length as usize) < most && goes_on(length) {
            length += 1;
        }
        length
    }

    /// Counts tasks of the plan in on an instance, until the view catches up.
    pub fn place(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx, tasks: u32) {
        let mut slot = self.slots[idx.at()];
        if slot.planned == 0 {
            self.dirty.push(idx);
        }
        slot.planned += tasks;
        slot.room = slot.room.without(question.need(), tasks);
        if let Counted::Of(_) = self.wants.counted {
            slot.tasks += tasks;
        }
        let Demand { cpu_units, memory_mib, .. } = *question.request.demand;
        for (place, step) in self.chain.steps.iter().enumerate() {
            match step {
                Step::CpuFree => slot.key.set(place, slot.key.get(place) - tasks * cpu_units),
                Step::MemoryFree => slot.key.set(place, slot.key.get(place) - tasks * memory_mib),
                Step::TasksOnInstance => slot.key.set(place, slot.tasks),
                Step::TasksInDomain(_) => {}
            }
        }
        slot.filed = self.passes(fleet, question, idx, slot.planned) && slot.room.covers(self.least);
        self.set(idx, slot);
    }

    /// The tasks of the request's group, where the view counts nobody's because they are few.
    pub fn overlay(&self, fleet: &Fleet, question: &Question<'_>) -> Option<Overlay> {
        (self.wants.counted == Counted::Few).then(|| {
            let mut overlay = Overlay::default();
            for (idx, _) in fleet.groups.instances(question.request.group) {
                self.lay(&mut overlay, fleet, question, idx);
            }
            overlay
        })
    }

    /// Brings an overlay up to date with an instance.
    pub fn lay(&self, overlay: &mut Overlay, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx) {
        let (slot, request) = (&self.slots[idx.at()], question.request);
        let tasks = fleet.groups.counts(request.group, idx).live + slot.planned;
        let on_instance = self.chain.steps.iter().position(|step| *step == Step::TasksOnInstance);
        let on = On {
            item: idx.at() as u32,
            leaf: slot.leaf.expect("a view that counts nobody's tasks has a leaf for every instance"),
            key: on_instance.map_or(slot.key, |place| slot.key.with(place, tasks)),
            room: slot.room,
            tasks,
            open: slot.filed && !fleet.is_occupied(idx, request, slot.planned),
        };
        overlay.put(&self.branches, on);
    }
}
