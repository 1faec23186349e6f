//! Fragmentation as the FGD paper defines it (Weng et al., USENIX ATC 2023): the GPU capacity of a node that a typical
//! task could not use, on average over the typical tasks.

use super::{DEVICES_MAX, Node, Task};

/// A task that is to be expected, and how often compared with the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Typical {
    /// Its memory is not looked at.
    pub task: Task,
    pub weight: u32,
}

/// Amounts are thousandths of a device times [`Fragmentation::weight`], so that they are whole numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragmentation {
    /// GPU tasks by their share of a device.
    shares: Vec<(u16, Vec<Typical>)>,
    weight: i64,
}

/// The part of a node that fragmentation depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free<'a> {
    pub cpu_milli: u32,
    pub model: Option<u8>,
    pub gpu_milli: &'a [u16],
}

impl<'a> Free<'a> {
    pub fn of(node: &'a Node) -> Self {
        Free { cpu_milli: node.cpu_free(), model: node.shape().model, gpu_milli: node.gpu_free() }
    }
}

impl Fragmentation {
    /// `None` without typical tasks.
    pub fn new(typical: &[Typical]) -> Option<Self> {
        let weight = typical.iter().map(|one| i64::from(one.weight)).sum();
        if weight == 0 {
            return None;
        }
        let mut shares: Vec<(u16, Vec<Typical>)> = Vec::new();
        for one in typical.iter().filter(|one| one.task.gpus > 0) {
            match shares.iter_mut().find(|(gpu_milli, _)| *gpu_milli == one.task.gpu_milli) {
                Some((_, same)) => same.push(*one),
                None => shares.push((one.task.gpu_milli, vec![*one])),
            }
        }
        Some(Fragmentation { shares, weight })
    }

    /// The weights of all typical tasks added up.
    pub fn weight(&self) -> i64 {
        self.weight
    }

    pub fn of(&self, node: &Node) -> i64 {
        self.of_free(Free::of(node))
    }

    /// All that is free for a task that would not fit or needs no GPU; else what is free on devices too full for it.
    pub(super) fn of_free(&self, node: Free) -> i64 {
        let all: i64 = node.gpu_milli.iter().map(|free| i64::from(*free)).sum();
        if all == 0 {
            return 0;
        }
        let mut usable = 0;
        for (gpu_milli, typical) in &self.shares {
            let (mut devices, mut on_them) = (0, 0);
            for free in node.gpu_milli.iter().filter(|free| *free >= gpu_milli) {
                devices += 1;
                on_them += i64::from(*free);
            }
            if devices == 0 {
                continue;
            }
            let fits =
                |task: &Task| task.gpus <= devices && task.cpu_milli <= node.cpu_milli && task.models.allow(node.model);
            let weight: i64 = typical.iter().filter(|one| fits(&one.task)).map(|one| i64::from(one.weight)).sum();
            usable += weight * on_them;
        }
        all * self.weight - usable
    }

    /// Of the node with a task on it that takes the tightest devices, or the one named.
    pub(super) fn with(&self, task: &Task, node: &Node, device: Option<usize>) -> i64 {
        let mut free = [0; DEVICES_MAX];
        let count = node.gpu_free().len();
        free[..count].copy_from_slice(node.gpu_free());
        let free = &mut free[..count];
        match device {
            Some(device) => free[device] -= task.gpu_milli,
            None => take_tightest(task, free),
        }
        let cpu_milli = node.cpu_free() - task.cpu_milli;
        self.of_free(Free { cpu_milli, model: node.shape().model, gpu_milli: free })
    }
}

fn take_tightest(task: &Task, free: &mut [u16]) {
    let before: [u16; DEVICES_MAX] = std::array::from_fn(|at| free.get(at).copied().unwrap_or(0));
    let mut taken = 0u16;
    for _ in 0..task.gpus {
        let fitting = (0..free.len()).filter(|at| taken >> at & 1 == 0 && before[*at] >= task.gpu_milli);
        let device = fitting.min_by_key(|at| before[*at]).expect("the task fits");
        taken |= 1 << device;
        free[device] -= task.gpu_milli;
    }
}
