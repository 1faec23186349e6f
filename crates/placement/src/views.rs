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

#[cfg(test)]
mod tests {
    use crate::{Demand, Fleet, GroupIdx, InstanceIdx, NodeSpec, Request};
    use plimsoll_model::{InstanceId, PlacementStrategy, Reserved, Resources, SpreadField, Timestamp};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeMap;

    #[test]
    fn groups_with_many_tasks_share_a_view_unless_they_count_them_on_instances() {
        let by_zone = PlacementStrategy::Spread(SpreadField::Attribute("ecs.availability-zone".into()));
        let by_instance = PlacementStrategy::Spread(SpreadField::Instance);
        for (strategies, views) in [
            (vec![by_zone.clone(), PlacementStrategy::BinpackCpu], 1),
            (vec![PlacementStrategy::BinpackMemory], 1),
            // The shared one, from when the groups had few tasks, and one for each.
            (vec![by_zone, by_instance.clone()], 5),
            (vec![by_instance], 5),
        ] {
            let mut fleet = fleet(12);
            let groups: Vec<GroupIdx> = (0..4).map(|nth| fleet.group(&format!("service:{nth}"))).collect();
            for nth in 0..80 {
                place(&mut fleet, groups[nth % 4], &strategies);
            }
            assert_eq!(fleet.views.entries.len(), views, "{strategies:?}");
        }
    }

    #[test]
    fn tasks_that_go_with_their_instance_count_no_more_though_another_takes_its_ordinal() {
        let by_zone = PlacementStrategy::Spread(SpreadField::Attribute("ecs.availability-zone".into()));
        let strategies = [by_zone, PlacementStrategy::BinpackCpu];
        let mut fleet = fleet(12);
        let group = fleet.group("service:0");
        // Three a zone, each in another place, so that the group has tasks on many instances.
        let reserved = Reserved { cpu_units: 1, memory_mib: 1, ..Reserved::default() };
        for nth in 0..9 {
            let idx = fleet.idx(InstanceId::from_u128(nth + 1)).unwrap();
            fleet.add_task(idx, group, &reserved);
        }
        place(&mut fleet, group, &strategies);
        // The second zone has one task less than any other from here on.
        let gone = InstanceId::from_u128(2);
        let ordinal = fleet.idx(gone).unwrap();
        fleet.remove(gone);
        assert_eq!(fleet.put(spec(13)), ordinal, "an instance of the same zone takes the place");
        let zone = |idx| (fleet.instance(idx).as_u128() - 1) % 3;
        let on = fleet.clone().plan(&request(&demand(), group, &strategies), 1, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(zone(on.placed[0].0), 1);
        let same = place(&mut fleet, group, &strategies);
        assert_eq!(same, on.placed[0].0, "with what is remembered and without");
    }

    fn demand() -> Demand {
        Demand { cpu_units: 1, memory_mib: 1, ..Demand::default() }
    }

    fn request<'a>(demand: &'a Demand, group: GroupIdx, strategies: &'a [PlacementStrategy]) -> Request<'a> {
        Request {
            demand,
            required_attributes: &[],
            member_of: &[],
            distinct_instance: false,
            group,
            strategies,
            external: false,
            takes_kept_room: false,
            capacity_provider: None,
        }
    }

    fn place(fleet: &mut Fleet, group: GroupIdx, strategies: &[PlacementStrategy]) -> InstanceIdx {
        let plan = fleet.plan(&request(&demand(), group, strategies), 1, &mut ChaCha8Rng::seed_from_u64(1));
        let (idx, reserved) = &plan.placed[0];
        fleet.add_task(*idx, group, reserved);
        *idx
    }

    fn fleet(instances: u128) -> Fleet {
        let mut fleet = Fleet::new();
        for nth in 0..instances {
            fleet.put(spec(nth));
        }
        fleet
    }

    fn spec(nth: u128) -> NodeSpec {
        NodeSpec {
            instance: InstanceId::from_u128(nth + 1),
            ec2_instance_id: format!("i-{nth}").into(),
            registered_at: Timestamp::ZERO,
            agent_version: None,
            attributes: BTreeMap::from([("ecs.availability-zone".into(), Some(format!("z{}", nth % 3).into()))]),
            resources: Resources { cpu_units: 12, memory_mib: 12, ..Resources::default() },
            active: true,
            connected: true,
            damped: false,
        }
    }
}
