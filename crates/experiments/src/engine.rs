//! Placement only: tasks arrive, are placed, wait or are refused for good, and leave.

use crate::cluster::Amounts;
use crate::decide::{ByScore, Decide, Wanted};
use crate::queue::{Queue, Waiting};
use crate::workload::{Arrival, Workload};
use plimsoll_placement::policy::{Claim, Node, NodeShape, Policy, Pool, Selection, TieBreak};
use rand::Rng;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Which nodes are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Supply {
    /// All of them, always.
    Fixed,
    /// Those with tasks; only if none of them takes the task, the first empty one that does.
    Elastic,
}

/// What a run consists of. `nodes` are in the order that breaks ties.
#[derive(Debug)]
pub struct Setup<'a> {
    pub nodes: &'a [NodeShape],
    pub workload: &'a Workload,
    pub policy: &'a dyn Policy,
    pub tie_break: TieBreak,
    pub supply: Supply,
    pub queue: Queue,
}

/// Counts of one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    pub arrived: u64,
    pub placed: u64,
    pub rejected: u64,
    /// Waiting at the moment.
    pub waiting: u64,
    /// What the arrived tasks asked for, those refused included.
    pub asked: Amounts,
    pub rejected_amounts: Amounts,
    /// Held at the moment.
    pub used: Amounts,
    /// Nodes with tasks: at the moment, at most, and how many ever had one.
    pub hosts: u64,
    pub hosts_peak: u64,
    pub hosts_ever: u64,
    /// How often a node got its first task or its first one after it was empty.
    pub opens: u64,
    /// Nodes with tasks, over time.
    pub host_seconds: u64,
}

/// Looks on; told after each event.
pub trait Watch {
    /// A task arrived; `node` is where it went, nothing for one that waits or was refused.
    fn arrived(&mut self, now_s: u64, arrival: &Arrival, node: Option<usize>, pool: &Pool, totals: &Totals);
    /// A task that had waited since its arrival went to this node.
    fn started(&mut self, _now_s: u64, _arrival: &Arrival, _node: usize, _pool: &Pool, _totals: &Totals) {}
    /// A task left this node.
    fn left(&mut self, _now_s: u64, _node: usize, _pool: &Pool, _totals: &Totals) {}
}

/// Nobody looks.
impl Watch for () {
    fn arrived(&mut self, _: u64, _: &Arrival, _: Option<usize>, _: &Pool, _: &Totals) {}
}

/// A placed task that will leave: when, the how manieth arrival it was, and what it holds.
type Leaving = Reverse<(u64, usize, usize, LeavingClaim)>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LeavingClaim(Claim);

// The number of the arrival before it in the tuple is unique: this order is never asked for.
impl PartialOrd for LeavingClaim {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LeavingClaim {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

struct Run<'a, D> {
    setup: &'a Setup<'a>,
    decide: &'a mut D,
    pool: Pool,
    totals: Totals,
    leaving: BinaryHeap<Leaving>,
    /// Empty nodes of an elastic supply.
    closed: BTreeSet<usize>,
    had_task: Vec<bool>,
    waiting: Waiting,
    /// Different node shapes; only where tasks may wait.
    shapes: Vec<NodeShape>,
    /// Until when `host_seconds` is counted.
    counted_s: u64,
}

pub fn run(setup: &Setup, chance: &mut dyn Rng, watch: &mut dyn Watch) -> Totals {
    let Ok(totals) = run_by(&mut ByScore, setup, chance, watch);
    totals
}

/// The same, with somebody else's decisions.
pub fn run_by<D: Decide>(
    decide: &mut D,
    setup: &Setup,
    chance: &mut dyn Rng,
    watch: &mut dyn Watch,
) -> Result<Totals, D::Stop> {
    let mut pool = Pool::new(setup.nodes.iter().copied(), Selection::of(setup.policy, setup.tie_break));
    let mut closed = BTreeSet::new();
    if setup.supply == Supply::Elastic {
        closed.extend(0..setup.nodes.len());
        closed.iter().for_each(|node| pool.close(*node));
    }
    let counted_s = setup.workload.arrivals.first().map_or(0, |first| first.at_s);
    let had_task = vec![false; setup.nodes.len()];
    let mut run = Run {
        setup,
        decide,
        pool,
        totals: Totals::default(),
        leaving: BinaryHeap::new(),
        closed,
        had_task,
        waiting: Waiting::default(),
        shapes: if setup.queue == Queue::None { Vec::new() } else { different(setup.nodes) },
        counted_s,
    };
    for (nth, arrival) in setup.workload.arrivals.iter().enumerate() {
        run.leave_until(arrival.at_s, chance, watch)?;
        run.arrive(nth, arrival, chance, watch)?;
    }
    if let Some(end_s) = setup.workload.end_s {
        run.leave_until(end_s, chance, watch)?;
        run.count_until(end_s);
    }
    Ok(run.totals)
}

impl<D: Decide> Run<'_, D> {
    fn count_until(&mut self, now_s: u64) {
        self.totals.host_seconds += self.totals.hosts * (now_s - self.counted_s);
        self.counted_s = now_s;
    }

    fn leave_until(&mut self, now_s: u64, chance: &mut dyn Rng, watch: &mut dyn Watch) -> Result<(), D::Stop> {
        while let Some(at_s) = self.next_leave_s().filter(|at_s| *at_s <= now_s) {
            while self.next_leave_s() == Some(at_s) {
                self.leave(watch);
            }
            self.start_waiting(at_s, chance, watch)?;
        }
        Ok(())
    }

    fn next_leave_s(&self) -> Option<u64> {
        self.leaving.peek().map(|Reverse((at_s, ..))| *at_s)
    }

    fn leave(&mut self, watch: &mut dyn Watch) {
        let Some(Reverse((at_s, nth, node, LeavingClaim(claim)))) = self.leaving.pop() else { return };
        self.count_until(at_s);
        let task = *self.setup.workload.task(&self.setup.workload.arrivals[nth]);
        self.pool.release(node, &task, claim);
        self.totals.used = self.totals.used - Amounts::of_task(&task);
        if self.pool.nodes()[node].tasks() == 0 {
            self.totals.hosts -= 1;
            if self.setup.supply == Supply::Elastic {
                self.pool.close(node);
                self.closed.insert(node);
            }
        }
        watch.left(at_s, node, &self.pool, &self.totals);
    }

    fn start_waiting(&mut self, now_s: u64, chance: &mut dyn Rng, watch: &mut dyn Watch) -> Result<(), D::Stop> {
        if self.waiting.count() == 0 {
            return Ok(());
        }
        let mut stopped = None;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.offer(self.setup.queue, |nth| {
            let arrival = &self.setup.workload.arrivals[nth];
            if stopped.is_some() {
                return false;
            }
            let node = match self.start(nth, arrival, now_s, chance) {
                Ok(Some(node)) => node,
                Ok(None) => return false,
                Err(stop) => {
                    stopped = Some(stop);
                    return false;
                }
            };
            self.totals.waiting -= 1;
            watch.started(now_s, arrival, node, &self.pool, &self.totals);
            true
        });
        self.waiting = waiting;
        stopped.map_or(Ok(()), Err)
    }

    fn arrive(
        &mut self,
        nth: usize,
        arrival: &Arrival,
        chance: &mut dyn Rng,
        watch: &mut dyn Watch,
    ) -> Result<(), D::Stop> {
        self.count_until(arrival.at_s);
        let task = self.setup.workload.task(arrival);
        let amounts = Amounts::of_task(task);
        self.totals.arrived += 1;
        self.totals.asked = self.totals.asked + amounts;
        let must_wait = self.setup.queue == Queue::Fifo && self.waiting.count() > 0;
        let node = if must_wait { None } else { self.start(nth, arrival, arrival.at_s, chance)? };
        if node.is_none() {
            if self.shapes.iter().any(|shape| Node::empty(*shape).fits(task)) {
                self.waiting.push(nth, arrival.shape);
                self.totals.waiting += 1;
            } else {
                self.totals.rejected += 1;
                self.totals.rejected_amounts = self.totals.rejected_amounts + amounts;
            }
        }
        watch.arrived(arrival.at_s, arrival, node, &self.pool, &self.totals);
        Ok(())
    }

    /// Places a task if it fits. It stays as long as it would have, had it not waited.
    fn start(
        &mut self,
        nth: usize,
        arrival: &Arrival,
        now_s: u64,
        chance: &mut dyn Rng,
    ) -> Result<Option<usize>, D::Stop> {
        let task = *self.setup.workload.task(arrival);
        let wanted = Wanted { shape: arrival.shape as usize, task: &task };
        let chosen = self.decide.place(wanted, &mut self.pool, self.setup.policy, chance)?;
        let Some((node, claim)) = chosen.or_else(|| self.place_on_empty(&task, chance)) else { return Ok(None) };
        self.placed_on(node, Amounts::of_task(&task));
        if let Some(leaves_s) = arrival.leaves_s {
            let leaves_s = leaves_s + (now_s - arrival.at_s);
            self.leaving.push(Reverse((leaves_s, nth, node, LeavingClaim(claim))));
        }
        Ok(Some(node))
    }

    fn place_on_empty(
        &mut self,
        task: &plimsoll_placement::policy::Task,
        chance: &mut dyn Rng,
    ) -> Option<(usize, Claim)> {
        let suits = |node: &&usize| Node::empty(self.setup.nodes[**node]).fits(task);
        let node = *self.closed.iter().find(suits)?;
        self.closed.remove(&node);
        self.pool.open(node);
        Some((node, self.pool.place_on(node, task, self.setup.policy, chance)))
    }

    fn placed_on(&mut self, node: usize, amounts: Amounts) {
        self.totals.placed += 1;
        self.totals.used = self.totals.used + amounts;
        if self.pool.nodes()[node].tasks() == 1 {
            self.totals.opens += 1;
            self.totals.hosts += 1;
            self.totals.hosts_peak = self.totals.hosts_peak.max(self.totals.hosts);
            self.totals.hosts_ever += u64::from(!self.had_task[node]);
            self.had_task[node] = true;
        }
    }
}

fn different(nodes: &[NodeShape]) -> Vec<NodeShape> {
    let mut different: Vec<NodeShape> = Vec::new();
    for node in nodes {
        if !different.contains(node) {
            different.push(*node);
        }
    }
    different
}
