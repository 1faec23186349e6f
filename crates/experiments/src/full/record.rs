//! A run of the full engine as metrics.

use super::ledger::{Ledger, Look};
use super::world::{WARM_UP_MS, run};
use super::{FullSetup, services, units_there};
use crate::counted::{mean, percentile};
use crate::metric::Metric;
use crate::record::{Record, Sample};

/// Looks at one run, at equal distances.
pub(super) const SAMPLES: u64 = crate::record::SAMPLES;

struct Totals {
    ledger: Ledger,
    /// CPU units and MiB of all nodes.
    capacity: [u64; 2],
    /// The dimension that is asked most of.
    dominant: usize,
    span_ms: u64,
    has_services: bool,
}

/// Metrics of a report that does not name any.
pub fn full_metrics(has_services: bool, has_rollouts: bool) -> Vec<Metric> {
    let mut metrics = vec![Metric::StartMean, Metric::StartP99];
    if has_rollouts {
        metrics.push(Metric::RolloutMean);
    }
    if has_services {
        metrics.extend([Metric::RunningShareMin, Metric::Running, Metric::Replacements]);
    }
    metrics.extend([Metric::TasksLost, Metric::Rejected, Metric::Allocated, Metric::HostsPeak]);
    metrics
}

pub fn full_record(setup: FullSetup) -> Record {
    let capacity = setup.nodes.iter().fold([0, 0], |[cpu, memory], node| {
        [cpu + u64::from(units_there(node.cpu_milli)), memory + u64::from(node.memory_mib)]
    });
    let ledger = run(setup);
    let totals = Totals {
        dominant: dominant(&setup, capacity),
        capacity,
        span_ms: (setup.end_s * 1000).max(1),
        has_services: !setup.plan.services.is_empty(),
        ledger,
    };
    let notes = totals.ledger.refusals.iter().map(|problem| format!("Refused: {problem}.")).collect();
    Record {
        values: Metric::ALL.iter().map(|metric| totals.value(*metric)).collect(),
        samples: totals.ledger.looks.iter().map(|look| totals.sample(look)).collect(),
        placements: totals.ledger.placed,
        notes,
    }
}

/// By size and the time it is asked for: CPU (0) or memory (1).
fn dominant(setup: &FullSetup, capacity: [u64; 2]) -> usize {
    let mut asked = [0.0; 2];
    let mut add = |cpu_milli: u32, memory_mib: u32, weight: f64| {
        asked[0] += f64::from(cpu_milli) * 1.024 * weight;
        asked[1] += f64::from(memory_mib) * weight;
    };
    for arrival in &setup.workload.arrivals {
        let task = setup.workload.task(arrival);
        let until_s = arrival.leaves_s.unwrap_or(setup.end_s).min(setup.end_s);
        add(task.cpu_milli, task.memory_mib, until_s.saturating_sub(arrival.at_s) as f64);
    }
    for service in services::services(setup) {
        add(service.cpu_milli, service.memory_mib, f64::from(service.desired) * setup.end_s as f64);
    }
    usize::from(asked[1] / capacity[1].max(1) as f64 > asked[0] / capacity[0].max(1) as f64)
}

impl Totals {
    fn value(&self, metric: Metric) -> Option<f64> {
        let ledger = &self.ledger;
        let seconds = |ms: f64| ms / 1000.0;
        let rollouts = ledger.rollouts_ms();
        let ended: Vec<f64> = rollouts.iter().flatten().map(|ms| *ms as f64).collect();
        let some_started = !ledger.start_ms.is_empty();
        match metric {
            Metric::Allocated => Some(self.allocated(self.dominant)),
            Metric::AllocatedCpu => Some(self.allocated(0)),
            Metric::AllocatedMemory => Some(self.allocated(1)),
            Metric::Rejected => (ledger.arrived > 0).then(|| self.rejected(ledger.rejected, ledger.arrived)),
            Metric::StartMean => some_started.then(|| seconds(mean(&ledger.start_ms))),
            Metric::StartP50 => some_started.then(|| seconds(percentile(&ledger.start_ms, 50))),
            Metric::StartP99 => some_started.then(|| seconds(percentile(&ledger.start_ms, 99))),
            Metric::RolloutMean => (!ended.is_empty()).then(|| seconds(ended.iter().sum::<f64>() / ended.len() as f64)),
            Metric::RolloutMax => ended.iter().copied().reduce(f64::max).map(seconds),
            Metric::RolloutsUnfinished => (!rollouts.is_empty()).then_some((rollouts.len() - ended.len()) as f64),
            Metric::RunningShareMin => ledger.running_share_min(),
            Metric::Running => self.has_services.then(|| {
                let sum: f64 = ledger.looks.iter().map(|look| self.running(look)).sum();
                sum / ledger.looks.len().max(1) as f64
            }),
            Metric::TasksLost => Some(ledger.lost as f64),
            Metric::Replacements => self.has_services.then_some(ledger.replacements as f64),
            Metric::HostsPeak => Some(ledger.hosts_peak as f64),
            Metric::HostsUsed => Some(ledger.hosts_ever() as f64),
            Metric::HostHours => Some(ledger.host_ms as f64 / 3_600_000.0),
            _ => None,
        }
    }

    fn allocated(&self, dimension: usize) -> f64 {
        let all = self.capacity[dimension] as f64 * self.span_ms as f64;
        if all == 0.0 { 0.0 } else { 100.0 * self.ledger.used_ms[dimension] as f64 / all }
    }

    fn rejected(&self, rejected: u64, arrived: u64) -> f64 {
        100.0 * rejected as f64 / arrived.max(1) as f64
    }

    fn running(&self, look: &Look) -> f64 {
        100.0 * look.running as f64 / self.ledger.desired().max(1) as f64
    }

    fn sample(&self, look: &Look) -> Sample {
        let of_metric = |metric: &Metric| match metric {
            Metric::Allocated => 100.0 * look.used[self.dominant] as f64 / self.capacity[self.dominant].max(1) as f64,
            Metric::Rejected => self.rejected(look.rejected, look.arrived),
            Metric::Running => self.running(look),
            Metric::HostsPeak => look.hosts as f64,
            // Not measured, and so not shown.
            _ => 0.0,
        };
        Sample {
            position: look.position,
            x: (look.at_ms - WARM_UP_MS) as f64 / 3_600_000.0,
            values: std::array::from_fn(|at| of_metric(&Metric::CURVES[at])),
        }
    }
}
