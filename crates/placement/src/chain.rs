//! A chain of strategies taken apart: which ranks an instance has of its own, which it shares with its domain.

use crate::key::Key;
use crate::ladder::{DomainIdx, Ladder, Ranks};
use crate::strategy::STRATEGIES_MAX;
use crate::words::Word;
use crate::{Demand, Fleet, GroupIdx, InstanceIdx};
use plimsoll_model::{PlacementStrategy, SpreadField};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The attribute that names an instance's zone.
pub(crate) const ZONE_ATTRIBUTE: &str = "ecs.availability-zone";

/// One strategy that ranks; `random` does not, it ends the chain (PL-2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    CpuFree,
    MemoryFree,
    TasksOnInstance,
    /// Tasks of the group in the domain this attribute names.
    TasksInDomain(Arc<str>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Chain {
    pub steps: Vec<Step>,
    pub ends_random: bool,
}

/// What an instance's own ranks are made of.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub cpu_free: i64,
    pub memory_free: i64,
    pub tasks: i64,
    /// At the places of shared ranks that it shares with no other: tasks in its domain.
    pub tasks_alone: [Option<i64>; STRATEGIES_MAX],
}

impl Chain {
    /// No strategy means the zones first, then the instances with the fewest tasks of the group (PL-6, PL-7, TERM-3).
    ///
    /// Longer chains than [`STRATEGIES_MAX`] are refused where they are written. Of one that got past, the rest is left
    /// out, as it could only choose among equals: a stored row must not stop the scheduler.
    pub fn new(strategies: &[PlacementStrategy]) -> Self {
        if strategies.is_empty() {
            let steps = vec![Step::TasksInDomain(ZONE_ATTRIBUTE.into()), Step::TasksOnInstance];
            return Chain { steps, ends_random: false };
        }
        let mut chain = Chain { steps: Vec::new(), ends_random: false };
        for strategy in strategies.iter().take(STRATEGIES_MAX) {
            let step = match strategy {
                PlacementStrategy::Random => {
                    chain.ends_random = true;
                    break;
                }
                PlacementStrategy::Spread(SpreadField::Instance) => Step::TasksOnInstance,
                PlacementStrategy::Spread(SpreadField::Attribute(name)) => Step::TasksInDomain(Arc::clone(name)),
                PlacementStrategy::BinpackCpu => Step::CpuFree,
                PlacementStrategy::BinpackMemory => Step::MemoryFree,
            };
            // Said twice, a strategy chooses among equals the second time.
            if !chain.steps.contains(&step) {
                chain.steps.push(step);
            }
        }
        chain
    }

    /// The place and the attribute of every rank that an instance shares with its domain.
    pub fn shared(&self) -> impl Iterator<Item = (usize, Arc<str>)> {
        self.steps.iter().enumerate().filter_map(|(place, step)| match step {
            Step::TasksInDomain(attribute) => Some((place, Arc::clone(attribute))),
            _ => None,
        })
    }

    /// The steps as strategies.
    pub fn strategies(&self) -> Vec<PlacementStrategy> {
        let strategy = |step: &Step| match step {
            Step::CpuFree => PlacementStrategy::BinpackCpu,
            Step::MemoryFree => PlacementStrategy::BinpackMemory,
            Step::TasksOnInstance => PlacementStrategy::Spread(SpreadField::Instance),
            Step::TasksInDomain(name) => PlacementStrategy::Spread(SpreadField::Attribute(Arc::clone(name))),
        };
        self.steps.iter().map(strategy).collect()
    }

    /// Whether it fills one instance after the other, the first of equals first.
    pub fn only_packs(&self) -> bool {
        let packs = |step: &Step| matches!(step, Step::CpuFree | Step::MemoryFree);
        !self.ends_random && self.steps.iter().all(packs)
    }

    /// Whether tasks of one instance can rank differently: packing counts what a task holds.
    pub fn packs(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::CpuFree | Step::MemoryFree))
    }

    /// Where the tasks on an instance go in a key.
    pub fn place_of_tasks(&self) -> Option<usize> {
        self.steps.iter().position(|step| *step == Step::TasksOnInstance)
    }

    /// The key of an instance that takes so many more tasks; ranks of domains stay as they are.
    pub fn with_more(&self, mut key: Key, demand: &Demand, tasks: u32) -> Key {
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                Step::CpuFree => key.set(place, key.get(place) - tasks * demand.cpu_units),
                Step::MemoryFree => key.set(place, key.get(place) - tasks * demand.memory_mib),
                Step::TasksOnInstance => key.set(place, key.get(place) + tasks),
                Step::TasksInDomain(_) => {}
            }
        }
        key
    }

    /// Ranks of an instance's own, in the places of their steps; shared ones stay 0.
    pub fn own_ranks(&self, standing: &Standing) -> Ranks {
        let mut ranks = Ranks::default();
        for (place, step) in self.steps.iter().enumerate() {
            ranks[place] = match step {
                Step::CpuFree => standing.cpu_free,
                Step::MemoryFree => standing.memory_free,
                Step::TasksOnInstance => standing.tasks,
                Step::TasksInDomain(_) => standing.tasks_alone[place].unwrap_or(0),
            };
        }
        ranks
    }
}

/// For every shared rank of a chain, the domains its attribute divides some instances into.
///
/// An instance that has a domain for itself shares no rank: where an attribute is as good as the instance's name, the
/// ladder would grow a branch per instance. All such instances are filed under one domain, [`ALONE`].
pub(crate) struct Domains {
    levels: Vec<Level>,
    /// One domain per level for each of the instances, one instance after the other.
    paths: Vec<DomainIdx>,
}

const ALONE: DomainIdx = 0;

struct Level {
    place: usize,
    /// Absent when no instance has the attribute.
    attribute: Option<Word>,
    /// `None` is the domain of the instances without the attribute (PL-3).
    numbers: BTreeMap<Option<Word>, DomainIdx>,
    /// Live tasks of the group per domain.
    tasks: Vec<i64>,
    /// Instances per domain, of those that are ranked.
    members: Vec<u32>,
}

impl Domains {
    /// Divides the given instances. Tasks are counted over all instances of the fleet (PL-3).
    pub fn new(fleet: &Fleet, group: GroupIdx, chain: &Chain, ranked: &[InstanceIdx]) -> Self {
        let levels = chain.steps.iter().enumerate().filter_map(|(place, step)| match step {
            Step::TasksInDomain(attribute) => Some(Level::new(place, fleet.word(attribute))),
            _ => None,
        });
        let mut levels: Vec<Level> = levels.collect();
        for (idx, counts) in fleet.groups.instances(group) {
            for level in &mut levels {
                let domain = level.number(fleet, idx);
                level.tasks[domain] += i64::from(counts.live);
            }
        }
        let mut paths = Vec::with_capacity(ranked.len() * levels.len());
        for &idx in ranked {
            for level in &mut levels {
                let domain = level.number(fleet, idx);
                level.members[domain] += 1;
                paths.push(domain);
            }
        }
        Domains { levels, paths }
    }

    /// An empty ladder over these domains; `rank` says how good it is to have so many tasks.
    pub fn ladder(&self, rank: impl Fn(i64) -> i64) -> Ladder {
        let shared = self.levels.iter().map(|level| {
            let ranks = level.tasks.iter().enumerate().map(|(domain, &tasks)| (domain != ALONE).then(|| rank(tasks)));
            (level.place, ranks.collect())
        });
        Ladder::new(shared.collect())
    }

    /// Where in the ladder the nth instance belongs.
    pub fn path(&self, nth: usize) -> Vec<DomainIdx> {
        self.domains(nth).map(|(level, domain)| if level.members[domain] == 1 { ALONE } else { domain }).collect()
    }

    /// See [`Standing::tasks_alone`].
    pub fn tasks_alone(&self, nth: usize) -> [Option<i64>; STRATEGIES_MAX] {
        let mut alone = [None; STRATEGIES_MAX];
        for (level, domain) in self.domains(nth).filter(|&(level, domain)| level.members[domain] == 1) {
            alone[level.place] = Some(level.tasks[domain]);
        }
        alone
    }

    fn domains(&self, nth: usize) -> impl Iterator<Item = (&Level, DomainIdx)> {
        let depth = self.levels.len();
        self.levels.iter().zip(self.paths[nth * depth..].iter().copied())
    }
}

impl Level {
    fn new(place: usize, attribute: Option<Word>) -> Self {
        Level { place, attribute, numbers: BTreeMap::new(), tasks: vec![0], members: vec![0] }
    }

    /// The domain of an instance; one not seen before gets the next number.
    fn number(&mut self, fleet: &Fleet, idx: InstanceIdx) -> DomainIdx {
        let value = self.attribute.and_then(|attribute| fleet.attribute(idx, attribute));
        *self.numbers.entry(value).or_insert_with(|| {
            self.tasks.push(0);
            self.members.push(0);
            self.tasks.len() - 1
        })
    }
}
