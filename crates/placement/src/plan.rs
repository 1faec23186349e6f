//! Placing a batch of identical tasks: the candidates are found once, then every task takes the best of them.
//!
//! Phases, as the README names them: candidates, ranking, placing, rejection. Only the instance a task was put on
//! changes, so after each task that one is checked again and no other; an instance that was no candidate never
//! becomes one within the batch.

use crate::chain::{Chain, Domains, Standing};
use crate::check::Question;
use crate::ladder::{Ladder, Leaf};
use crate::mutant;
use crate::{Demand, Fleet, InstanceIdx, Plan, Request};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

impl Fleet {
    /// Where `count` identical tasks go, one after another (PL-1..12). Changes nothing; the same fleet, request and
    /// generator give the same plan.
    pub fn plan(&self, request: &Request<'_>, count: usize, rng: &mut ChaCha8Rng) -> Plan {
        let mut plan = Plan { placed: Vec::with_capacity(count), rejection: None };
        if count == 0 {
            return plan;
        }
        let (chain, question) = (Chain::new(request.strategies), self.question(request));
        let mut ranking = Ranking::new(self, &question, &chain);
        while plan.placed.len() < count {
            let Some(number) = ranking.choose(rng) else {
                plan.rejection = Some(self.rejection(&question, &plan));
                break;
            };
            let candidate = &ranking.candidates[number as usize];
            plan.placed.push((candidate.idx, self.reserve(candidate.idx, request.demand, candidate.planned)));
            ranking.place(number);
        }
        plan
    }

    /// Instances that take one more task, in order of id. What is cheap and rules out many is looked at first.
    fn candidates(&self, question: &Question<'_>) -> Vec<InstanceIdx> {
        let (cpu, memory) = (question.request.demand.cpu_units, question.request.demand.memory_mib);
        let has_room = |idx: &InstanceIdx| {
            let hot = self.hot(*idx);
            let (cpu_room, memory_room) = hot.room(question.request.takes_kept_room);
            hot.active
                && mutant!(PlacesOnDisconnected => true, hot.is_reachable())
                && cpu_room >= cpu
                && memory_room >= memory
        };
        let of_kind = |idx: &InstanceIdx| self.hot(*idx).is(question.kind);
        let takes_it = |idx: &InstanceIdx| self.refusal(*idx, question, 0).is_none();
        self.in_id_order().filter(has_room).filter(of_kind).filter(takes_it).collect()
    }
}

/// An instance that took the task when the batch began; its number is its position in order of id (PL-8).
struct Candidate {
    idx: InstanceIdx,
    leaf: Leaf,
    standing: Standing,
    /// Tasks of this batch put there so far.
    planned: u32,
}

struct Ranking<'a> {
    fleet: &'a Fleet,
    question: &'a Question<'a>,
    chain: &'a Chain,
    candidates: Vec<Candidate>,
    ladder: Ladder,
}

impl<'a> Ranking<'a> {
    fn new(fleet: &'a Fleet, question: &'a Question<'a>, chain: &'a Chain) -> Self {
        let (found, group) = (fleet.candidates(question), question.request.group);
        let domains = Domains::new(fleet, group, chain, &found);
        let mut ladder = domains.ladder(|tasks| tasks);
        let mut candidates = Vec::with_capacity(found.len());
        for (nth, idx) in found.into_iter().enumerate() {
            let leaf = ladder.leaf(&domains.path(nth));
            let standing = Standing { tasks_alone: domains.tasks_alone(nth), ..fleet.standing(idx, group) };
            ladder.insert(leaf, chain.own_ranks(&standing), nth as u32);
            candidates.push(Candidate { idx, leaf, standing, planned: 0 });
        }
        ladder.settle_all();
        Ranking { fleet, question, chain, candidates, ladder }
    }

    /// Between equals, the lowest id, unless the chain ends in `random`: then each is as likely as the other.
    fn choose(&self, rng: &mut ChaCha8Rng) -> Option<u32> {
        if !self.chain.ends_random {
            return self.ladder.best();
        }
        let tied = self.ladder.tied();
        let total: usize = tied.iter().map(ExactSizeIterator::len).sum();
        if total == 0 {
            return None;
        }
        let mut nth = rng.random_range(0..total as u64) as usize;
        for mut run in tied {
            if nth < run.len() {
                return run.nth(nth);
            }
            nth -= run.len();
        }
        unreachable!("the runs together hold as many entries as were counted")
    }

    /// Counts the task in and files its instance anew, or not at all when it takes no further one.
    fn place(&mut self, number: u32) {
        let Candidate { idx, leaf, standing, planned } = &mut self.candidates[number as usize];
        let before = self.chain.own_ranks(standing);
        *planned += 1;
        standing.place(self.question.request.demand);
        let takes_more = self.fleet.refusal(*idx, self.question, *planned).is_none();
        let after = takes_more.then(|| self.chain.own_ranks(standing));
        if after != Some(before) {
            self.ladder.remove(*leaf, before, number);
            if let Some(after) = after {
                self.ladder.insert(*leaf, after, number);
            }
            self.ladder.settle(*leaf);
        }
        self.ladder.rerank_path(*leaf, |tasks| tasks + 1);
    }
}

impl Standing {
    fn place(&mut self, demand: &Demand) {
        self.cpu_free -= i64::from(demand.cpu_units);
        self.memory_free -= i64::from(demand.memory_mib);
        self.tasks += 1;
        self.tasks_alone.iter_mut().flatten().for_each(|tasks| *tasks += 1);
    }
}
