//! The views a fleet keeps, and what changed since each of them was used.
//!
//! A change costs a note in the log. A view reads the notes when it is asked next, so that a change of many instances
//! costs nothing for the views nobody asks. Views are memory, not state: a plan is the same with any of them, and with
//! none.

use crate::branches::Breadth;
use crate::check::Question;
use crate::view::{Changed, View};
use crate::wants::{Kind, breadth};
use crate::{Fleet, InstanceIdx};
use plimsoll_model::PlacementStrategy;

/// Instances in all views together, a hundred bytes or so each. Beyond it, the view that was not used for longest goes.
const SLOTS_MAX: usize = 1 << 20;

/// Views that are kept however large the fleet is.
const VIEWS_MIN: usize = 4;

/// Views that are kept however small the fleet is: looking for the one a request needs goes through all of them.
const VIEWS_MAX: usize = 256;

/// Notes that are kept in a small fleet; in a large one, as many as it has ordinals. Few in tests, so that some are lost.
const NOTES_MIN: usize = if cfg!(test) { 16 } else { 1024 };

#[derive(Debug)]
struct Entry {
    view: View,
    /// Notes ever written when it caught up last.
    seen: u64,
    /// When it was used last.
    used: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Views {
    entries: Vec<Entry>,
    log: Vec<(InstanceIdx, Changed)>,
    /// Notes written before the log begins.
    forgotten: u64,
    uses: u64,
    /// By strategies, for domains that have changed so many times.
    breadths: Vec<(Vec<PlacementStrategy>, Breadth)>,
    breadths_of: u64,
}

/// A copy begins without any: it makes its own when it is asked.
impl Clone for Views {
    fn clone(&self) -> Self {
        Views::default()
    }
}

/// No two fleets differ in what they remember.
impl PartialEq for Views {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Views {
    /// An instance changed, in a fleet of so many ordinals.
    pub fn note(&mut self, idx: InstanceIdx, changed: Changed, ordinals: usize) {
        if self.entries.is_empty() {
            return;
        }
        let most = NOTES_MIN.max(ordinals);
        if self.log.len() >= 2 * most {
            // Whoever has not read them by now is as well off looking at everything.
            self.log.drain(..most);
            self.forgotten += most as u64;
        }
        self.log.push((idx, changed));
    }

    /// Drops all views.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.log.clear();
    }

    /// The view for so many tasks of a request, up to date.
    pub fn up_to_date(&mut self, fleet: &Fleet, question: &Question<'_>, count: usize) -> &mut View {
        let kind = Kind::new(fleet, question.request, count, || self.breadth(fleet, question.request.strategies));
        self.uses += 1;
        let now = self.forgotten + self.log.len() as u64;
        let known = self.entries.iter().position(|entry| entry.view.wants.is_for(question.request, kind));
        let at = known.unwrap_or_else(|| {
            self.make_room(fleet.ordinals());
            self.entries.push(Entry { view: View::new(question.request, kind), seen: 0, used: 0 });
            self.entries.len() - 1
        });
        let Entry { view, seen, used } = &mut self.entries[at];
        let widens = view.must_widen(question.need());
        match seen.checked_sub(self.forgotten) {
            Some(read) if known.is_some() && !widens => view.catch_up(fleet, question, &self.log[read as usize..]),
            _ => view.build(fleet, question),
        }
        (*seen, *used) = (now, self.uses);
        if self.entries.iter().all(|entry| entry.seen == now) {
            self.forgotten = now;
            self.log.clear();
        }
        &mut self.entries[at].view
    }

    /// As it was, unless the domains of a fleet are others by now: counting them takes as long as a placement.
    fn breadth(&mut self, fleet: &Fleet, strategies: &[PlacementStrategy]) -> Breadth {
        let changes = fleet.values.changes();
        if self.breadths_of != changes || self.breadths.len() >= VIEWS_MAX {
            self.breadths_of = changes;
            self.breadths.clear();
        }
        if let Some((_, breadth)) = self.breadths.iter().find(|(known, _)| known == strategies) {
            return *breadth;
        }
        let breadth = breadth(fleet, strategies);
        self.breadths.push((strategies.to_vec(), breadth));
        breadth
    }

    fn make_room(&mut self, ordinals: usize) {
        let most = (SLOTS_MAX / ordinals.max(1)).clamp(VIEWS_MIN, VIEWS_MAX);
        while self.entries.len() >= most {
            let oldest = (0..self.entries.len()).min_by_key(|&at| self.entries[at].used);
            self.entries.swap_remove(oldest.expect("there are as many views as may be"));
        }
    }
}
