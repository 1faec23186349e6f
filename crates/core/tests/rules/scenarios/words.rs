//! The words of a script line, and the parts of a command they spell.

use plimsoll_core::command::{CircuitBreakerUpdate, StrategyChoice};
use plimsoll_model::{
    CapacityProviderStrategyItem, FailureThreshold, PlacementConstraint, PlacementStrategy, Scale, SpreadField,
    ThresholdKind,
};
use std::collections::BTreeMap;

/// Words, and `key=value` among them.
pub struct Words<'a> {
    pub words: Vec<&'a str>,
    pub options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    pub fn parse(text: &'a str) -> Self {
        let mut words = Words { words: Vec::new(), options: BTreeMap::new() };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => {
                    words.options.insert(key, value);
                }
                None => words.words.push(word),
            }
        }
        words
    }

    pub fn option<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.options.get(key).map(|value| value.parse().unwrap_or_else(|_| panic!("{key}={value}")))
    }

    pub fn number(&self, key: &str, default: u32) -> u32 {
        self.option(key).unwrap_or(default)
    }

    pub fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
}

/// `breaker=off`, `breaker=on` or `breaker=rollback`; `threshold=5` is a count; `no-reset`.
pub fn circuit_breaker(words: &Words<'_>) -> Option<CircuitBreakerUpdate> {
    let mode = *words.options.get("breaker")?;
    assert!(["off", "on", "rollback"].contains(&mode), "breaker={mode}");
    Some(CircuitBreakerUpdate {
        enable: mode != "off",
        rollback: mode == "rollback",
        threshold: words.option("threshold").map(|value| FailureThreshold { kind: ThresholdKind::Count, value }),
        reset_on_healthy_task: words.has("no-reset").then_some(false),
    })
}

/// A deployment-level setting that a rollback brings back.
pub fn network(words: &Words<'_>) -> serde_json::Map<String, serde_json::Value> {
    let name = words.options.get("network").map(|name| ("networkConfiguration".to_owned(), (*name).into()));
    name.into_iter().collect()
}

/// In percent.
pub fn scale(words: &Words<'_>) -> Scale {
    Scale::from_thousandths(words.number("scale", 0) * 1_000).unwrap()
}

/// `providers=NAME:WEIGHT:BASE,...`; a base of 0 may be left out. `providers=` is an empty strategy.
pub fn providers(words: &Words<'_>) -> Option<Vec<CapacityProviderStrategyItem>> {
    let item = |text: &str| {
        let mut parts = text.split(':');
        let provider = parts.next().unwrap().into();
        let mut number = || parts.next().map_or(0, |number| number.parse().unwrap());
        CapacityProviderStrategyItem { provider, weight: number(), base: number() }
    };
    let given = words.options.get("providers")?;
    Some(given.split(',').filter(|text| !text.is_empty()).map(item).collect())
}

pub fn choice(words: &Words<'_>) -> StrategyChoice {
    match providers(words) {
        Some(strategy) => StrategyChoice::Given(strategy),
        None if words.has("ec2") => StrategyChoice::LaunchType,
        None => StrategyChoice::ClusterDefault,
    }
}

pub fn constraints(words: &Words<'_>) -> Vec<PlacementConstraint> {
    let distinct = words.has("distinct").then_some(PlacementConstraint::DistinctInstance);
    // Words end at spaces, which the language can do without except around some of its own words.
    let member_of = |text: &&str| PlacementConstraint::MemberOf(text.replace('_', " ").into());
    distinct.into_iter().chain(words.options.get("where").map(member_of)).collect()
}

pub fn strategies(words: &Words<'_>) -> Vec<PlacementStrategy> {
    match words.options.get("strategy").copied() {
        None => Vec::new(),
        Some("binpack") => vec![PlacementStrategy::BinpackMemory],
        Some("spread") => vec![PlacementStrategy::Spread(SpreadField::Instance)],
        Some(other) => panic!("no strategy {other}"),
    }
}
