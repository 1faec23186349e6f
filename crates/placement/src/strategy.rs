//! Placement strategies and constraints as a user writes them (PL-5, RUN-6).

use crate::{Expression, ParseError};
use plimsoll_model::{PlacementConstraint, PlacementStrategy, SpreadField};
use std::sync::Arc;

/// Strategies in one chain (PL-2).
pub const STRATEGIES_MAX: usize = 5;

/// Characters of one expression (CQL-2).
pub const EXPRESSION_CHARS_MAX: usize = 2000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    #[error("placement strategy type {given:?} should be one of [random, spread, binpack]")]
    Type { given: String },
    #[error("placement strategy binpack needs a field: cpu or memory")]
    BinpackFieldMissing,
    #[error("placement strategy binpack does not know field {given:?}, only cpu and memory")]
    BinpackField { given: String },
    #[error("placement strategy spread needs a field: instanceId, host or attribute:<name>")]
    SpreadFieldMissing,
    #[error("placement strategy spread does not know field {given:?}, only instanceId, host and attribute:<name>")]
    SpreadField { given: String },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    #[error("placement constraint type {given:?} should be one of [distinctInstance, memberOf]")]
    Type { given: String },
    #[error("placement constraint distinctInstance takes no expression")]
    DistinctInstanceExpression,
    #[error("placement constraint memberOf needs an expression")]
    MemberOfExpressionMissing,
    #[error("placement constraint memberOf: {0}")]
    MemberOfExpression(ParseError),
}

/// Reads one entry of `placementStrategy`.
pub fn parse_strategy(kind: &str, field: Option<&str>) -> Result<PlacementStrategy, StrategyError> {
    let field = field.filter(|text| !text.is_empty());
    match kind {
        "random" => Ok(PlacementStrategy::Random),
        "binpack" => binpack(field.ok_or(StrategyError::BinpackFieldMissing)?),
        "spread" => spread(field.ok_or(StrategyError::SpreadFieldMissing)?).map(PlacementStrategy::Spread),
        _ => Err(StrategyError::Type { given: kind.to_owned() }),
    }
}

/// Reads one entry of `placementConstraints`; an expression is known to parse afterwards.
pub fn parse_constraint(kind: &str, expression: Option<&str>) -> Result<PlacementConstraint, ConstraintError> {
    let expression = expression.filter(|text| !text.is_empty());
    match (kind, expression) {
        ("distinctInstance", None) => Ok(PlacementConstraint::DistinctInstance),
        ("distinctInstance", Some(_)) => Err(ConstraintError::DistinctInstanceExpression),
        ("memberOf", None) => Err(ConstraintError::MemberOfExpressionMissing),
        ("memberOf", Some(text)) => {
            Expression::parse(text).map_err(ConstraintError::MemberOfExpression)?;
            Ok(PlacementConstraint::MemberOf(text.into()))
        }
        _ => Err(ConstraintError::Type { given: kind.to_owned() }),
    }
}

fn binpack(field: &str) -> Result<PlacementStrategy, StrategyError> {
    match field.to_ascii_lowercase().as_str() {
        "cpu" => Ok(PlacementStrategy::BinpackCpu),
        "memory" => Ok(PlacementStrategy::BinpackMemory),
        _ => Err(StrategyError::BinpackField { given: field.to_owned() }),
    }
}

fn spread(field: &str) -> Result<SpreadField, StrategyError> {
    if field == "instanceId" || field == "host" {
        return Ok(SpreadField::Instance);
    }
    let name = field.strip_prefix("attribute:").filter(|name| is_attribute_name(name));
    name.map(|name| SpreadField::Attribute(Arc::from(name)))
        .ok_or_else(|| StrategyError::SpreadField { given: field.to_owned() })
}

/// The characters of an attribute's name (ATTR-1, CQL-1).
pub(crate) fn is_attribute_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | '\\')
}

fn is_attribute_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(is_attribute_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pl_5_strategies_read_as_written() {
        let spread = |name: &str| PlacementStrategy::Spread(SpreadField::Attribute(name.into()));
        for (kind, field, expected) in [
            ("random", None, PlacementStrategy::Random),
            ("random", Some("whatever"), PlacementStrategy::Random),
            ("binpack", Some("cpu"), PlacementStrategy::BinpackCpu),
            ("binpack", Some("MEMORY"), PlacementStrategy::BinpackMemory),
            ("spread", Some("instanceId"), PlacementStrategy::Spread(SpreadField::Instance)),
            ("spread", Some("host"), PlacementStrategy::Spread(SpreadField::Instance)),
            ("spread", Some("attribute:ecs.availability-zone"), spread("ecs.availability-zone")),
        ] {
            assert_eq!(parse_strategy(kind, field), Ok(expected), "{kind} {field:?}");
        }
    }

    #[test]
    fn pl_5_what_is_wrong_with_a_strategy_is_said() {
        for (kind, field, message) in [
            ("Random", None, "should be one of [random, spread, binpack]"),
            ("binpack", None, "needs a field"),
            ("binpack", Some("gpu"), "does not know field \"gpu\""),
            ("spread", None, "needs a field"),
            ("spread", Some(""), "needs a field"),
            ("spread", Some("zone"), "does not know field \"zone\""),
            ("spread", Some("attribute:"), "does not know field"),
            ("spread", Some("attribute:a b"), "does not know field"),
        ] {
            let error = parse_strategy(kind, field).expect_err(kind);
            assert!(error.to_string().contains(message), "{kind} {field:?}: {error}");
        }
    }

    #[test]
    fn run_6_constraints_carry_an_expression_or_must_not() {
        let member_of = PlacementConstraint::MemberOf("attribute:a exists".into());
        assert_eq!(parse_constraint("distinctInstance", None), Ok(PlacementConstraint::DistinctInstance));
        assert_eq!(parse_constraint("distinctInstance", Some("")), Ok(PlacementConstraint::DistinctInstance));
        assert_eq!(parse_constraint("memberOf", Some("attribute:a exists")), Ok(member_of));
        for (kind, expression, message) in [
            ("distinctInstance", Some("attribute:a exists"), "takes no expression"),
            ("memberOf", None, "needs an expression"),
            ("memberOf", Some("attribute:a =="), "expected a value"),
            ("affinity", None, "should be one of [distinctInstance, memberOf]"),
        ] {
            let error = parse_constraint(kind, expression).expect_err(kind);
            assert!(error.to_string().contains(message), "{kind} {expression:?}: {error}");
        }
    }
}
