//! Placement expressions, parsed once.

use crate::CommandError;
use plimsoll_model::PlacementConstraint;
use plimsoll_placement::Expression;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Distinct expressions remembered; at the limit all are forgotten and parsed again as they are used.
const EXPRESSIONS_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Expressions {
    parsed: BTreeMap<Arc<str>, Arc<Expression>>,
}

impl Expressions {
    pub fn parse(&mut self, text: &Arc<str>) -> Result<Arc<Expression>, CommandError> {
        if let Some(known) = self.parsed.get(text) {
            return Ok(Arc::clone(known));
        }
        let expression = Expression::parse(text).map_err(|error| CommandError::InvalidExpression {
            expression: text.to_string(),
            message: error.message.to_string(),
        })?;
        if self.parsed.len() >= EXPRESSIONS_MAX {
            self.parsed.clear();
        }
        let expression = Arc::new(expression);
        self.parsed.insert(Arc::clone(text), Arc::clone(&expression));
        Ok(expression)
    }

    pub fn parse_all<'a>(
        &mut self,
        texts: impl IntoIterator<Item = &'a Arc<str>>,
    ) -> Result<Vec<Arc<Expression>>, CommandError> {
        texts.into_iter().map(|text| self.parse(text)).collect()
    }

    pub fn parse_constraints(
        &mut self,
        constraints: &[PlacementConstraint],
    ) -> Result<Vec<Arc<Expression>>, CommandError> {
        self.parse_all(constraints.iter().filter_map(|constraint| match constraint {
            PlacementConstraint::MemberOf(text) => Some(text),
            PlacementConstraint::DistinctInstance => None,
        }))
    }
}
