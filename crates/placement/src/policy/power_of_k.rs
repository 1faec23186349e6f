//! Power of k choices: the best by another policy of k nodes drawn from those where the task fits.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task, registry};
use rand::Rng;
use std::num::NonZeroU32;

/// Two already make the fullest node exponentially less full (Mitzenmacher 2001).
const SAMPLES: u32 = 2;
const SAMPLES_MAX: u32 = 64;

#[derive(Debug)]
struct PowerOfK {
    samples: NonZeroU32,
    by: Box<dyn Policy>,
}

impl Policy for PowerOfK {
    fn score(&self, task: &Task, node: &Node) -> Score {
        self.by.score(task, node)
    }

    fn device(&self, task: &Task, node: &Node, chance: &mut dyn Rng) -> usize {
        self.by.device(task, node, chance)
    }

    fn sample(&self) -> Option<NonZeroU32> {
        Some(self.samples)
    }
}

pub(super) fn build(reader: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    let samples = reader.count("samples", SAMPLES, SAMPLES_MAX)?;
    let names: Vec<(&'static str, &'static str)> = registry::describe()
        .map(|policy| (policy.name, policy.name))
        .filter(|(name, _)| !matches!(*name, "power-of-k" | "random"))
        .collect();
    let by = reader.word("by", &names, "spread-tasks")?;
    let by = registry::named(by)?(reader, context)?;
    Ok(Box::new(PowerOfK { samples, by }))
}
