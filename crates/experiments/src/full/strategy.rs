//! Policies of the full engine: the placement strategies of ECS, because those are what the production core places by.

use crate::spec::PolicySpec;
use plimsoll_model::{PlacementStrategy, SpreadField};
use plimsoll_placement::policy::OptionValue;
use plimsoll_placement::{STRATEGIES_MAX, parse_strategy};

/// Policies that are beside every other one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Baseline {
    /// No strategy: what a cluster does unless told otherwise.
    Default,
    Random,
}

impl Baseline {
    pub const ALL: [Baseline; 2] = [Baseline::Default, Baseline::Random];

    pub fn name(self) -> &'static str {
        match self {
            Baseline::Default => "ecs-default",
            Baseline::Random => "random",
        }
    }
}

const KNOWN: [&str; 6] = ["ecs-default", "binpack-cpu", "binpack-memory", "spread-tasks", "random", "chain"];
const CHAIN: &str = "strategies";

/// The chain a policy stands for. `Err` has the option that is wrong, if it is one, and what was expected.
pub fn strategies(spec: &PolicySpec) -> Result<Vec<PlacementStrategy>, (Option<String>, String)> {
    let chain = match spec.name.as_str() {
        "ecs-default" => Vec::new(),
        "binpack-cpu" => vec![PlacementStrategy::BinpackCpu],
        "binpack-memory" => vec![PlacementStrategy::BinpackMemory],
        "spread-tasks" => vec![PlacementStrategy::Spread(SpreadField::Instance)],
        "random" => vec![PlacementStrategy::Random],
        "chain" => return chain(spec),
        _ => {
            let known = KNOWN.join(", ");
            return Err((None, format!("unknown policy {:?} of the full engine, expected one of {known}", spec.name)));
        }
    };
    match spec.options.keys().next() {
        Some(option) => {
            Err((Some(option.clone()), format!("policy {} of the full engine has no option {option:?}", spec.name)))
        }
        None => Ok(chain),
    }
}

fn chain(spec: &PolicySpec) -> Result<Vec<PlacementStrategy>, (Option<String>, String)> {
    let wrong = |problem: String| (Some(CHAIN.to_owned()), problem);
    if let Some(unknown) = spec.options.keys().find(|option| *option != CHAIN) {
        let problem = format!("policy chain of the full engine has no option {unknown:?}, expected {CHAIN}");
        return Err((Some(unknown.clone()), problem));
    }
    let expected = "a list of strategies, like [\"spread:attribute:ecs.availability-zone\", \"binpack:memory\"]";
    let texts = match spec.options.get(CHAIN) {
        Some(OptionValue::Texts(texts)) => texts,
        Some(other) => return Err(wrong(format!("policy chain, option {CHAIN}: {other} given, expected {expected}"))),
        None => return Err((None, format!("policy chain needs the option {CHAIN}: {expected}"))),
    };
    if texts.is_empty() || texts.len() > STRATEGIES_MAX {
        let problem = format!("policy chain: expected 1 to {STRATEGIES_MAX} strategies, found {}", texts.len());
        return Err(wrong(problem));
    }
    let strategy = |text: &String| {
        let (kind, field) = text.split_once(':').map_or((text.as_str(), None), |(kind, field)| (kind, Some(field)));
        parse_strategy(kind, field).map_err(|error| wrong(error.to_string()))
    };
    texts.iter().map(strategy).collect()
}
