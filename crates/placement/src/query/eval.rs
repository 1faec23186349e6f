//! What an expression means for one instance (CQL-5..12).

use super::literal::{Version, compare_values, instant_seconds};
use plimsoll_model::Timestamp;
use regex::Regex;
use std::cmp::Ordering;
use std::sync::Arc;

/// One instance as the language sees it.
pub(crate) trait Facts {
    /// A name without a value reads as the empty string (CQL-6).
    fn attribute(&self, name: &str) -> Option<&str>;
    fn agent_connected(&self) -> bool;
    fn agent_version(&self) -> Option<&str>;
    fn ec2_instance_id(&self) -> &str;
    fn registered_at(&self) -> Timestamp;
    fn running_tasks(&self) -> u32;
    /// Whether the group of any live task passes the test (CQL-12).
    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool;
}

#[derive(Clone, Debug)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Attribute {
        name: Arc<str>,
        test: SetTest,
    },
    TaskGroup(SetTest),
    AgentConnected(TextTest),
    Ec2InstanceId(TextTest),
    AgentVersion(Comparison, Version),
    /// Whole seconds since the epoch.
    RegisteredAt(Comparison, i64),
    RunningTasksCount(Comparison, u64),
}

/// A test of something that may be absent, or be there more than once.
#[derive(Clone, Debug)]
pub(super) enum SetTest {
    Exists,
    NotExists,
    Value(TextTest),
}

/// A question about one text, and whether its answer is turned round (`!=`, `!in`, `!~`).
#[derive(Clone, Debug)]
pub(super) struct TextTest {
    pub negated: bool,
    pub question: Question,
}

#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Never [`Comparison::NotEqual`]: that is a negated `Equal`.
    Compare(Comparison, String),
    In(Vec<String>),
    /// Anchored at both ends (CQL-8).
    Matches(Regex),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Condition {
    pub fn holds(&self, facts: &impl Facts) -> bool {
        match self {
            Condition::Any(parts) => parts.iter().any(|part| part.holds(facts)),
            Condition::All(parts) => parts.iter().all(|part| part.holds(facts)),
            Condition::Not(part) => !part.holds(facts),
            Condition::Attribute { name, test } => attribute_passes(facts.attribute(name), test),
            Condition::TaskGroup(test) => groups_pass(facts, test),
            Condition::AgentConnected(test) => test.passes(if facts.agent_connected() { "true" } else { "false" }),
            Condition::Ec2InstanceId(test) => test.passes(facts.ec2_instance_id()),
            Condition::AgentVersion(comparison, wanted) => {
                // An unknown version compares with nothing (CQL-9).
                let known = facts.agent_version().and_then(Version::parse);
                known.is_some_and(|version| comparison.accepts(version.cmp(wanted)))
            }
            Condition::RegisteredAt(comparison, wanted) => {
                comparison.accepts(instant_seconds(facts.registered_at()).cmp(wanted))
            }
            Condition::RunningTasksCount(comparison, wanted) => {
                comparison.accepts(u64::from(facts.running_tasks()).cmp(wanted))
            }
        }
    }
}

/// Of an absent attribute every predicate is false but `!exists`, even the negative ones (CQL-5).
fn attribute_passes(value: Option<&str>, test: &SetTest) -> bool {
    match test {
        SetTest::Exists => value.is_some(),
        SetTest::NotExists => value.is_none(),
        SetTest::Value(test) => value.is_some_and(|text| test.passes(text)),
    }
}

/// Negative tests say that no group passes the positive one, so they hold on an empty instance (CQL-12).
fn groups_pass(facts: &impl Facts, test: &SetTest) -> bool {
    match test {
        SetTest::Exists => facts.any_group(&mut |_| true),
        SetTest::NotExists => !facts.any_group(&mut |_| true),
        SetTest::Value(test) => facts.any_group(&mut |group| test.question.answer(group)) != test.negated,
    }
}

impl TextTest {
    fn passes(&self, text: &str) -> bool {
        self.question.answer(text) != self.negated
    }
}

impl Question {
    fn answer(&self, text: &str) -> bool {
        match self {
            Question::Compare(Comparison::Equal, wanted) => text == wanted,
            Question::Compare(comparison, wanted) => comparison.accepts(compare_values(text, wanted)),
            Question::In(wanted) => wanted.iter().any(|one| one == text),
            Question::Matches(pattern) => pattern.is_match(text),
        }
    }
}

impl Comparison {
    fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterEqual => ordering.is_ge(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessEqual => ordering.is_le(),
        }
    }
}
