//! Fragmentation gradient descent (Weng et al., USENIX ATC 2023): the node, and the device, where the task makes
//! fragmentation grow least.
//!
//! The published score is `trunc(100 sigmoid(d / 1000))` with `d` the fragmentation that goes away in thousandths of a
//! device. The sigmoid is turned around once: score `s` is reached at `d = 1000 ln(s / (steps - s))`, so that scoring
//! compares integers and no platform's exponential function has a say.

use super::options::{OptionReader, PolicyError};
use super::{Context, Fragmentation, Node, Policy, Score, Task};
use rand::Rng;

/// The steps of the paper's implementation.
const STEPS: i64 = 100;
/// Thousandths of a device per unit of the sigmoid's argument.
const SIGMOID_UNIT: f64 = 1000.0;

#[derive(Debug)]
struct Fgd {
    fragmentation: Fragmentation,
    /// What has to go away for score 1, 2, ...; `None` for exact scores.
    thresholds: Option<Vec<i64>>,
}

impl Fgd {
    fn scored(&self, before: i64, after: i64) -> Score {
        let gone = before - after;
        match &self.thresholds {
            None => gone,
            Some(thresholds) => thresholds.partition_point(|threshold| *threshold <= gone) as Score,
        }
    }

    /// The best device with its score; the lowest index among equals.
    fn best_device(&self, task: &Task, node: &Node) -> (Score, usize) {
        let before = self.fragmentation.of(node);
        let free = node.gpu_free();
        let mut best: Option<(Score, usize)> = None;
        for device in (0..free.len()).filter(|device| free[*device] >= task.gpu_milli) {
            // The same as with an earlier device.
            if free[..device].contains(&free[device]) {
                continue;
            }
            let score = self.scored(before, self.fragmentation.with(task, node, Some(device)));
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, device));
            }
        }
        best.expect("a task that fits has a device")
    }
}

impl Policy for Fgd {
    fn score(&self, task: &Task, node: &Node) -> Score {
        if task.shares_a_device() {
            return self.best_device(task, node).0;
        }
        self.scored(self.fragmentation.of(node), self.fragmentation.with(task, node, None))
    }

    fn device(&self, task: &Task, node: &Node, _: &mut dyn Rng) -> usize {
        self.best_device(task, node).1
    }
}

pub(super) fn build(reader: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    let steps = reader.truncate(Some(STEPS))?;
    let no_tasks = || PolicyError::NoTypicalTasks { policy: reader.policy().to_owned() };
    let fragmentation = Fragmentation::new(context.typical).ok_or_else(no_tasks)?;
    let unit = SIGMOID_UNIT * fragmentation.weight() as f64;
    let thresholds = steps.map(|steps| (1..steps).map(|score| (unit * logit(score, steps)).ceil() as i64).collect());
    Ok(Box::new(Fgd { fragmentation, thresholds }))
}

/// `ln(part / (whole - part))`, as twice the inverse hyperbolic tangent of `2 part / whole - 1` by its series: made of
/// additions and divisions only, so it is the same number everywhere.
fn logit(part: i64, whole: i64) -> f64 {
    let x = (2 * part - whole) as f64 / whole as f64;
    let (mut sum, mut power, mut odd) = (0.0, x, 1.0);
    while f64::abs(power) > f64::EPSILON * f64::abs(x) {
        sum += power / odd;
        power *= x * x;
        odd += 2.0;
    }
    2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::logit;

    #[test]
    fn the_sigmoid_is_turned_around() {
        for (part, whole) in [(1, 100), (25, 100), (50, 100), (51, 100), (99, 100), (3, 4)] {
            let expected = (part as f64 / (whole - part) as f64).ln();
            assert!((logit(part, whole) - expected).abs() < 1e-9, "{part}/{whole}");
        }
    }
}
