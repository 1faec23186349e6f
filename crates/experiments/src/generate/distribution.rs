//! Distributions of sizes and lifetimes. They are drawn with our own logarithm and cosine, so that a seed means the same
//! numbers on every platform.

use plimsoll_placement::policy::below;
use rand::Rng;
use serde::Deserialize;

/// Of whole numbers. Where `step` is given, a draw is rounded up to a multiple of it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Distribution {
    Constant(u64),
    /// Both ends included.
    Uniform {
        min: u64,
        max: u64,
        step: Option<u64>,
    },
    /// One of the values, as often as its weight says.
    Choice {
        values: Vec<u64>,
        weights: Option<Vec<u64>>,
    },
    Exponential {
        mean: f64,
        max: Option<u64>,
        step: Option<u64>,
    },
    /// `median * exp(sigma * standard normal)`
    Lognormal {
        median: f64,
        sigma: f64,
        max: Option<u64>,
        step: Option<u64>,
    },
    /// At least `min`; above `x` is `(min / x)^alpha`.
    Pareto {
        min: u64,
        alpha: f64,
        max: Option<u64>,
        step: Option<u64>,
    },
}

impl Distribution {
    pub fn check(&self, max_allowed: u64) -> Result<(), String> {
        let positive = |name: &str, number: f64| {
            if number.is_finite() && number > 0.0 {
                Ok(())
            } else {
                Err(format!("expected {name} above 0, found {number}"))
            }
        };
        let at_most = |number: u64| {
            if number <= max_allowed { Ok(()) } else { Err(format!("expected at most {max_allowed}, found {number}")) }
        };
        match self {
            Distribution::Constant(value) => at_most(*value),
            Distribution::Uniform { min, max, .. } if min > max => {
                Err(format!("expected max of {min} or more, found {max}"))
            }
            Distribution::Uniform { max, .. } => at_most(*max),
            Distribution::Choice { values, weights } => {
                let count = weights.as_ref().map_or(values.len(), Vec::len);
                let sum: u128 = weights.iter().flatten().map(|weight| u128::from(*weight)).sum();
                if values.is_empty() || count != values.len() {
                    return Err(format!("expected a weight per value, found {} and {count}", values.len()));
                }
                if weights.is_some() && (sum == 0 || sum > u128::from(u32::MAX)) {
                    return Err(format!("expected weights that add up to 1 to {}, found {sum}", u32::MAX));
                }
                values.iter().try_for_each(|value| at_most(*value))
            }
            Distribution::Exponential { mean, .. } => positive("mean", *mean),
            Distribution::Lognormal { median, sigma, .. } => positive("median", *median).and(positive("sigma", *sigma)),
            Distribution::Pareto { min, alpha, .. } => positive("min", *min as f64).and(positive("alpha", *alpha)),
        }
    }

    pub fn draw(&self, chance: &mut dyn Rng) -> u64 {
        let capped = |number: f64, max: &Option<u64>| (number as u64).min(max.unwrap_or(u64::MAX));
        let (number, step) = match self {
            Distribution::Constant(value) => return *value,
            Distribution::Choice { values, weights } => return values[choice(values.len(), weights, chance)],
            Distribution::Uniform { min, max, step } => (min + below(chance, max - min + 1), step),
            Distribution::Exponential { mean, max, step } => (capped(-mean * libm::log(unit(chance)), max), step),
            Distribution::Lognormal { median, sigma, max, step } => {
                (capped(median * libm::exp(sigma * normal(chance)), max), step)
            }
            Distribution::Pareto { min, alpha, max, step } => {
                (capped(*min as f64 * libm::pow(unit(chance), -1.0 / alpha), max), step)
            }
        };
        let step = step.unwrap_or(1).max(1);
        number.div_ceil(step).saturating_mul(step)
    }
}

fn choice(count: usize, weights: &Option<Vec<u64>>, chance: &mut dyn Rng) -> usize {
    let Some(weights) = weights else { return below(chance, count as u64) as usize };
    let mut drawn = below(chance, weights.iter().sum());
    let found = weights.iter().position(|weight| {
        let here = drawn < *weight;
        drawn = drawn.saturating_sub(*weight);
        here
    });
    found.expect("less was drawn than the weights add up to")
}

/// Above 0 and at most 1, in steps of 2^-53.
pub(super) fn unit(chance: &mut dyn Rng) -> f64 {
    ((chance.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
}

/// Standard normal (Box and Muller).
fn normal(chance: &mut dyn Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(unit(chance)));
    radius * libm::cos(2.0 * std::f64::consts::PI * unit(chance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{Purpose, stream};

    fn mean(distribution: &Distribution) -> f64 {
        let mut chance = stream(7, Purpose::Needs);
        (0..20_000).map(|_| distribution.draw(&mut chance) as f64).sum::<f64>() / 20_000.0
    }

    #[test]
    fn means_are_those_of_the_distributions() {
        let choice = Distribution::Choice { values: vec![100, 200], weights: Some(vec![3, 1]) };
        let lognormal = Distribution::Lognormal { median: 1000.0, sigma: 0.5, max: None, step: None };
        for (distribution, expected) in [
            (Distribution::Constant(5), 5.0),
            (Distribution::Uniform { min: 0, max: 1000, step: None }, 500.0),
            (choice, 125.0),
            (Distribution::Exponential { mean: 1000.0, max: None, step: None }, 1000.0),
            (lognormal, 1000.0 * f64::exp(0.125)),
            (Distribution::Pareto { min: 1000, alpha: 3.0, max: None, step: None }, 1500.0),
        ] {
            let mean = mean(&distribution);
            assert!((mean - expected).abs() < 0.03 * expected, "{distribution:?}: {mean}, expected {expected}");
        }
    }

    #[test]
    fn draws_stay_within_limits_and_on_steps() {
        let mut chance = stream(1, Purpose::Needs);
        let pareto = Distribution::Pareto { min: 100, alpha: 0.5, max: Some(5000), step: Some(250) };
        for _ in 0..1000 {
            let drawn = pareto.draw(&mut chance);
            assert!((250..=5000).contains(&drawn) && drawn.is_multiple_of(250), "{drawn}");
        }
    }

    #[test]
    fn impossible_parameters_are_said() {
        for (distribution, message) in [
            (Distribution::Uniform { min: 2, max: 1, step: None }, "expected max of 2 or more, found 1"),
            (Distribution::Choice { values: vec![], weights: None }, "expected a weight per value"),
            (Distribution::Choice { values: vec![1], weights: Some(vec![0]) }, "weights that add up"),
            (Distribution::Exponential { mean: f64::NAN, max: None, step: None }, "expected mean above 0"),
            (Distribution::Constant(11), "expected at most 10, found 11"),
        ] {
            let problem = distribution.check(10).expect_err(message);
            assert!(problem.contains(message), "{problem}");
        }
    }
}
