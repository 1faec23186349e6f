//! ECS's binpack on `memory`: the node with the least memory left.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task};

#[derive(Debug)]
struct BinpackMemory;

impl Policy for BinpackMemory {
    fn score(&self, task: &Task, node: &Node) -> Score {
        i64::from(task.memory_mib) - i64::from(node.memory_free())
    }
}

pub(super) fn build(_: &mut OptionReader, _: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(BinpackMemory))
}
