//! The policy that rules in a fleet, and the scores it has given: per kind of request a board over all instances, in
//! order of id, that catches up with what changed when it is next asked.
//!
//! Unlike a [`super::Pool`], whose nodes are all a task could want, a fleet's instances may be the wrong ones for it: an
//! instance that fails any check of the request has no score on its board. Boards are memory, not state.

use super::board::{Board, NOWHERE};
use super::pool::best_of;
use super::spec::{AMOUNT_MAX, PolicySpec};
use super::{Largest, Policy, Score, Selection, TieBreak, Typical, WHOLE_GPU};
use crate::check::Question;
use crate::view::Changed;
use crate::{Demand, Expression, Fleet, GroupIdx, InstanceIdx, Request};
use rand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Instances on all boards together, some fifty bytes each. Beyond it, the board that was not used for longest goes.
const PLACES_MAX: usize = 1 << 20;
/// Boards that are kept however large the fleet is, and however small.
const BOARDS_MIN: usize = 4;
const BOARDS_MAX: usize = 256;
/// Notes that are kept in a small fleet; in a large one, as many as it has instances.
const NOTES_MIN: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Boards {
    spec: Option<PolicySpec>,
    typical: Vec<Typical>,
    built: Option<Built>,
    /// Instances in order of id; empty until a policy is first asked, and again when one joins or leaves.
    roster: Vec<InstanceIdx>,
    /// By ordinal: the place in the roster.
    places: Vec<u32>,
    /// By ordinal: what is registered, as it is counted in `sizes`.
    registered: Vec<Option<Registered>>,
    sizes: Sizes,
    /// By ordinal: how often the instance has changed.
    versions: Vec<u32>,
    log: Vec<InstanceIdx>,
    /// Notes written before the log begins.
    forgotten: u64,
    entries: Vec<Entry>,
    uses: u64,
}

#[derive(Debug)]
pub(super) struct Built {
    policy: Box<dyn Policy>,
    selection: Selection,
    largest: Largest,
}

#[derive(Debug)]
struct Entry {
    wants: Wants,
    board: Board,
    /// Places that stand as if a plan were carried out.
    dirty: Vec<u32>,
    used: u64,
}

/// What an instance has in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Registered {
    pub cpu_units: u32,
    pub memory_mib: u32,
    pub gpus: u32,
}

/// How many instances have so much of each, so that the largest are known when one goes.
#[derive(Debug, Default)]
struct Sizes([BTreeMap<u32, u32>; 3]);

/// All of a request that a score depends on.
#[derive(PartialEq, Debug)]
struct Wants {
    demand: Demand,
    required_attributes: Vec<Arc<str>>,
    member_of: Vec<Arc<Expression>>,
    /// Whose tasks are in the way, where any are.
    apart_from: Option<GroupIdx>,
    external: bool,
    capacity_provider: Option<Arc<str>>,
}

/// A copy rules by the same policy and has given no scores yet.
impl Clone for Boards {
    fn clone(&self) -> Self {
        Boards { spec: self.spec.clone(), typical: self.typical.clone(), ..Boards::default() }
    }
}

/// No two fleets differ in what they remember.
impl PartialEq for Boards {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Boards {
    pub fn spec(&self) -> Option<&PolicySpec> {
        self.spec.as_ref()
    }

    pub fn rule_by(&mut self, spec: Option<PolicySpec>) {
        if self.spec != spec {
            *self = Boards { spec, typical: std::mem::take(&mut self.typical), ..Boards::default() };
        }
    }

    pub fn expect(&mut self, typical: Vec<Typical>) {
        if self.typical != typical {
            self.typical = typical;
            self.forget_scores();
        }
    }

    fn forget_scores(&mut self) {
        self.built = None;
        self.entries.clear();
        self.log.clear();
    }

    /// An instance changed; `registered` is what it has where that may have changed too, as it may at every
    /// [`Changed::Spec`] and [`Changed::Gone`].
    pub fn note(&mut self, idx: InstanceIdx, changed: Changed, registered: impl FnOnce() -> Option<Registered>) {
        // Without a roster everything is looked at anyway.
        if self.roster.is_empty() {
            return;
        }
        if matches!(changed, Changed::Spec | Changed::Gone) {
            let now = registered();
            let before = self.registered.get(idx.at()).copied().flatten();
            if before.is_some() != now.is_some() {
                self.roster.clear();
                return;
            }
            self.sizes.replace(before, now);
            self.registered[idx.at()] = now;
        }
        self.versions[idx.at()] = self.versions[idx.at()].wrapping_add(1);
        if self.entries.is_empty() {
            return;
        }
        if self.log.len() >= NOTES_MIN.max(self.roster.len()) {
            self.forgotten += self.log.len() as u64;
            self.log.clear();
        }
        self.log.push(idx);
    }

    fn take_roll(&mut self, fleet: &Fleet) {
        self.entries.clear();
        self.log.clear();
        self.roster = fleet.in_id_order().collect();
        self.places = vec![0; fleet.ordinals()];
        self.registered = vec![None; fleet.ordinals()];
        self.versions = vec![0; fleet.ordinals()];
        self.sizes = Sizes::default();
        for (place, &idx) in (0..).zip(&self.roster) {
            self.places[idx.at()] = place;
            self.registered[idx.at()] = fleet.registered(idx);
            self.sizes.replace(None, self.registered[idx.at()]);
        }
    }

    /// The policy as it is for instances of these sizes; when the largest is another, what was scored was so by other
    /// measures.
    fn build(&mut self) {
        let largest = self.sizes.largest();
        if self.built.as_ref().is_some_and(|built| built.largest == largest) {
            return;
        }
        self.forget_scores();
        let spec = self.spec.as_ref().expect("only a policy that rules is asked");
        let exact = spec.build(largest.to_three_digits(), &self.typical);
        let chosen = exact.or_else(|_| spec.build(largest.to_powers_of_two(), &self.typical));
        let chosen = chosen.expect("its options were accepted for the largest amounts there can be");
        let selection = Selection::of(chosen.policy.as_ref(), chosen.tie_break);
        self.built = Some(Built { policy: chosen.policy, selection, largest });
    }

    /// Where the next of `count` such tasks goes, for as many as find a place.
    pub fn choose(
        &mut self,
        fleet: &Fleet,
        question: &Question<'_>,
        count: usize,
        rng: &mut dyn Rng,
    ) -> Vec<(InstanceIdx, u32)> {
        let mut planned: BTreeMap<InstanceIdx, u32> = BTreeMap::new();
        let mut chosen = Vec::with_capacity(count);
        let Some(at) = self.up_to_date(fleet, question) else { return chosen };
        let built = self.built.as_ref().expect("an entry was scored by it");
        let Entry { board, dirty, .. } = &mut self.entries[at];
        while chosen.len() < count {
            let Some(place) = built.selection.choose(board, rng) else { break };
            let idx = self.roster[place];
            let nth = planned.entry(idx).or_insert(0);
            chosen.push((idx, *nth));
            *nth += 1;
            if *nth == 1 {
                dirty.push(place as u32);
            }
            board.set(place, self.versions[idx.at()].wrapping_sub(1), score(fleet, question, built, idx, *nth));
        }
        chosen
    }

    /// Those that take the task, best first, with their scores; between equals, lowest id first.
    pub fn ranked(&mut self, fleet: &Fleet, question: &Question<'_>) -> Vec<(InstanceIdx, Score)> {
        let Some(at) = self.up_to_date(fleet, question) else { return Vec::new() };
        let board = &self.entries[at].board;
        let scored = self.roster.iter().enumerate().map(|(place, &idx)| (idx, board.score(place)));
        let mut ranked: Vec<(InstanceIdx, Score)> = scored.filter(|(_, score)| *score != NOWHERE).collect();
        // Stable, and in order of id before.
        ranked.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
        ranked
    }

    /// The entry for a request; none where there is no instance at all.
    fn up_to_date(&mut self, fleet: &Fleet, question: &Question<'_>) -> Option<usize> {
        if self.roster.is_empty() {
            self.take_roll(fleet);
        }
        if self.roster.is_empty() {
            return None;
        }
        self.build();
        self.uses += 1;
        let built = self.built.as_ref()?;
        let newest = self.forgotten + self.log.len() as u64;
        let known = self.entries.iter().position(|entry| entry.wants.are_of(question.request));
        let at = known.unwrap_or_else(|| {
            let most = (PLACES_MAX / self.roster.len()).clamp(BOARDS_MIN, BOARDS_MAX);
            while self.entries.len() >= most {
                let oldest = (0..self.entries.len()).min_by_key(|&at| self.entries[at].used);
                self.entries.swap_remove(oldest.expect("there are as many boards as may be"));
            }
            let mut board = Board::new(self.roster.len(), built.selection.counted());
            for (place, &idx) in self.roster.iter().enumerate() {
                board.set_leaf(place, self.versions[idx.at()], score(fleet, question, built, idx, 0));
            }
            board.play_all();
            board.seen = newest;
            self.entries.push(Entry { wants: Wants::of(question.request), board, dirty: Vec::new(), used: 0 });
            self.entries.len() - 1
        });
        let Entry { board, dirty, used, .. } = &mut self.entries[at];
        *used = self.uses;
        let seen = std::mem::replace(&mut board.seen, newest);
        let mut look_again = |place: usize| {
            let idx = self.roster[place];
            let version = self.versions[idx.at()];
            if !board.knows(place, version) {
                board.set(place, version, score(fleet, question, built, idx, 0));
            }
        };
        dirty.drain(..).for_each(|place| look_again(place as usize));
        if seen < self.forgotten {
            // Notes it has missed are not kept any more.
            (0..self.roster.len()).for_each(look_again);
        } else {
            let from = usize::try_from(seen - self.forgotten).expect("an index");
            self.log[from..].iter().for_each(|idx| look_again(self.places[idx.at()] as usize));
        }
        if self.entries.iter().all(|entry| entry.board.seen == newest) {
            self.forgotten = newest;
            self.log.clear();
        }
        Some(at)
    }
}

fn score(fleet: &Fleet, question: &Question<'_>, built: &Built, idx: InstanceIdx, planned: u32) -> Score {
    let hot = fleet.hot(idx);
    if !hot.active || !hot.is(question.kind) || fleet.refusal(idx, question, planned).is_some() {
        return NOWHERE;
    }
    let task = question.request.demand.as_task();
    built.policy.score(&task, &fleet.as_node(idx, &task, planned))
}

impl Selection {
    fn choose(self, board: &Board, rng: &mut dyn Rng) -> Option<usize> {
        match self {
            Selection::Best(TieBreak::First) => board.first(),
            Selection::Best(TieBreak::Random) => board.any(rng),
            Selection::BestOf(samples, tie_break) => best_of(board, samples.get(), tie_break, rng),
        }
    }
}

impl Sizes {
    fn replace(&mut self, before: Option<Registered>, after: Option<Registered>) {
        if before == after {
            return;
        }
        let amounts = |one: Registered| [one.cpu_units, one.memory_mib, one.gpus];
        if let Some(before) = before {
            for (counts, amount) in self.0.iter_mut().zip(amounts(before)) {
                let count = counts.get_mut(&amount).expect("it was counted when it was put there");
                *count -= 1;
                if *count == 0 {
                    counts.remove(&amount);
                }
            }
        }
        if let Some(after) = after {
            for (counts, amount) in self.0.iter_mut().zip(amounts(after)) {
                *counts.entry(amount).or_insert(0) += 1;
            }
        }
    }

    fn largest(&self) -> Largest {
        let most = |counts: &BTreeMap<u32, u32>| counts.keys().next_back().copied().unwrap_or(0);
        let [cpu, memory, gpus] = &self.0;
        Largest {
            cpu_milli: most(cpu).min(AMOUNT_MAX),
            memory_mib: most(memory).min(AMOUNT_MAX),
            gpu_milli: most(gpus).min(super::DEVICES_MAX as u32) * u32::from(WHOLE_GPU),
        }
    }
}

impl Largest {
    /// Rounded up to three binary digits: whole shares of such amounts have a small common multiple, and an instance a
    /// little larger than the others does not change every score.
    pub(super) fn to_three_digits(self) -> Largest {
        self.each(|amount| {
            let step = 1 << (amount.max(1).ilog2().saturating_sub(2));
            amount.div_ceil(step) * step
        })
    }

    pub(super) fn to_powers_of_two(self) -> Largest {
        self.each(|amount| if amount == 0 { 0 } else { amount.next_power_of_two() })
    }

    fn each(self, round: impl Fn(u32) -> u32) -> Largest {
        Largest {
            cpu_milli: round(self.cpu_milli),
            memory_mib: round(self.memory_mib),
            gpu_milli: round(self.gpu_milli),
        }
    }
}

impl Wants {
    fn of(request: &Request<'_>) -> Self {
        Wants {
            demand: request.demand.clone(),
            required_attributes: request.required_attributes.to_vec(),
            member_of: request.member_of.to_vec(),
            apart_from: request.distinct_instance.then_some(request.group),
            external: request.external,
            capacity_provider: request.capacity_provider.map(Arc::from),
        }
    }

    fn are_of(&self, request: &Request<'_>) -> bool {
        self.demand == *request.demand
            && self.apart_from == request.distinct_instance.then_some(request.group)
            && self.external == request.external
            && self.capacity_provider.as_deref() == request.capacity_provider
            && self.member_of == request.member_of
            && self.required_attributes == request.required_attributes
    }
}
