//! Worst-fit: the node with the most left over, as a sum of shares.

use super::options::{OptionReader, PolicyError};
use super::scale::Shares;
use super::{Context, Node, Policy, Score, Task};

#[derive(Debug)]
struct WorstFit(Shares);

impl Policy for WorstFit {
    fn score(&self, task: &Task, node: &Node) -> Score {
        self.0.emptiness(task, node)
    }
}

pub(super) fn build(reader: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(WorstFit(Shares::read(reader, &context.largest)?)))
}
