//! Means over seeds, how far they can be trusted, and whether two policies differ.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// Of the values of several seeds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Summary {
    pub count: usize,
    pub mean: f64,
    /// Of the sample (`n - 1`); without a second value there is none.
    pub standard_deviation: Option<f64>,
    /// Half the width of the interval at 95 % by Student's t.
    pub half_width_95: Option<f64>,
}

impl Summary {
    pub fn of(values: &[f64]) -> Self {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count.max(1) as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let standard_deviation = (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        let half_width_95 =
            standard_deviation.map(|deviation| t_quantile(count - 1) * deviation / (count as f64).sqrt());
        Summary { count, mean, standard_deviation, half_width_95 }
    }
}

/// One policy against another, seed by seed: both met the same tasks and the same node order.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Paired {
    pub difference: Summary,
    /// Of the paired t test, two-sided; without a second seed there is none.
    pub p_value: Option<f64>,
}

impl Paired {
    /// Of `ours - theirs`; both in the same order of seeds.
    pub fn of(ours: &[f64], theirs: &[f64]) -> Self {
        assert_eq!(ours.len(), theirs.len(), "a value per seed on both sides");
        let differences: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect();
        let difference = Summary::of(&differences);
        let p_value = difference.standard_deviation.map(|deviation| {
            let error = deviation / (difference.count as f64).sqrt();
            match (difference.mean == 0.0, error == 0.0) {
                (true, _) => 1.0,
                // The same difference for every seed.
                (false, true) => 0.0,
                (false, false) => 2.0 * student(difference.count - 1).sf((difference.mean / error).abs()),
            }
        });
        Paired { difference, p_value }
    }

    pub fn is_significant(&self) -> bool {
        self.p_value.is_some_and(|p_value| p_value < 1.0 - CONFIDENCE)
    }
}

fn student(freedom: usize) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom as f64).expect("at least one degree of freedom")
}

fn t_quantile(freedom: usize) -> f64 {
    student(freedom).inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        // 97.5 % quantiles of Student's t with 1, 9 and 29 degrees of freedom.
        for (freedom, expected) in [(1, 12.7062), (9, 2.2622), (29, 2.0452)] {
            assert!((t_quantile(freedom) - expected).abs() < 1e-4, "{freedom}");
        }
        let summary = Summary::of(&[1.0, 2.0, 3.0]);
        assert_eq!((summary.mean, summary.standard_deviation), (2.0, Some(1.0)));
        assert!((summary.half_width_95.expect("three values") - 2.4841).abs() < 1e-4);
        assert_eq!(Summary::of(&[5.0]).half_width_95, None);
    }

    #[test]
    fn pairs_show_what_spread_hides() {
        let theirs = [10.0, 20.0, 30.0, 40.0];
        let ours: Vec<f64> = theirs.iter().zip([1.1, 0.9, 1.0, 1.2]).map(|(value, more)| value + more).collect();
        let paired = Paired::of(&ours, &theirs);
        assert!(paired.is_significant(), "{paired:?}");
        assert!((paired.difference.mean - 1.05).abs() < 1e-12);
        assert!(!Paired::of(&[1.0, 2.0], &[2.0, 1.0]).is_significant());
        assert_eq!(Paired::of(&theirs, &theirs).p_value, Some(1.0));
    }
}
