//! The cluster query language: expressions about one instance that are true or false.
//!
//! Parsing needs nothing but the text; evaluation needs only [`Facts`]. Neither knows the fleet.

mod cursor;
mod error;
mod eval;
mod grammar;
mod literal;
mod operand;
mod parse;
mod possible;
#[cfg(test)]
mod tests;

pub use error::ParseError;
pub(crate) use eval::Facts;

use eval::Condition;
use std::fmt;
use std::sync::Arc;

/// A parsed expression. Parse once and share: patterns are compiled.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    condition: Condition,
    looks_at_tasks: bool,
}

impl Expression {
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let condition = parse::parse(text)?;
        Ok(Expression { source: text.into(), looks_at_tasks: condition.looks_at_tasks(), condition })
    }

    /// The text it was read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn holds(&self, facts: &impl Facts) -> bool {
        self.condition.holds(facts)
    }

    /// Whether it could hold with other tasks on the instance, or another state of its connection.
    pub(crate) fn may_hold(&self, facts: &impl Facts) -> bool {
        self.condition.settled(facts) != Some(false)
    }

    /// Whether the tasks on an instance have a say in it.
    pub fn looks_at_tasks(&self) -> bool {
        self.looks_at_tasks
    }
}

/// The text says it all: the same text reads as the same expression.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}
