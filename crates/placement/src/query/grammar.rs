//! The words of the language: subjects, operators, and which go together (CQL-3).

use super::eval::Comparison;
use std::sync::Arc;

/// What a predicate is about.
#[derive(Clone)]
pub(super) enum Subject {
    Attribute(Arc<str>),
    TaskGroup,
    AgentConnected,
    Ec2InstanceId,
    AgentVersion,
    RegisteredAt,
    RunningTasksCount,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Exists,
    NotExists,
    Compare(Comparison),
    In,
    NotIn,
    Matches,
    NotMatches,
}

/// Longest first where one begins with another.
pub(super) const SYMBOL_OPERATORS: &[(&str, Operator)] = &[
    ("!exists", Operator::NotExists),
    ("!in", Operator::NotIn),
    ("==", Operator::Compare(Comparison::Equal)),
    ("!=", Operator::Compare(Comparison::NotEqual)),
    (">=", Operator::Compare(Comparison::GreaterEqual)),
    ("<=", Operator::Compare(Comparison::LessEqual)),
    ("=~", Operator::Matches),
    ("!~", Operator::NotMatches),
    (">", Operator::Compare(Comparison::Greater)),
    ("<", Operator::Compare(Comparison::Less)),
];

pub(super) const WORD_OPERATORS: &[(&str, Operator)] = &[
    ("exists", Operator::Exists),
    ("not_exists", Operator::NotExists),
    ("equals", Operator::Compare(Comparison::Equal)),
    ("not_equals", Operator::Compare(Comparison::NotEqual)),
    ("greater_than", Operator::Compare(Comparison::Greater)),
    ("greater_than_equal", Operator::Compare(Comparison::GreaterEqual)),
    ("less_than", Operator::Compare(Comparison::Less)),
    ("less_than_equal", Operator::Compare(Comparison::LessEqual)),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("matches", Operator::Matches),
    ("not_matches", Operator::NotMatches),
];

impl Subject {
    pub(super) fn allows(&self, operator: Operator) -> bool {
        match self {
            Subject::Attribute(_) | Subject::TaskGroup => true,
            Subject::AgentConnected | Subject::Ec2InstanceId => match operator {
                Operator::Compare(comparison) => matches!(comparison, Comparison::Equal | Comparison::NotEqual),
                Operator::In | Operator::NotIn | Operator::Matches | Operator::NotMatches => true,
                Operator::Exists | Operator::NotExists => false,
            },
            Subject::AgentVersion | Subject::RegisteredAt | Subject::RunningTasksCount => {
                matches!(operator, Operator::Compare(_))
            }
        }
    }

    pub(super) fn operators(&self) -> &'static str {
        match self {
            Subject::Attribute(_) | Subject::TaskGroup => "== != > >= < <= in !in =~ !~ exists !exists",
            Subject::AgentConnected | Subject::Ec2InstanceId => "== != in !in =~ !~",
            Subject::AgentVersion | Subject::RegisteredAt | Subject::RunningTasksCount => "== != > >= < <=",
        }
    }
}

impl Operator {
    pub(super) fn comparison(self) -> Comparison {
        match self {
            Operator::Compare(comparison) => comparison,
            _ => unreachable!("subjects with a typed literal allow comparisons only"),
        }
    }
}
