//! The scores of one task shape on all nodes, as a tournament: who is best is known at the root, and one node that
//! changed costs O(log nodes).

use super::{Score, below};
use rand::Rng;

/// No node below here takes the task.
pub(super) const NOWHERE: Score = Score::MIN;

/// What is counted beside the best score, so that chance can pick fairly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counted {
    Nothing,
    /// Nodes with the best score.
    Best,
    /// Nodes that take the task.
    Fitting,
}

#[derive(Clone, Debug)]
pub(super) struct Board {
    counted: Counted,
    /// Leaves, a power of two.
    width: usize,
    /// A heap: the root at 1, children of `i` at `2i` and `2i + 1`, leaves from `width`.
    best: Vec<Score>,
    /// Of the same form; empty where nothing is counted.
    count: Vec<u32>,
    /// Version of each node when it was scored.
    versions: Vec<u32>,
    /// How much of the pool's log of changes is in here.
    pub seen: u64,
}

/// A version no node has.
const NEVER: u32 = u32::MAX;

impl Board {
    pub fn new(nodes: usize, counted: Counted) -> Self {
        let width = nodes.next_power_of_two();
        Board {
            counted,
            width,
            best: vec![NOWHERE; 2 * width],
            count: if counted == Counted::Nothing { Vec::new() } else { vec![0; 2 * width] },
            versions: vec![NEVER; width],
            seen: 0,
        }
    }

    pub fn knows(&self, node: usize, version: u32) -> bool {
        self.versions[node] == version
    }

    /// Scores one node; the matches above it are played again as far as they change.
    pub fn set(&mut self, node: usize, version: u32, score: Score) {
        self.set_leaf(node, version, score);
        let mut at = (self.width + node) / 2;
        while at > 0 && self.play(at) {
            at /= 2;
        }
    }

    /// Scores one node; [`Board::play_all`] must follow.
    pub fn set_leaf(&mut self, node: usize, version: u32, score: Score) {
        self.versions[node] = version;
        self.best[self.width + node] = score;
        if self.counted != Counted::Nothing {
            self.count[self.width + node] = u32::from(score != NOWHERE);
        }
    }

    pub fn play_all(&mut self) {
        for at in (1..self.width).rev() {
            self.play(at);
        }
    }

    /// Whether anything changed at `at`.
    fn play(&mut self, at: usize) -> bool {
        let (left, right) = (self.best[2 * at], self.best[2 * at + 1]);
        let best = left.max(right);
        let mut changed = self.best[at] != best;
        self.best[at] = best;
        if self.counted != Counted::Nothing {
            let of = |child: usize, score: Score| match self.counted {
                Counted::Best if score != best => 0,
                _ => self.count[child],
            };
            let count = of(2 * at, left) + of(2 * at + 1, right);
            changed |= self.count[at] != count;
            self.count[at] = count;
        }
        changed
    }

    pub fn score(&self, node: usize) -> Score {
        self.best[self.width + node]
    }

    /// The first node with the best score.
    pub fn first(&self) -> Option<usize> {
        if self.best[1] == NOWHERE {
            return None;
        }
        let mut at = 1;
        while at < self.width {
            at = if self.best[2 * at] == self.best[1] { 2 * at } else { 2 * at + 1 };
        }
        Some(at - self.width)
    }

    /// One of those counted, each equally likely.
    pub fn any(&self, chance: &mut dyn Rng) -> Option<usize> {
        match self.counted() {
            0 => None,
            counted => Some(self.nth(u32::try_from(below(chance, counted.into())).expect("below a u32"))),
        }
    }

    /// How many are counted.
    pub fn counted(&self) -> u32 {
        assert!(self.counted != Counted::Nothing, "this board counts nothing");
        self.count[1]
    }

    /// The `nth` of those counted, in node order.
    pub fn nth(&self, mut nth: u32) -> usize {
        assert!(nth < self.counted(), "{nth} of {} counted", self.counted());
        let mut at = 1;
        while at < self.width {
            let left = match self.counted {
                Counted::Best if self.best[2 * at] != self.best[1] => 0,
                _ => self.count[2 * at],
            };
            if nth < left {
                at *= 2;
            } else {
                nth -= left;
                at = 2 * at + 1;
            }
        }
        at - self.width
    }
}
