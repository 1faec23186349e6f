//! ECS's spread over instances: the node with the fewest tasks.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task};

#[derive(Debug)]
struct SpreadTasks;

impl Policy for SpreadTasks {
    fn score(&self, _: &Task, node: &Node) -> Score {
        -i64::from(node.tasks())
    }
}

pub(super) fn build(_: &mut OptionReader, _: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(SpreadTasks))
}
