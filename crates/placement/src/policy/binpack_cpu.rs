//! ECS's binpack on `cpu`: the node with the least CPU left.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task};

#[derive(Debug)]
struct BinpackCpu;

impl Policy for BinpackCpu {
    fn score(&self, task: &Task, node: &Node) -> Score {
        i64::from(task.cpu_milli) - i64::from(node.cpu_free())
    }
}

pub(super) fn build(_: &mut OptionReader, _: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(BinpackCpu))
}
