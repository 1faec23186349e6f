//! Best-fit: the node with the least left over, as a sum of shares.

use super::options::{OptionReader, PolicyError};
use super::scale::Shares;
use super::{Context, Node, Policy, Score, Task};

#[derive(Debug)]
struct BestFit(Shares);

impl Policy for BestFit {
    fn score(&self, task: &Task, node: &Node) -> Score {
        self.0.fullness(task, node)
    }
}

pub(super) fn build(reader: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(BestFit(Shares::read(reader, &context.largest)?)))
}
