//! Every combination of the swept values, each an experiment of its own.

use super::error::{ExperimentError, Place};
use super::file::{Experiment, SweepKeys};
use toml::Value;

/// Combinations of one experiment.
const POINTS_MAX: usize = 10_000;

/// Swept values by parameter, as people read them.
pub(super) type Assignment = Vec<(String, String)>;

/// Without a sweep, the experiment as it is.
pub(super) fn points(experiment: &Experiment, place: Place) -> Result<Vec<(Assignment, Experiment)>, ExperimentError> {
    let sizes = experiment.sweeps.iter().map(|sweep| sweep.values.get_ref().len());
    let count = sizes.clone().fold(1usize, usize::saturating_mul);
    if let Some(empty) = experiment.sweeps.iter().find(|sweep| sweep.values.get_ref().is_empty()) {
        return Err(place.at(Some(empty.values.span()), "expected at least one value"));
    }
    if count > POINTS_MAX {
        let problem = format!("the sweeps have {count} combinations, expected at most {POINTS_MAX}");
        return Err(ExperimentError::Whole { file: place.file.to_owned(), problem });
    }
    if experiment.sweeps.is_empty() {
        return Ok(vec![(Assignment::new(), experiment.clone())]);
    }
    (0..count).map(|nth| point(experiment, place, nth)).collect()
}

/// The last parameter changes fastest.
fn point(experiment: &Experiment, place: Place, mut nth: usize) -> Result<(Assignment, Experiment), ExperimentError> {
    let mut document: Value =
        toml::from_str::<toml::Table>(place.text).map(Value::Table).map_err(|error| place.toml(&error))?;
    let mut assignment = Assignment::new();
    for sweep in experiment.sweeps.iter().rev() {
        let values = sweep.values.get_ref();
        let value = &values[nth % values.len()];
        nth /= values.len();
        assign(&mut document, sweep, value.clone(), place)?;
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assignment.push((sweep.parameter.get_ref().clone(), shown));
    }
    assignment.reverse();
    let described =
        || assignment.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ");
    let text = toml::to_string(&document).map_err(|error| place.at(None, error.to_string()))?;
    let swept = toml::from_str(&text).map_err(|error| {
        place.at(Some(experiment.sweeps[0].values.span()), format!("with {}: {}", described(), error.message()))
    })?;
    Ok((assignment, swept))
}

fn assign(document: &mut Value, sweep: &SweepKeys, value: Value, place: Place) -> Result<(), ExperimentError> {
    let path = sweep.parameter.get_ref();
    let nothing = |key: &str| {
        let problem = format!("expected a parameter of this file, found {path:?}: there is nothing called {key:?}");
        place.at(Some(sweep.parameter.span()), problem)
    };
    let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = document;
    for key in above.split('.').filter(|key| !key.is_empty()) {
        at = match at {
            Value::Array(list) => key.parse::<usize>().ok().and_then(|nth| list.get_mut(nth)),
            Value::Table(table) => table.get_mut(key),
            _ => None,
        }
        .ok_or_else(|| nothing(key))?;
    }
    match at {
        Value::Table(table) => {
            table.insert(last.to_owned(), value);
            Ok(())
        }
        Value::Array(list) => {
            let slot = last.parse::<usize>().ok().and_then(|nth| list.get_mut(nth)).ok_or_else(|| nothing(last))?;
            *slot = value;
            Ok(())
        }
        _ => Err(nothing(last)),
    }
}
