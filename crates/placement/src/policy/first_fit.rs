//! First-fit: the first node in node order where the task fits.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task};

#[derive(Debug)]
struct FirstFit;

impl Policy for FirstFit {
    fn score(&self, _: &Task, _: &Node) -> Score {
        0
    }
}

pub(super) fn build(_: &mut OptionReader, _: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(FirstFit))
}
