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

use crate::STRATEGIES_MAX;
use crate::key::{Key, LABEL};
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

    /// The best of all leaves with enough room, looked for leaf by leaf, where domains have so many tasks.
    pub fn best_of_leaves(&self, need: Room, tasks: &[u32]) -> Option<u32> {
        let limit = |row: &Row| row.first.map(|key| self.ranked(row, tasks, key));
        let nearest = (0..self.leaves.len()).filter_map(|nth| Some((limit(&self.leaves[nth])?, nth))).min()?.1;
        let mut best = self.ranked_first(nearest, need, tasks);
        for (nth, row) in self.leaves.iter().enumerate() {
            let may_be_better = limit(row).is_some_and(|limit| best.is_none_or(|(key, _)| limit < key));
            if nth != nearest && may_be_better {
                best = best.into_iter().chain(self.ranked_first(nth, need, tasks)).min();
            }
        }
        best.map(|(_, item)| item)
    }

    fn ranked_first(&self, nth: usize, need: Room, tasks: &[u32]) -> Option<(Key, u32)> {
        let row = &self.leaves[nth];
        let slot = self.order(row.leaf).first_fitting(need, None)?;
        Some((self.ranked(row, tasks, slot.key), slot.item))
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

    /// The first by all ranks of those with enough room, and where it is.
    pub fn best(&self, need: Room) -> Option<u32> {
        self.best_below(ROOT, 0, need).map(|(_, item)| item)
    }

    fn best_below(&self, branch: u32, depth: usize, need: Room) -> Option<(Key, u32)> {
        let order = &self.branches[branch as usize].order;
        if depth == self.levels.len() {
            return order.first_fitting(need, None).map(|slot| (slot.key, slot.item));
        }
        let place = self.levels[depth].place;
        let (mut best, mut after): (Option<(Key, u32)>, _) = (None, None);
        while let Some(slot) = order.first_fitting(need, after) {
            if best.is_some_and(|(key, _)| key <= slot.key) {
                break;
            }
            let rank = self.domains[self.domain(slot.item) as usize].tasks;
            // Below, its own rank is not filled in.
            let found = self.best_below(slot.item, depth + 1, need);
            let found = found.map(|(key, item)| (key.with(place, rank), item));
            match found {
                Some((key, _)) if key == slot.key => return found,
                Some((key, _)) if best.is_none_or(|(best, _)| key < best) => best = found,
                _ => {}
            }
            after = Some(slot.key);
        }
        best
    }

    /// Of all that no rank sets apart from the best, with any room, in order of label: how many there are, and a way to
    /// pick one.
    pub fn tied(&self) -> Tied<'_> {
        let mut tied = Tied { runs: Vec::new(), total: 0 };
        self.collect_tied(ROOT, 0, &mut tied);
        tied
    }

    fn collect_tied<'a>(&'a self, branch: u32, depth: usize, tied: &mut Tied<'a>) {
        let order = &self.branches[branch as usize].order;
        let Some(first) = order.first() else { return };
        let last = first.key.with(LABEL, u32::MAX);
        if depth == self.levels.len() {
            tied.total += order.count_up_to(last);
            tied.runs.push((order, last));
            return;
        }
        for slot in order.iter().take_while(|slot| slot.key <= last) {
            self.collect_tied(slot.item, depth + 1, tied);
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

/// Entries that no rank sets apart.
pub(crate) struct Tied<'a> {
    /// A leaf each, and the key that no entry of the run is behind.
    runs: Vec<(&'a Order, Key)>,
    pub total: u32,
}

impl Tied<'_> {
    /// The one with so many before it in order of label, whatever leaf it is in.
    ///
    /// Each step takes the entry of one leaf that stands where the wanted one would, were all leaves mixed evenly, and
    /// counts the entries of all that are before it: what is wanted is on one side of it in every leaf. As ids of
    /// instances say nothing of their domains, few steps do.
    pub fn nth(&self, mut nth: u32) -> Option<u32> {
        if let [(order, _)] = self.runs[..] {
            return order.nth(nth).map(|slot| slot.item);
        }
        // What is left of each leaf, by position.
        let mut left: Vec<(u32, u32)> = self.runs.iter().map(|(order, last)| (0, order.count_up_to(*last))).collect();
        loop {
            let total: u32 = left.iter().map(|(from, to)| to - from).sum();
            let largest = (0..left.len()).max_by_key(|&run| left[run].1 - left[run].0)?;
            let (from, to) = left[largest];
            let at = from + (u64::from(to - from) * u64::from(nth) / u64::from(total.max(1))) as u32;
            let slot = self.runs[largest].0.nth(at)?;
            let label = slot.key.get(LABEL);
            let before = |run: usize| match &self.runs[run] {
                _ if run == largest => at,
                (order, last) => order.count_up_to(last.with(LABEL, label)),
            };
            let middle: Vec<u32> = (0..left.len()).map(|run| before(run).clamp(left[run].0, left[run].1)).collect();
            let passed: u32 = middle.iter().zip(&left).map(|(middle, (from, _))| middle - from).sum();
            if passed == nth {
                return Some(slot.item);
            }
            for (run, &middle) in middle.iter().enumerate() {
                if passed < nth {
                    left[run].0 = middle + u32::from(run == largest);
                } else {
                    left[run].1 = middle;
                }
            }
            nth -= if passed < nth { passed + 1 } else { 0 };
        }
    }
}
