//! Dimensions made comparable: each amount is a share of the largest node's capacity.
//!
//! A share is kept as a whole number of `1 / unit`, `unit` being the least common multiple of the capacities, so that
//! sums of shares compare exactly.

use super::options::{OptionReader, PolicyError};
use super::{Node, NodeShape, Score, Task, WHOLE_GPU};

/// The largest capacity of any node, per dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Largest {
    pub cpu_milli: u32,
    pub memory_mib: u32,
    pub gpu_milli: u32,
}

impl Largest {
    pub fn of<'a>(nodes: impl IntoIterator<Item = &'a NodeShape>) -> Self {
        nodes.into_iter().fold(Largest::default(), |largest, node| Largest {
            cpu_milli: largest.cpu_milli.max(node.cpu_milli),
            memory_mib: largest.memory_mib.max(node.memory_mib),
            gpu_milli: largest.gpu_milli.max(u32::from(node.gpus) * u32::from(WHOLE_GPU)),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dimension {
    Cpu,
    Memory,
    Gpu,
}

impl Dimension {
    fn largest(self, largest: &Largest) -> i64 {
        i64::from(match self {
            Dimension::Cpu => largest.cpu_milli,
            Dimension::Memory => largest.memory_mib,
            Dimension::Gpu => largest.gpu_milli,
        })
    }

    fn free(self, node: &Node) -> i64 {
        i64::from(match self {
            Dimension::Cpu => node.cpu_free(),
            Dimension::Memory => node.memory_free(),
            Dimension::Gpu => node.gpu_free_total(),
        })
    }

    fn need(self, task: &Task) -> i64 {
        i64::from(match self {
            Dimension::Cpu => task.cpu_milli,
            Dimension::Memory => task.memory_mib,
            Dimension::Gpu => task.gpu_milli_total(),
        })
    }
}

/// Shares of several dimensions, added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shares {
    /// Each with `unit / largest`.
    dimensions: Vec<(Dimension, i64)>,
    unit: i64,
    /// Steps scores are cut down to; exact without.
    truncate: Option<i64>,
}

impl Shares {
    /// Reads `dimensions` and `truncate`. Without `dimensions`: CPU and memory. A dimension no node has is left out.
    pub fn read(reader: &mut OptionReader, largest: &Largest) -> Result<Self, PolicyError> {
        let words = [("cpu", Dimension::Cpu), ("memory", Dimension::Memory), ("gpu", Dimension::Gpu)];
        let named = reader.words("dimensions", &words, &[Dimension::Cpu, Dimension::Memory])?;
        let truncate = reader.truncate(None)?;
        let present = named.into_iter().map(|one| (one, one.largest(largest))).filter(|(_, all)| *all > 0);
        let present: Vec<(Dimension, i64)> = present.collect();
        let too_large = || PolicyError::Scale { policy: reader.policy().to_owned() };
        let unit = present.iter().try_fold(1, |unit, (_, all)| lcm(unit, *all)).ok_or_else(too_large)?;
        let dimensions: Vec<(Dimension, i64)> = present.into_iter().map(|(one, all)| (one, unit / all)).collect();
        let shares = Shares { dimensions, unit, truncate };
        // The largest number any score passes through: a whole dot product, in steps.
        let steps = shares.truncate.unwrap_or(1);
        let whole = shares.whole().checked_mul(unit).and_then(|whole| whole.checked_mul(steps));
        whole.map(|_| shares).ok_or_else(too_large)
    }

    /// All of every dimension.
    fn whole(&self) -> i64 {
        self.unit * i64::try_from(self.dimensions.len().max(1)).expect("three dimensions")
    }

    /// What would be left of the node beside the task: `unit` times the sum of the shares.
    fn left(&self, task: &Task, node: &Node) -> i64 {
        self.dimensions.iter().map(|(one, factor)| (one.free(node) - one.need(task)) * factor).sum()
    }

    fn dot(&self, task: &Task, node: &Node) -> i64 {
        self.dimensions.iter().map(|(one, factor)| one.free(node) * factor * (one.need(task) * factor)).sum()
    }

    /// More where more is left over.
    pub fn emptiness(&self, task: &Task, node: &Node) -> Score {
        self.cut(self.left(task, node), self.whole())
    }

    /// More where less is left over.
    pub fn fullness(&self, task: &Task, node: &Node) -> Score {
        self.cut(self.whole() - self.left(task, node), self.whole())
    }

    /// More where what is free resembles what is needed.
    pub fn alignment(&self, task: &Task, node: &Node) -> Score {
        self.cut(self.dot(task, node), self.whole() * self.unit)
    }

    /// More where what is free does not resemble what is needed.
    pub fn misalignment(&self, task: &Task, node: &Node) -> Score {
        let whole = self.whole() * self.unit;
        self.cut(whole - self.dot(task, node), whole)
    }

    fn cut(&self, part: i64, whole: i64) -> Score {
        self.truncate.map_or(part, |steps| part * steps / whole)
    }
}

fn lcm(a: i64, b: i64) -> Option<i64> {
    let gcd = {
        let (mut a, mut b) = (a, b);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    (a / gcd).checked_mul(b)
}
