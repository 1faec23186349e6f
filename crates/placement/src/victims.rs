//! Which tasks to stop when a service has too many (TERM-3, TERM-4): placing, turned round.
//!
//! Ranks count down from the top where placing counts up: the fullest domain first, the instance with the most
//! capacity left over first. An entry stands for an instance and its next victim, because the victims of one instance
//! keep their order among each other whatever is stopped.

use crate::chain::{Chain, Domains, Standing};
use crate::ladder::{Ladder, Leaf, Ranks};
use crate::mutant;
use crate::{Fleet, GroupIdx, InstanceIdx};
use plimsoll_model::{PlacementStrategy, Reserved, TaskId, Timestamp};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// A live task of the group that may be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Victim<'a> {
    pub task: TaskId,
    pub instance: InstanceIdx,
    pub created_at: Timestamp,
    pub reserved: &'a Reserved,
}

/// The first `count` of the candidates to stop, in that order, or all of them; each choice sees the ones before as
/// stopped.
///
/// What is preferred for other reasons (TERM-2) or protected (TERM-1) the caller sorts out by asking for one class of
/// tasks after another, with [`Fleet::task_stopping`] in between.
pub fn pick_victims(
    fleet: &Fleet,
    group: GroupIdx,
    strategies: &[PlacementStrategy],
    candidates: &[Victim<'_>],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<TaskId> {
    let chain = Chain::new(strategies);
    if chain.steps.is_empty() {
        return any_of(candidates, count, rng);
    }
    let mut sifting = Sifting::new(fleet, group, &chain, candidates);
    let mut picked = Vec::with_capacity(count.min(candidates.len()));
    while picked.len() < count {
        let Some((pile, nth)) = sifting.choose(rng) else { break };
        picked.push(sifting.stop(pile, nth));
    }
    picked
}

/// `random` alone: every task is as likely as the other.
fn any_of(candidates: &[Victim<'_>], count: usize, rng: &mut ChaCha8Rng) -> Vec<TaskId> {
    let mut left: Vec<TaskId> = candidates.iter().map(|victim| victim.task).collect();
    left.sort();
    let draws = (0..count.min(left.len())).map(|_| {
        let nth = rng.random_range(0..left.len() as u64) as usize;
        left.swap_remove(nth)
    });
    draws.collect()
}

/// The candidates on one instance.
struct Pile {
    leaf: Leaf,
    /// As if what was chosen here had stopped.
    standing: Standing,
    /// The next to stop first: whose stop frees the most of what the chain packs, then by number.
    numbers: VecDeque<u32>,
}

struct Sifting<'a> {
    chain: &'a Chain,
    /// A victim's number is its position here: newest first, then by id of the instance and of the task.
    victims: Vec<Victim<'a>>,
    piles: Vec<Pile>,
    /// By number of a victim.
    pile_of: Vec<usize>,
    ladder: Ladder,
}

impl<'a> Sifting<'a> {
    fn new(fleet: &'a Fleet, group: GroupIdx, chain: &'a Chain, candidates: &[Victim<'a>]) -> Self {
        let mut victims = candidates.to_vec();
        victims.sort_by_cached_key(|one| (Reverse(one.created_at), fleet.instance(one.instance), one.task));
        if mutant!(StopsTheOldest => true, false) {
            victims.reverse();
        }
        let mut numbers_on: BTreeMap<InstanceIdx, Vec<u32>> = BTreeMap::new();
        for (number, victim) in victims.iter().enumerate() {
            numbers_on.entry(victim.instance).or_default().push(number as u32);
        }
        let instances: Vec<InstanceIdx> = numbers_on.keys().copied().collect();
        let domains = Domains::new(fleet, group, chain, &instances);
        let mut ladder = domains.ladder(|tasks| mutant!(StopsWhereFewest => tasks, -tasks));
        let mut pile_of = vec![0; victims.len()];
        let mut piles = Vec::with_capacity(instances.len());
        for (nth, (idx, mut numbers)) in numbers_on.into_iter().enumerate() {
            numbers.iter().for_each(|&number| pile_of[number as usize] = nth);
            numbers.sort_by_cached_key(|&number| (packed(chain, &victims[number as usize]), number));
            let leaf = ladder.leaf(&domains.path(nth));
            let standing = Standing { tasks_alone: domains.tasks_alone(nth), ..fleet.standing_in_full(idx, group) };
            piles.push(Pile { leaf, standing, numbers: numbers.into() });
        }
        let mut sifting = Sifting { chain, victims, piles, pile_of, ladder };
        (0..sifting.piles.len()).for_each(|pile| sifting.file(pile));
        sifting.ladder.settle_all();
        sifting
    }

    /// A pile, and which of its victims.
    fn choose(&self, rng: &mut ChaCha8Rng) -> Option<(usize, usize)> {
        if !self.chain.ends_random {
            return self.ladder.best().map(|number| (self.pile_of[number as usize], 0));
        }
        // Every task is as likely as the other, so an instance counts as often as it has tasks that tie.
        let tied: Vec<usize> =
            self.ladder.tied().into_iter().flatten().map(|number| self.pile_of[number as usize]).collect();
        let total: usize = tied.iter().map(|&pile| self.equals_in(pile)).sum();
        if total == 0 {
            return None;
        }
        let mut nth = rng.random_range(0..total as u64) as usize;
        for pile in tied {
            let equals = self.equals_in(pile);
            if nth < equals {
                return Some((pile, nth));
            }
            nth -= equals;
        }
        unreachable!("the piles together hold as many victims as were counted")
    }

    /// Victims of a pile that the chain does not tell apart from its first.
    fn equals_in(&self, pile: usize) -> usize {
        let numbers = &self.piles[pile].numbers;
        if !self.chain.packs() {
            return numbers.len();
        }
        let packed_as = |number: u32| packed(self.chain, &self.victims[number as usize]);
        numbers.front().map_or(0, |&first| numbers.partition_point(|&number| packed_as(number) <= packed_as(first)))
    }

    fn stop(&mut self, pile: usize, nth: usize) -> TaskId {
        let (own, first) = self.entry(pile).expect("a pile that was chosen has victims");
        let leaf = self.piles[pile].leaf;
        self.ladder.remove(leaf, own, first);
        let number = self.piles[pile].numbers.remove(nth).expect("the chosen victim is in its pile");
        let victim = self.victims[number as usize];
        self.piles[pile].standing.stop(&victim);
        self.file(pile);
        self.ladder.settle(leaf);
        self.ladder.rerank_path(leaf, |rank| rank + 1);
        victim.task
    }

    fn file(&mut self, pile: usize) {
        if let Some((own, number)) = self.entry(pile) {
            self.ladder.insert(self.piles[pile].leaf, own, number);
        }
    }

    /// Where the pile's first victim stands: by what is available after it has stopped (TERM-4).
    fn entry(&self, pile: usize) -> Option<(Ranks, u32)> {
        let Pile { standing, ref numbers, .. } = self.piles[pile];
        let number = *numbers.front()?;
        let mut after = standing;
        after.free(self.victims[number as usize].reserved);
        Some((self.chain.own_ranks(&after).map(|amount| mutant!(StopsWhereFewest => amount, -amount)), number))
    }
}

impl Standing {
    fn stop(&mut self, victim: &Victim<'_>) {
        assert!(self.tasks > 0, "victim {} is not a live task of the group", victim.task);
        self.free(victim.reserved);
        self.tasks -= 1;
        self.tasks_alone.iter_mut().flatten().for_each(|tasks| *tasks -= 1);
    }

    fn free(&mut self, reserved: &Reserved) {
        self.cpu_free += i64::from(reserved.cpu_units);
        self.memory_free += i64::from(reserved.memory_mib);
    }
}

/// Sets victims of one instance apart: only what they hold of the packed resources differs between them.
fn packed(chain: &Chain, victim: &Victim<'_>) -> Ranks {
    let mut freed = Standing::default();
    freed.free(victim.reserved);
    chain.own_ranks(&freed).map(|amount| -amount)
}
