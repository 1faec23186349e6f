//! Nodes, and for each task shape a board of their scores that catches up with what changed when it is next asked.

use super::board::{Board, Counted, NOWHERE};
use super::{Claim, Node, NodeShape, Policy, Task, TieBreak, below};
use rand::Rng;
use std::num::NonZeroU32;

/// How one of several nodes is chosen. It belongs to the pool because it decides what the boards count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Selection {
    /// The best score of all nodes.
    Best(TieBreak),
    /// The best score of some nodes, drawn without replacement from those where the task fits.
    BestOf(NonZeroU32, TieBreak),
}

impl Selection {
    pub fn of(policy: &dyn Policy, tie_break: TieBreak) -> Self {
        policy.sample().map_or(Selection::Best(tie_break), |nodes| Selection::BestOf(nodes, tie_break))
    }

    pub(super) fn counted(self) -> Counted {
        match self {
            Selection::Best(TieBreak::First) => Counted::Nothing,
            Selection::Best(TieBreak::Random) => Counted::Best,
            Selection::BestOf(..) => Counted::Fitting,
        }
    }
}

/// Shapes that have a board. Where sizes are continuous nearly every task has a shape of its own, and nothing is gained
/// by keeping its scores.
const BOARDS_MAX: usize = 512;

/// Nodes in the order that breaks ties.
#[derive(Clone, Debug)]
pub struct Pool {
    nodes: Vec<Node>,
    /// How often each node has changed.
    versions: Vec<u32>,
    /// The nodes that changed, oldest first; what every board has or will never read is dropped.
    changes: Vec<u32>,
    /// Changes before `changes[0]`.
    dropped: u64,
    boards: Vec<Option<Board>>,
    /// For all shapes from [`BOARDS_MAX`]: rare ones, scored from scratch each time.
    passing: Option<Board>,
    selection: Selection,
}

impl Pool {
    pub fn new(shapes: impl IntoIterator<Item = NodeShape>, selection: Selection) -> Self {
        let nodes: Vec<Node> = shapes.into_iter().map(Node::empty).collect();
        let versions = vec![0; nodes.len()];
        Pool { nodes, versions, changes: Vec::new(), dropped: 0, boards: Vec::new(), passing: None, selection }
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// An empty node takes no task until it is opened again.
    pub fn close(&mut self, node: usize) {
        self.nodes[node].close();
        self.note(node);
    }

    pub fn open(&mut self, node: usize) {
        self.nodes[node].open();
        self.note(node);
    }

    /// Chooses a node and puts a task there. `shape` numbers the task's needs from 0: tasks with equal needs have equal
    /// numbers, always with the same policy.
    pub fn place(
        &mut self,
        shape: usize,
        task: &Task,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> Option<(usize, Claim)> {
        let selection = self.selection;
        let board = self.up_to_date(shape, task, policy);
        let node = match selection {
            Selection::Best(TieBreak::First) => board.first()?,
            Selection::Best(TieBreak::Random) => board.any(chance)?,
            Selection::BestOf(samples, tie_break) => best_of(board, samples.get(), tie_break, chance)?,
        };
        Some((node, self.place_on(node, task, policy, chance)))
    }

    /// Puts a task that fits on this node.
    pub fn place_on(&mut self, node: usize, task: &Task, policy: &dyn Policy, chance: &mut dyn Rng) -> Claim {
        let shared = task.shares_a_device().then(|| policy.device(task, &self.nodes[node], chance));
        let claim = self.nodes[node].claim(task, shared);
        self.nodes[node].take(task, claim);
        self.note(node);
        claim
    }

    pub fn release(&mut self, node: usize, task: &Task, claim: Claim) {
        self.nodes[node].give_back(task, claim);
        self.note(node);
    }

    fn note(&mut self, node: usize) {
        self.versions[node] = self.versions[node].wrapping_add(1);
        self.changes.push(u32::try_from(node).expect("fewer nodes than 2^32"));
        // A board this far behind looks at every node anyway.
        let kept = self.nodes.len().max(1);
        if self.changes.len() >= 4 * kept {
            let gone = self.changes.len() - kept;
            self.changes.drain(..gone);
            self.dropped += gone as u64;
        }
    }

    fn up_to_date(&mut self, shape: usize, task: &Task, policy: &dyn Policy) -> &Board {
        let count = self.nodes.len();
        let new = || Board::new(count, self.selection.counted());
        let slot = if shape < BOARDS_MAX {
            if self.boards.len() <= shape {
                self.boards.resize(shape + 1, None);
            }
            &mut self.boards[shape]
        } else {
            self.passing = None;
            &mut self.passing
        };
        let is_new = slot.is_none();
        let board = slot.get_or_insert_with(new);
        let newest = self.dropped + self.changes.len() as u64;
        let score = |node: &Node| if node.fits(task) { policy.score(task, node) } else { NOWHERE };
        if is_new || board.seen < self.dropped || newest - board.seen > count as u64 {
            for (at, (node, version)) in self.nodes.iter().zip(&self.versions).enumerate() {
                if !board.knows(at, *version) {
                    board.set_leaf(at, *version, score(node));
                }
            }
            board.play_all();
        } else {
            let from = usize::try_from(board.seen - self.dropped).expect("an index");
            for at in self.changes[from..].iter().map(|at| *at as usize) {
                if !board.knows(at, self.versions[at]) {
                    board.set(at, self.versions[at], score(&self.nodes[at]));
                }
            }
        }
        board.seen = newest;
        board
    }
}

pub(super) fn best_of(board: &Board, samples: u32, tie_break: TieBreak, chance: &mut dyn Rng) -> Option<usize> {
    let mut drawn = distinct(board.counted(), samples, chance);
    match tie_break {
        TieBreak::First => drawn.sort_unstable(),
        // The order of `distinct` is not uniform; only the set is.
        TieBreak::Random => super::shuffle(chance, &mut drawn),
    }
    let mut best: Option<usize> = None;
    for node in drawn.into_iter().map(|nth| board.nth(nth)) {
        if best.is_none_or(|best| board.score(node) > board.score(best)) {
            best = Some(node);
        }
    }
    best
}

/// `wanted` different numbers below `bound`, or all of them (Floyd's method).
fn distinct(bound: u32, wanted: u32, chance: &mut dyn Rng) -> Vec<u32> {
    let wanted = wanted.min(bound);
    let mut drawn = Vec::with_capacity(wanted as usize);
    for last in bound - wanted..bound {
        let number = u32::try_from(below(chance, u64::from(last) + 1)).expect("below a u32");
        drawn.push(if drawn.contains(&number) { last } else { number });
    }
    drawn
}
