//! When tasks arrive.

use super::distribution::unit;
use rand::Rng;
use serde::Deserialize;

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Process {
    /// Nothing has a time.
    AtOnce,
    Regular {
        every_s: u32,
    },
    Poisson {
        per_hour: f64,
    },
    /// Poisson, and so many tasks each time.
    Bursts {
        per_hour: f64,
        size: u32,
    },
}

/// The times of one workload, one after another.
#[derive(Debug)]
pub struct Clock<'a> {
    process: &'a Process,
    now_s: f64,
    /// Tasks that still arrive at this moment.
    left: u32,
}

impl Process {
    pub fn check(&self) -> Result<(), String> {
        match self {
            Process::Poisson { per_hour } | Process::Bursts { per_hour, .. }
                if !(per_hour.is_finite() && *per_hour > 0.0) =>
            {
                Err(format!("expected per_hour above 0, found {per_hour}"))
            }
            Process::Bursts { size: 0, .. } => Err("expected size of 1 or more, found 0".to_owned()),
            _ => Ok(()),
        }
    }

    pub fn clock(&self) -> Clock<'_> {
        Clock { process: self, now_s: 0.0, left: 0 }
    }
}

impl Clock<'_> {
    pub fn next(&mut self, chance: &mut dyn Rng) -> u64 {
        match self.process {
            Process::AtOnce => {}
            Process::Regular { every_s } => self.now_s += f64::from(*every_s),
            Process::Poisson { per_hour } => self.now_s += gap_s(*per_hour, chance),
            Process::Bursts { per_hour, size } => {
                if self.left == 0 {
                    self.now_s += gap_s(*per_hour, chance);
                    self.left = *size;
                }
                self.left -= 1;
            }
        }
        self.now_s as u64
    }
}

fn gap_s(per_hour: f64, chance: &mut dyn Rng) -> f64 {
    -3600.0 / per_hour * libm::log(unit(chance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{Purpose, stream};

    #[test]
    fn tasks_arrive_as_often_as_asked() {
        let times = |process: Process| {
            let mut chance = stream(3, Purpose::Arrivals);
            let mut clock = process.clock();
            (0..3600).map(|_| clock.next(&mut chance)).collect::<Vec<u64>>()
        };
        assert_eq!(times(Process::AtOnce)[3599], 0);
        assert_eq!(times(Process::Regular { every_s: 10 })[3599], 36_000);
        let poisson = times(Process::Poisson { per_hour: 360.0 })[3599];
        assert!((33_000..39_000).contains(&poisson), "{poisson}");
        let bursts = times(Process::Bursts { per_hour: 36.0, size: 10 });
        assert!(bursts.chunks(10).all(|burst| burst[0] == burst[9]) && bursts[0] < bursts[3599]);
    }
}
