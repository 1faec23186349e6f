//! The tasks of an experiment: when they arrive, what they need, when they leave.

use crate::chance::{self, Purpose};
use crate::cluster::Amounts;
use plimsoll_placement::policy::{Models, Task, Typical, below, shuffle};
use std::collections::BTreeMap;

/// Tasks with equal needs are one shape; the models they may use are also kept as written, for order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Shape {
    pub task: Task,
    pub gpu_spec: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Into [`Workload::shapes`].
    pub shape: u32,
    /// Seconds from the start of the trace.
    pub at_s: u64,
    /// When it leaves if it was placed; never without.
    pub leaves_s: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Workload {
    pub shapes: Vec<Shape>,
    /// Invariant: `at_s` does not fall.
    pub arrivals: Vec<Arrival>,
    /// When the clock stops; without, nothing has a time.
    pub end_s: Option<u64>,
}

/// Numbers shapes in the order they are first seen.
#[derive(Debug, Default)]
pub struct Shapes {
    known: BTreeMap<Shape, u32>,
    list: Vec<Shape>,
}

impl Shapes {
    pub fn number(&mut self, shape: Shape) -> u32 {
        if let Some(number) = self.known.get(&shape) {
            return *number;
        }
        let number = u32::try_from(self.list.len()).expect("fewer shapes than 2^32");
        self.known.insert(shape.clone(), number);
        self.list.push(shape);
        number
    }

    pub fn into_list(self) -> Vec<Shape> {
        self.list
    }
}

/// Typical tasks cover so much of a workload; the rest is rare (the FGD paper's choice).
pub const TYPICAL_PERCENT: u64 = 95;

/// Shapes that are asked whether they fit on a node, for what is stranded. Where sizes are continuous every task has a
/// shape of its own; the small ones decide.
pub const FREQUENT_MAX: usize = 64;

impl Workload {
    pub fn task(&self, arrival: &Arrival) -> &Task {
        &self.shapes[arrival.shape as usize].task
    }

    /// What all tasks need together.
    pub fn demand(&self) -> Amounts {
        self.arrivals.iter().fold(Amounts::default(), |sum, one| sum + Amounts::of_task(self.task(one)))
    }

    /// The most frequent needs, memory aside, until they cover [`TYPICAL_PERCENT`] of the tasks.
    pub fn typical(&self) -> Vec<Typical> {
        let mut counts: BTreeMap<(u32, u16, u8, &str, Models), u32> = BTreeMap::new();
        for arrival in &self.arrivals {
            let Shape { task, gpu_spec } = &self.shapes[arrival.shape as usize];
            *counts.entry((task.cpu_milli, task.gpu_milli, task.gpus, gpu_spec, task.models)).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().map(|(needs, count)| (count, needs)).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let enough = self.arrivals.len() as u64 * TYPICAL_PERCENT;
        let mut covered = 0;
        let mut typical = Vec::new();
        for (weight, (cpu_milli, gpu_milli, gpus, _, models)) in counts {
            if covered * 100 >= enough {
                break;
            }
            covered += u64::from(weight);
            typical.push(Typical { task: Task { cpu_milli, memory_mib: 0, gpus, gpu_milli, models }, weight });
        }
        typical
    }

    /// The most frequent needs, memory included, until they cover [`TYPICAL_PERCENT`] of the tasks; at most
    /// [`FREQUENT_MAX`], the smallest CPU first.
    pub fn frequent(&self) -> Vec<Task> {
        let mut counts = vec![0u64; self.shapes.len()];
        self.arrivals.iter().for_each(|one| counts[one.shape as usize] += 1);
        let mut order: Vec<usize> = (0..counts.len()).filter(|shape| counts[*shape] > 0).collect();
        order.sort_by_key(|shape| std::cmp::Reverse(counts[*shape]));
        let enough = self.arrivals.len() as u64 * TYPICAL_PERCENT;
        let mut covered = 0;
        let mut frequent: Vec<Task> = Vec::new();
        for shape in order.into_iter().take(FREQUENT_MAX) {
            if covered * 100 >= enough {
                break;
            }
            covered += counts[shape];
            frequent.push(self.shapes[shape].task);
        }
        frequent.sort();
        frequent
    }

    /// The same tasks in a random order, without times.
    pub fn shuffled(&self, seed: u64) -> Workload {
        let mut order: Vec<u32> = self.arrivals.iter().map(|one| one.shape).collect();
        shuffle(&mut chance::stream(seed, Purpose::TaskOrder), &mut order);
        Workload { shapes: self.shapes.clone(), arrivals: order.into_iter().map(timeless).collect(), end_s: None }
    }

    /// Makes the tasks ask for `percent` of `capacity_gpu_milli` devices: copies of random tasks are added until the next
    /// one would exceed it, or random tasks are removed (the FGD paper's workload inflation).
    pub fn inflated(&self, percent: u64, capacity_gpu_milli: u64, seed: u64) -> Workload {
        let mut chance = chance::stream(seed, Purpose::Inflation);
        let target = capacity_gpu_milli * percent / 100;
        let mut order: Vec<u32> = self.arrivals.iter().map(|one| one.shape).collect();
        let task = |shape: u32| &self.shapes[shape as usize].task;
        let mut asked: u64 = order.iter().map(|shape| u64::from(task(*shape).gpu_milli_total())).sum();
        let original = order.clone();
        // Without any GPU task the target is never reached.
        if asked > 0 && asked < target {
            loop {
                let drawn = original[below(&mut chance, original.len() as u64) as usize];
                // The published simulator compares with the share of one device, not with all of them.
                if asked + u64::from(task(drawn).gpu_milli) > target {
                    break;
                }
                order.push(drawn);
                asked += u64::from(task(drawn).gpu_milli_total());
            }
        }
        if asked > target {
            let mut removed = vec![false; order.len()];
            let mut candidates: Vec<usize> = (0..order.len()).collect();
            shuffle(&mut chance, &mut candidates);
            for at in candidates {
                if asked <= target {
                    break;
                }
                removed[at] = true;
                asked -= u64::from(task(order[at]).gpu_milli_total());
            }
            let mut at = 0;
            order.retain(|_| {
                at += 1;
                !removed[at - 1]
            });
        }
        Workload { shapes: self.shapes.clone(), arrivals: order.into_iter().map(timeless).collect(), end_s: None }
    }
}

pub fn timeless(shape: u32) -> Arrival {
    Arrival { shape, at_s: 0, leaves_s: None }
}
