//! Workloads made up from named distributions.

mod distribution;
mod process;

pub use distribution::Distribution;
pub use process::Process;

use crate::chance::{self, Purpose};
use crate::cluster::Cluster;
use crate::workload::{Arrival, Shape, Shapes, Workload};
use plimsoll_placement::policy::{DEVICES_MAX, Task, WHOLE_GPU};
use serde::Deserialize;

/// Tasks of one generated workload.
pub const TASKS_MAX: u32 = 10_000_000;

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    pub tasks: u32,
    pub arrivals: Process,
    /// Without: nothing leaves.
    pub lifetime_s: Option<Distribution>,
    pub cpu_milli: Distribution,
    pub memory_mib: Distribution,
    pub gpus: Option<Distribution>,
    /// Of each device; only tasks with one device share it.
    pub gpu_milli: Option<Distribution>,
    /// Models joined by `|`.
    #[serde(default)]
    pub gpu_models: String,
}

impl Generated {
    /// What is wrong with it, and the key that is.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.tasks == 0 || self.tasks > TASKS_MAX {
            return Err(("tasks", format!("expected 1 to {TASKS_MAX}, found {}", self.tasks)));
        }
        self.arrivals.check().map_err(|problem| ("arrivals", problem))?;
        let distributions = [
            ("lifetime_s", self.lifetime_s.as_ref(), u64::from(u32::MAX)),
            ("cpu_milli", Some(&self.cpu_milli), u64::from(u32::MAX)),
            ("memory_mib", Some(&self.memory_mib), u64::from(u32::MAX)),
            ("gpus", self.gpus.as_ref(), DEVICES_MAX as u64),
            ("gpu_milli", self.gpu_milli.as_ref(), u64::from(WHOLE_GPU)),
        ];
        for (key, distribution, max) in distributions {
            distribution.map_or(Ok(()), |one| one.check(max)).map_err(|problem| (key, problem))?;
        }
        Ok(())
    }

    pub fn is_timed(&self) -> bool {
        self.lifetime_s.is_some() || self.arrivals != Process::AtOnce
    }

    /// Needs, times and lifetimes come from streams of their own: more lifetimes do not change what is needed.
    pub fn workload(&self, cluster: &Cluster, seed: u64) -> Workload {
        let mut needs = chance::stream(seed, Purpose::Needs);
        let mut gaps = chance::stream(seed, Purpose::Arrivals);
        let mut lives = chance::stream(seed, Purpose::Lifetimes);
        let models = cluster.models_named(&self.gpu_models);
        let mut clock = self.arrivals.clock();
        let mut shapes = Shapes::default();
        let mut arrivals = Vec::with_capacity(self.tasks as usize);
        for _ in 0..self.tasks {
            let mut draw =
                |one: &Distribution, max: u64| u32::try_from(one.draw(&mut needs).min(max)).unwrap_or(u32::MAX);
            let cpu_milli = draw(&self.cpu_milli, u64::from(u32::MAX));
            let memory_mib = draw(&self.memory_mib, u64::from(u32::MAX));
            let gpus = self.gpus.as_ref().map_or(0, |one| draw(one, DEVICES_MAX as u64)) as u8;
            let share = self.gpu_milli.as_ref().map_or(u32::from(WHOLE_GPU), |one| draw(one, WHOLE_GPU.into()));
            let gpu_milli = match gpus {
                0 => 0,
                1 => (share as u16).max(1),
                _ => WHOLE_GPU,
            };
            let task = Task { cpu_milli, memory_mib, gpus, gpu_milli, models };
            let shape = shapes.number(Shape { task, gpu_spec: self.gpu_models.clone() });
            let at_s = clock.next(&mut gaps);
            let leaves_s = self.lifetime_s.as_ref().map(|one| at_s + one.draw(&mut lives));
            arrivals.push(Arrival { shape, at_s, leaves_s });
        }
        let end_s = arrivals.last().map(|last| last.at_s).filter(|_| self.is_timed());
        Workload { shapes: shapes.into_list(), arrivals, end_s }
    }
}
