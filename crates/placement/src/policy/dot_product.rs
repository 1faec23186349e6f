//! Dot product of what is free and what is needed, as shares. Tetris prefers the largest, the baseline of the FGD
//! paper the smallest.

use super::options::{OptionReader, PolicyError};
use super::scale::Shares;
use super::{Context, Node, Policy, Score, Task};

#[derive(Clone, Copy, Debug)]
enum Prefer {
    Largest,
    Smallest,
}

#[derive(Debug)]
struct DotProduct(Shares, Prefer);

impl Policy for DotProduct {
    fn score(&self, task: &Task, node: &Node) -> Score {
        match self.1 {
            Prefer::Largest => self.0.alignment(task, node),
            Prefer::Smallest => self.0.misalignment(task, node),
        }
    }
}

pub(super) fn build(reader: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    let words = [("largest", Prefer::Largest), ("smallest", Prefer::Smallest)];
    let prefer = reader.word("prefer", &words, Prefer::Largest)?;
    Ok(Box::new(DotProduct(Shares::read(reader, &context.largest)?, prefer)))
}
