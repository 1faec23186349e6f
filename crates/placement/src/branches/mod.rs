//! The best instance with enough room while counts of tasks change: what makes one placement cost O(log n).
//!
//! A chain of strategies that filters left to right picks the smallest tuple of ranks, one per strategy. Ranks are of
//! two kinds. Own ranks belong to an instance (free memory). Shared ranks belong to a domain (tasks in a zone): one
//! placement changes the rank of every instance of the domain at once. Instances are therefore kept in a tree with one
//! level per shared rank. Its leaves hold them in order of their own ranks; a branch shows its first key to the branch
//! above with the rank of its domain filled in, and the largest room in it. A domain's new rank then moves one branch,
//! not its instances.
//!
//! What a branch shows is the best it could offer, not what it offers for a need of a certain size. A search goes
//! through branches in that order and stops at the first that could not be better than what it has found.

mod search;
mod tied;

use crate::STRATEGIES_MAX;
use crate::key::Key;
use crate::order::Order;
use crate::room::Room;
use crate::words::Word;
use std::collections::BTreeMap;

/// A branch without branches: where instances are filed.
pub(crate) type Leaf = u32;

/// A value of a level's attribute; those of all levels are numbered together.
pub(crate) type Domain = u32;

/// One shared rank.
#[derive(Debug)]
struct Level {
    /// Its place in a [`Key`].
    place: usize,
    /// `None` is the domain of the instances without the attribute (PL-3).
    numbers: BTreeMap<Option<Word>, Domain>,
}

#[derive(Debug, Default)]
struct Members {
    /// Live tasks of the group, on all instances of the fleet.
    tasks: u32,
    /// The branches for the domain: more than one where domains of different levels cross.
    branches: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Above {
    parent: u32,
    level: u32,
    domain: Domain,
}

#[derive(Debug)]
struct Branch {
    /// Absent at the root.
    above: Option<Above>,
    /// Instances by their own ranks in a leaf; else branches by the ranks that tell their instances apart from here on.
    order: Order,
    below: BTreeMap<Domain, u32>,
    /// What the branch above was shown.
    shown: Option<(Key, Room)>,
    /// Of a leaf, its position among the leaves.
    nth_leaf: Option<usize>,
}

impl Branch {
    fn new(above: Option<Above>) -> Self {
        Branch { above, order: Order::new(), below: BTreeMap::new(), shown: None, nth_leaf: None }
    }
}

/// What is read of every leaf, side by side.
#[derive(Debug)]
pub(crate) struct Row {
    pub leaf: Leaf,
    /// Of each level.
    path: [Domain; STRATEGIES_MAX],
    /// The first key, the ranks of the domains not filled in; `None` if there is no entry.
    pub first: Option<Key>,
}

#[derive(Debug)]
pub(crate) struct Branches {
    levels: Vec<Level>,
    domains: Vec<Members>,
    branches: Vec<Branch>,
    leaves: Vec<Row>,
    breadth: Breadth,
}

/// How many leaves a tree is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Breadth {
    /// So few that whoever looks for the best looks at the first entries of all: no branch is shown to the one above.
    Narrow,
    Wide,
}

pub(crate) const ROOT: u32 = 0;

impl Branches {
    /// `places` lists where each shared rank goes in a key.
    pub fn new(places: impl IntoIterator<Item = usize>, breadth: Breadth) -> Self {
        let level = |place| Level { place, numbers: BTreeMap::new() };
        let levels: Vec<Level> = places.into_iter().map(level).collect();
        let root = Branch::new(None);
        let mut branches = Branches { levels, domains: Vec::new(), branches: vec![root], leaves: Vec::new(), breadth };
        if branches.levels.is_empty() {
            branches.add_leaf(ROOT);
        }
        branches
    }

    pub fn len(&self) -> usize {
        self.branches.len()
    }

    pub fn leaves(&self) -> &[Row] {
        &self.leaves
    }

    /// The position of a leaf in [`Branches::leaves`].
    pub fn nth_leaf(&self, leaf: Leaf) -> usize {
        self.branches[leaf as usize].nth_leaf.expect("a leaf is among the leaves")
    }

    /// A key of this leaf with the ranks of its domains filled in, which have so many tasks.
    pub fn ranked(&self, row: &Row, tasks: &[u32], mut key: Key) -> Key {
        for (level, &domain) in self.levels.iter().zip(&row.path) {
            key.set(level.place, tasks[domain as usize]);
        }
        key
    }

    /// The domains of a leaf, from the first level on.
    pub fn path<'a>(&self, row: &'a Row) -> &'a [Domain] {
        &row.path[..self.levels.len()]
    }

    /// The leaf for one value per shared rank.
    pub fn leaf(&mut self, values: impl IntoIterator<Item = Option<Word>>) -> Leaf {
        let mut at = ROOT;
        for (level, value) in values.into_iter().enumerate() {
            let domain = self.domain_of(level, value);
            at = match self.branches[at as usize].below.get(&domain) {
                Some(&below) => below,
                None => self.grow(at, level, domain),
            };
        }
        at
    }

    /// The domain of a value; one not seen before gets the next number.
    fn domain_of(&mut self, level: usize, value: Option<Word>) -> Domain {
        *self.levels[level].numbers.entry(value).or_insert_with(|| {
            self.domains.push(Members::default());
            self.domains.len() as u32 - 1
        })
    }

    fn grow(&mut self, parent: u32, level: usize, domain: Domain) -> u32 {
        let new = self.branches.len() as u32;
        self.branches[parent as usize].below.insert(domain, new);
        self.branches.push(Branch::new(Some(Above { parent, level: level as u32, domain })));
        self.domains[domain as usize].branches.push(new);
        if level + 1 == self.levels.len() {
            self.add_leaf(new);
        }
        new
    }

    fn add_leaf(&mut self, leaf: Leaf) {
        let mut path = [0; STRATEGIES_MAX];
        self.domains(leaf).for_each(|(level, domain)| path[level] = domain);
        self.branches[leaf as usize].nth_leaf = Some(self.leaves.len());
        self.leaves.push(Row { leaf, path, first: None });
    }

    /// Levels above the leaves.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Where a level's rank goes in a key.
    pub fn place(&self, level: usize) -> usize {
        self.levels[level].place
    }

    pub fn order(&self, branch: u32) -> &Order {
        &self.branches[branch as usize].order
    }

    pub fn below(&self, branch: u32, domain: Domain) -> Option<u32> {
        self.branches[branch as usize].below.get(&domain).copied()
    }

    /// The domain that a branch other than the root is for.
    pub fn domain(&self, branch: u32) -> Domain {
        self.branches[branch as usize].above.expect("a branch below another has one above").domain
    }

    /// Level and domain of each branch from a leaf upwards.
    pub fn domains(&self, leaf: Leaf) -> impl Iterator<Item = (usize, Domain)> {
        let mut next = self.branches[leaf as usize].above;
        std::iter::from_fn(move || {
            let Above { parent, level, domain } = next?;
            next = self.branches[parent as usize].above;
            Some((level as usize, domain))
        })
    }

    /// Tasks that are counted, by domain.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = u32> {
        self.domains.iter().map(|members| members.tasks)
    }

    pub fn insert(&mut self, leaf: Leaf, key: Key, room: Room, item: u32) {
        self.branches[leaf as usize].order.insert(key, room, item);
        self.changed(leaf, key);
    }

    pub fn remove(&mut self, leaf: Leaf, key: Key) {
        self.branches[leaf as usize].order.remove(key);
        self.changed(leaf, key);
    }

    pub fn change(&mut self, leaf: Leaf, before: Key, key: Key, room: Room, item: u32) {
        self.branches[leaf as usize].order.change(before, key, room, item);
        self.changed(leaf, before.min(key));
    }

    /// Entries of a leaf are others than they were, none of them before this key.
    fn changed(&mut self, leaf: Leaf, from: Key) {
        let nth = self.nth_leaf(leaf);
        if self.leaves[nth].first.is_none_or(|first| first >= from) {
            self.leaves[nth].first = self.order(leaf).first().map(|slot| slot.key);
        }
        if self.breadth == Breadth::Wide {
            self.show(leaf);
        }
    }

    /// Fills empty leaves with all entries at once.
    pub fn fill(&mut self, mut entries: Vec<(Leaf, Key, Room, u32)>) {
        entries.sort_unstable_by_key(|&(leaf, key, ..)| (leaf, key));
        for same in entries.chunk_by(|left, right| left.0 == right.0) {
            let leaf = same[0].0;
            let order = Order::build(same.iter().map(|&(_, key, room, item)| (key, room, item)));
            self.branches[leaf as usize].order = order;
            self.changed(leaf, Key::ZERO);
        }
    }

    /// Counts tasks into or out of the domains of a leaf.
    pub fn count(&mut self, leaf: Leaf, change: i64) {
        if change == 0 {
            return;
        }
        let mut next = self.branches[leaf as usize].above;
        // From the leaf upwards, so that a branch is shown those below as they are.
        while let Some(Above { parent, domain, .. }) = next {
            let tasks = &mut self.domains[domain as usize].tasks;
            *tasks = u32::try_from(i64::from(*tasks) + change).expect("a domain has no fewer tasks than were counted");
            if self.breadth == Breadth::Wide {
                for at in 0..self.domains[domain as usize].branches.len() {
                    self.show(self.domains[domain as usize].branches[at]);
                }
            }
            next = self.branches[parent as usize].above;
        }
    }

    /// Shows the branch above what the first entry is, and so on up to the root.
    fn show(&mut self, mut branch: u32) {
        while let Some(above) = self.branches[branch as usize].above {
            let (place, tasks) = (self.place(above.level as usize), self.domains[above.domain as usize].tasks);
            let Branch { order, shown, .. } = &self.branches[branch as usize];
            let first = order.first().map(|slot| slot.key.with(place, tasks));
            let showing = first.map(|key| (key, order.room()));
            let before = *shown;
            if before == showing {
                return;
            }
            self.branches[branch as usize].shown = showing;
            let order = &mut self.branches[above.parent as usize].order;
            match (before, showing) {
                (Some((before, _)), Some((key, room))) => order.change(before, key, room, branch),
                (Some((before, _)), None) => order.remove(before),
                (None, Some((key, room))) => order.insert(key, room, branch),
                (None, None) => {}
            }
            branch = above.parent;
        }
    }
}
