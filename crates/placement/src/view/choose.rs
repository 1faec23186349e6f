//! Asking a view: for the best instance, for what a draft needs, and as if tasks of a plan were there.

use super::{Changed, Rooms, Slot, View};
use crate::branches::{Breadth, Leaf};
use crate::check::Question;
use crate::draft::Desk;
use crate::key::Key;
use crate::overlay::{FEW, On, Overlay};
use crate::room::Room;
use crate::wants::Counted;
use crate::{Fleet, GroupIdx, InstanceIdx};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Leaves of a wide view that a batch looks at for each of its tasks, at most.
const LEAVES_PER_TASK: usize = 4;

impl View {
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

    /// What is left on an instance beside the tasks of the plan, whatever it is filed with.
    pub fn room_left(&self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx) -> Room {
        let room = fleet.hot(idx).room(self.wants.takes_kept_room);
        room.without(question.need(), self.slots[idx.at()].planned)
    }

    /// Whether an instance that is filed with so much room has enough for one task.
    pub fn has_room(&self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx) -> bool {
        self.rooms != Rooms::AtMost || self.room_left(fleet, question, idx).covers(question.need())
    }

    /// Whether a batch of so many is drafted, not placed in the view one by one: where the best of many leaves has to be
    /// found, only if there are enough tasks to make up for looking at all of them.
    pub fn is_drafted(&self, count: usize) -> bool {
        let wide = self.wants.kind.breadth == Breadth::Wide;
        !wide || (!self.chain.ends_random && count.saturating_mul(LEAVES_PER_TASK) >= self.branches.leaves().len())
    }

    /// The leaf and the key an instance is filed with.
    pub fn filed(&self, idx: InstanceIdx) -> Option<(Leaf, Key)> {
        let Slot { leaf, key, filed, .. } = self.slots[idx.at()];
        leaf.filter(|_| filed).map(|leaf| (leaf, key))
    }

    /// A desk to make a draft on, with the live tasks of the request's group by domain.
    pub fn desk(&mut self, fleet: &Fleet, group: GroupIdx) -> Desk {
        let mut desk = std::mem::take(&mut self.desk);
        desk.ranks.clear();
        if !self.counts_nobody() {
            desk.ranks.extend(self.branches.tasks());
            return desk;
        }
        let domains = self.branches.tasks().len();
        desk.ranks.extend_from_slice(self.ranks.of(group).unwrap_or_default());
        desk.ranks.resize(domains, 0);
        if domains > 0 && self.ranks.of(group).is_none() {
            for (idx, counts) in fleet.groups.instances(group) {
                let leaf =
                    self.slots[idx.at()].leaf.expect("a view that counts nobody's tasks has a leaf for everybody");
                self.branches.domains(leaf).for_each(|(_, domain)| desk.ranks[domain as usize] += counts.live);
            }
            if fleet.groups.spread(group) > FEW {
                self.ranks.keep(group, desk.ranks.clone());
            }
        }
        desk
    }

    /// The best instance for one task, the ranks of its domains being on the desk.
    pub fn best_of_leaves(&mut self, fleet: &Fleet, question: &Question<'_>, desk: &Desk) -> Option<InstanceIdx> {
        loop {
            let idx = InstanceIdx::new(self.branches.best_of_leaves(question.need(), &desk.ranks)?);
            self.read_ahead(fleet, &[(idx, Changed::Tasks)]);
            if self.has_room(fleet, question, idx) {
                return Some(idx);
            }
            self.mend(fleet, question, idx);
        }
    }

    /// Puts right what a draft found out.
    pub fn take_back(&mut self, fleet: &Fleet, question: &Question<'_>, mut desk: Desk) {
        for idx in desk.stale.drain(..) {
            self.mend(fleet, question, idx);
        }
        self.desk = desk;
    }

    /// Counts a task of the plan in on an instance, until the view catches up.
    pub fn place(&mut self, fleet: &Fleet, question: &Question<'_>, idx: InstanceIdx) {
        let mut slot = self.slots[idx.at()];
        if slot.planned == 0 {
            self.dirty.push(idx);
        }
        slot.planned += 1;
        if let Counted::Of(_) = self.wants.kind.counted {
            slot.tasks += 1;
        }
        slot.key = self.chain.with_more(slot.key, question.request.demand, 1);
        let room = fleet.hot(idx).room(self.wants.takes_kept_room).without(question.need(), slot.planned);
        slot.filed = self.passes(fleet, question, idx, slot.planned) && room.covers(self.least);
        slot.room = if self.rooms == Rooms::Enough { Room::default() } else { room };
        self.set(idx, slot);
    }

    /// The tasks of the request's group, where the view counts nobody's because they are few.
    pub fn overlay(&self, fleet: &Fleet, question: &Question<'_>) -> Option<Overlay> {
        (self.counts_nobody() && !self.chain.ends_random).then(|| {
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
        let on_instance = self.chain.place_of_tasks();
        let on = On {
            item: idx.at() as u32,
            leaf: slot.leaf.expect("a view that counts nobody's tasks has a leaf for every instance"),
            key: on_instance.map_or(slot.key, |place| slot.key.with(place, tasks)),
            room: self.room_left(fleet, question, idx),
            tasks,
            open: slot.filed && !fleet.is_occupied(idx, request, slot.planned),
        };
        overlay.put(&self.branches, on);
    }
}
