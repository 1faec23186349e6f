//! The best of many entries, kept while counts change: what makes the next task of a batch cost O(log n).
//!
//! A chain of strategies that filters left to right picks the smallest tuple of ranks, one rank per strategy. Ranks are
//! of two kinds. Own ranks belong to an entry (free memory). Shared ranks belong to a domain (tasks in a zone): one
//! placement changes the rank of every entry of the domain at once. Entries are therefore kept in a tree with one level
//! per shared rank; an entry is filed under its domains with the shared ranks left out, and each node shows its best
//! entry to its parent with the rank of its domain filled in. A domain's new rank then moves one node, not its entries.
//!
//! It knows neither instances nor tasks: an entry is a number, and the smaller number wins between equals.

use crate::strategy::STRATEGIES_MAX;
use std::collections::{BTreeMap, VecDeque};

/// One rank per strategy of the chain, smallest best; unused places are 0.
pub(crate) type Ranks = [i64; STRATEGIES_MAX];

/// A path of domains; entries are filed under one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leaf(usize);

/// A domain among those of its level.
pub(crate) type DomainIdx = usize;

/// One shared rank.
#[derive(Debug)]
struct Level {
    /// Its place in [`Ranks`].
    place: usize,
    /// `None`: a domain whose entries bring a rank of their own for this place.
    ranks: Vec<Option<i64>>,
    /// The nodes of each domain: more than one where domains of different levels cross.
    nodes: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct Node {
    /// Absent at the root.
    above: Option<Above>,
    /// Entries of a leaf, children of any other node, by the ranks that still tell them apart.
    /// Invariant: no tier is empty, every tier is sorted.
    tiers: BTreeMap<Ranks, VecDeque<Entry>>,
    children: BTreeMap<DomainIdx, usize>,
    /// What the parent was shown.
    shown: Option<(Ranks, Entry)>,
}

#[derive(Clone, Copy, Debug)]
struct Above {
    parent: usize,
    level: usize,
    domain: DomainIdx,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    number: u32,
    /// The child it is the best of; 0, which is no child, in a leaf.
    child: u32,
}

#[derive(Debug)]
pub(crate) struct Ladder {
    levels: Vec<Level>,
    nodes: Vec<Node>,
}

const ROOT: usize = 0;

impl Ladder {
    /// `shared` lists, for every shared rank, its place in [`Ranks`] and the rank of each of its domains.
    pub fn new(shared: Vec<(usize, Vec<Option<i64>>)>) -> Self {
        let level = |(place, ranks): (usize, Vec<_>)| Level { place, nodes: vec![Vec::new(); ranks.len()], ranks };
        Ladder { levels: shared.into_iter().map(level).collect(), nodes: vec![Node::new(None)] }
    }

    /// The leaf under one domain per level.
    pub fn leaf(&mut self, domains: &[DomainIdx]) -> Leaf {
        assert_eq!(domains.len(), self.levels.len(), "an entry has one domain per shared rank");
        let mut node = ROOT;
        for (level, &domain) in domains.iter().enumerate() {
            node = match self.nodes[node].children.get(&domain) {
                Some(&child) => child,
                None => {
                    let child = self.nodes.len();
                    self.nodes[node].children.insert(domain, child);
                    self.nodes.push(Node::new(Some(Above { parent: node, level, domain })));
                    self.levels[level].nodes[domain].push(child);
                    child
                }
            };
        }
        Leaf(node)
    }

    /// Files an entry by its own ranks; call [`Ladder::settle`] when the leaf is complete.
    pub fn insert(&mut self, leaf: Leaf, own: Ranks, number: u32) {
        self.nodes[leaf.0].insert(own, Entry { number, child: 0 });
    }

    /// Takes out an entry that was filed by these ranks; call [`Ladder::settle`] afterwards.
    pub fn remove(&mut self, leaf: Leaf, own: Ranks, number: u32) {
        self.nodes[leaf.0].remove(own, Entry { number, child: 0 });
    }

    /// Shows a leaf's best entry all the way up.
    pub fn settle(&mut self, leaf: Leaf) {
        self.show(leaf.0);
    }

    pub fn settle_all(&mut self) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].children.is_empty() {
                self.show(node);
            }
        }
    }

    /// Gives every domain on a leaf's path another rank, and shows what that changes.
    pub fn rerank_path(&mut self, leaf: Leaf, rerank: impl Fn(i64) -> i64) {
        let mut next = self.nodes[leaf.0].above;
        // From the leaf upwards, so that a parent is shown its children as they are.
        while let Some(Above { parent, level, domain }) = next {
            if let Some(rank) = &mut self.levels[level].ranks[domain] {
                *rank = rerank(*rank);
                for at in 0..self.levels[level].nodes[domain].len() {
                    self.show(self.levels[level].nodes[domain][at]);
                }
            }
            next = self.nodes[parent].above;
        }
    }

    pub fn best(&self) -> Option<u32> {
        self.nodes[ROOT].best().map(|(_, entry)| entry.number)
    }

    /// Every entry that no rank sets apart from the best one, a run per leaf.
    pub fn tied(&self) -> Vec<impl ExactSizeIterator<Item = u32>> {
        let (mut leaves, mut open) = (Vec::new(), vec![ROOT]);
        while let Some(node) = open.pop() {
            let Some((_, tier)) = self.nodes[node].tiers.first_key_value() else { continue };
            if self.nodes[node].children.is_empty() {
                leaves.push(tier.iter().map(|entry| entry.number));
            } else {
                open.extend(tier.iter().map(|entry| entry.child as usize));
            }
        }
        leaves
    }

    fn show(&mut self, mut node: usize) {
        while let Some(above) = self.nodes[node].above {
            let level = &self.levels[above.level];
            let showing = self.nodes[node].best().map(|(mut ranks, best)| {
                ranks[level.place] = level.ranks[above.domain].unwrap_or(ranks[level.place]);
                (ranks, Entry { number: best.number, child: node as u32 })
            });
            let shown = std::mem::replace(&mut self.nodes[node].shown, showing);
            if shown == showing {
                return;
            }
            if let Some((ranks, entry)) = shown {
                self.nodes[above.parent].remove(ranks, entry);
            }
            if let Some((ranks, entry)) = showing {
                self.nodes[above.parent].insert(ranks, entry);
            }
            node = above.parent;
        }
    }
}

impl Node {
    fn new(above: Option<Above>) -> Self {
        Node { above, tiers: BTreeMap::new(), children: BTreeMap::new(), shown: None }
    }

    fn best(&self) -> Option<(Ranks, Entry)> {
        let (ranks, tier) = self.tiers.first_key_value()?;
        Some((*ranks, *tier.front().expect("no tier is empty")))
    }

    fn insert(&mut self, ranks: Ranks, entry: Entry) {
        let tier = self.tiers.entry(ranks).or_default();
        // Entries of one tier mostly come and go at its ends, where it costs nothing.
        if tier.back().is_none_or(|last| *last < entry) {
            tier.push_back(entry);
            return;
        }
        let at = tier.binary_search(&entry).expect_err("an entry is filed once");
        tier.insert(at, entry);
    }

    fn remove(&mut self, ranks: Ranks, entry: Entry) {
        let tier = self.tiers.get_mut(&ranks).expect("an entry is taken out where it was filed");
        let at = tier.binary_search(&entry).expect("an entry is taken out where it was filed");
        tier.remove(at);
        if tier.is_empty() {
            self.tiers.remove(&ranks);
        }
    }
}
