//! Options of policies: written by people, so each mistake is answered with what was expected.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Options of one policy by name.
pub type Options = BTreeMap<String, OptionValue>;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OptionValue {
    Integer(i64),
    Text(String),
    Texts(Vec<String>),
}

impl std::fmt::Display for OptionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OptionValue::Integer(number) => write!(f, "{number}"),
            OptionValue::Text(text) => write!(f, "{text:?}"),
            OptionValue::Texts(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// Which of equally good nodes is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TieBreak {
    /// The first in node order.
    First,
    /// Each is equally likely.
    Random,
}

/// The order that breaks ties, and that first-fit goes by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodeOrder {
    /// As the cluster lists them.
    Given,
    /// By name, bytewise.
    Name,
    /// By name, then shuffled anew for each seed; the same for every policy.
    Shuffled,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("unknown policy {given:?}, expected one of {}", known.join(", "))]
    Policy { given: String, known: Vec<&'static str> },
    #[error("policy {given:?}: expected NAME or NAME?OPTION=VALUE&OPTION=VALUE, each option once")]
    Text { given: String },
    #[error("policy {policy} has no option {given:?}, expected {}", any_of(known))]
    Option { policy: String, given: String, known: Vec<&'static str> },
    #[error("policy {policy}, option {option}: {given} given, expected {expected}")]
    Value { policy: String, option: &'static str, given: OptionValue, expected: String },
    #[error("policy {policy} compares nodes by what typical tasks could use, and the workload has no task")]
    NoTypicalTasks { policy: String },
    #[error(
        "policy {policy}: the capacities are too large for scores in 64 bits; option truncate makes scores smaller"
    )]
    Scale { policy: String },
}

fn any_of(known: &[&str]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}

/// Takes options out by name and remembers which exist, so that what is left over can be refused.
#[derive(Debug)]
pub struct OptionReader<'a> {
    policy: &'a str,
    left: Options,
    known: Vec<&'static str>,
}

impl<'a> OptionReader<'a> {
    pub fn new(policy: &'a str, options: &Options) -> Self {
        OptionReader { policy, left: options.clone(), known: Vec::new() }
    }

    pub fn policy(&self) -> &'a str {
        self.policy
    }

    fn take(&mut self, option: &'static str) -> Option<OptionValue> {
        self.known.push(option);
        self.left.remove(option)
    }

    fn wrong<T>(
        &self,
        option: &'static str,
        given: OptionValue,
        expected: impl Into<String>,
    ) -> Result<T, PolicyError> {
        Err(PolicyError::Value { policy: self.policy.to_owned(), option, given, expected: expected.into() })
    }

    /// One of a few words.
    pub fn word<T: Copy>(
        &mut self,
        option: &'static str,
        words: &[(&'static str, T)],
        default: T,
    ) -> Result<T, PolicyError> {
        let Some(given) = self.take(option) else { return Ok(default) };
        if let OptionValue::Text(text) = &given
            && let Some((_, value)) = words.iter().find(|(word, _)| word == text)
        {
            return Ok(*value);
        }
        self.wrong(option, given, format!("one of {}", words_of(words)))
    }

    /// Several of a few words, each at most once and at least one.
    pub fn words<T: Copy>(
        &mut self,
        option: &'static str,
        words: &[(&'static str, T)],
        default: &[T],
    ) -> Result<Vec<T>, PolicyError> {
        let Some(given) = self.take(option) else { return Ok(default.to_vec()) };
        let expected = format!("a list without repetition of {}", words_of(words));
        let OptionValue::Texts(texts) = &given else { return self.wrong(option, given, expected) };
        let found = |text: &String| words.iter().find(|(word, _)| word == text).map(|(_, value)| *value);
        let repeats = texts.iter().enumerate().any(|(at, text)| texts[..at].contains(text));
        match texts.iter().map(found).collect::<Option<Vec<T>>>() {
            Some(values) if !values.is_empty() && !repeats => Ok(values),
            _ => self.wrong(option, given, expected),
        }
    }

    /// A whole number from 1 to `max`.
    pub fn count(&mut self, option: &'static str, default: u32, max: u32) -> Result<NonZeroU32, PolicyError> {
        let given = self.take(option).unwrap_or(OptionValue::Integer(default.into()));
        let number = match given {
            OptionValue::Integer(number) => u32::try_from(number).ok().filter(|number| *number <= max),
            _ => None,
        };
        match number.and_then(NonZeroU32::new) {
            Some(number) => Ok(number),
            None => self.wrong(option, given, format!("a whole number from 1 to {max}")),
        }
    }

    /// `truncate`: the number of steps scores are cut down to, or `"exact"`.
    pub fn truncate(&mut self, default: Option<i64>) -> Result<Option<i64>, PolicyError> {
        const STEPS_MAX: i64 = 1_000_000;
        match self.take("truncate") {
            None => Ok(default),
            Some(OptionValue::Text(word)) if word == "exact" => Ok(None),
            Some(OptionValue::Integer(steps)) if (1..=STEPS_MAX).contains(&steps) => Ok(Some(steps)),
            Some(given) => self.wrong("truncate", given, format!("\"exact\" or a whole number from 1 to {STEPS_MAX}")),
        }
    }

    pub fn tie_break(&mut self) -> Result<TieBreak, PolicyError> {
        self.word("tie_break", &[("first", TieBreak::First), ("random", TieBreak::Random)], TieBreak::First)
    }

    pub fn node_order(&mut self) -> Result<NodeOrder, PolicyError> {
        let words = [("given", NodeOrder::Given), ("name", NodeOrder::Name), ("shuffled", NodeOrder::Shuffled)];
        self.word("node_order", &words, NodeOrder::Given)
    }

    /// Refuses options that nothing has asked for.
    pub fn finish(self) -> Result<(), PolicyError> {
        match self.left.into_keys().next() {
            None => Ok(()),
            Some(given) => Err(PolicyError::Option { policy: self.policy.to_owned(), given, known: self.known }),
        }
    }
}

fn words_of<T>(words: &[(&'static str, T)]) -> String {
    words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}
