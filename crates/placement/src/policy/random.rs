//! Random: any node where the task fits, and any device, each equally likely.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task, below};
use rand::Rng;
use std::num::NonZeroU32;

#[derive(Debug)]
struct Random;

impl Policy for Random {
    fn score(&self, _: &Task, _: &Node) -> Score {
        0
    }

    fn device(&self, task: &Task, node: &Node, chance: &mut dyn Rng) -> usize {
        let fitting = || node.gpu_free().iter().enumerate().filter(|(_, free)| **free >= task.gpu_milli);
        let drawn = below(chance, fitting().count() as u64) as usize;
        fitting().nth(drawn).map(|(device, _)| device).expect("fewer were drawn from than there are")
    }

    fn sample(&self) -> Option<NonZeroU32> {
        Some(NonZeroU32::MIN)
    }
}

pub(super) fn build(_: &mut OptionReader, _: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(Random))
}
