//! Watching one run: samples along it, and what it comes to.

use crate::bounds::{HostBound, allocation_bound, host_bound};
use crate::cluster::Amounts;
use crate::counted::{mean, percentile};
use crate::decide::Decide;
use crate::engine::{Setup, Supply, Totals, Watch, run_by};
use crate::metric::Metric;
use crate::queue::Queue;
use crate::workload::{Arrival, Workload};
use plimsoll_placement::policy::{Fragmentation, Node, Pool, Task, Typical};
use rand::Rng;
use std::collections::BTreeMap;

/// Samples of a workload with times; without, there is one per percent of asked capacity.
pub const SAMPLES: u64 = 100;

const CURVES: usize = Metric::CURVES.len();

/// One look at a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// Which of the looks it is: the same for every seed and policy.
    pub position: u64,
    /// Percent of the dominant dimension's capacity that was asked for, or hours since the first arrival.
    pub x: f64,
    /// In the order of [`Metric::CURVES`].
    pub values: [f64; CURVES],
}

#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// In the order of [`Metric::ALL`]; `None` where a metric means nothing.
    pub values: Vec<Option<f64>>,
    pub samples: Vec<Sample>,
    pub placements: u64,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

/// The bound by linear programme, if somebody asked for it; or why there is none.
pub type LpBound<'a> = Option<&'a Result<u64, String>>;

/// The dimension a workload asks most of, by index of [`crate::DIMENSIONS`].
pub fn dominant(workload: &Workload, capacity: Amounts) -> usize {
    let asked = workload.demand().percent_of(capacity);
    (0..asked.len()).rev().max_by(|a, b| asked[*a].total_cmp(&asked[*b])).unwrap_or(0)
}

pub fn record<D: Decide>(
    decide: &mut D,
    setup: &Setup,
    typical: &[Typical],
    lp_bound: LpBound,
    chance: &mut dyn Rng,
) -> Result<Record, D::Stop> {
    let capacity = setup.nodes.iter().fold(Amounts::default(), |sum, node| sum + Amounts::of_node(node));
    let first_s = setup.workload.arrivals.first().map_or(0, |first| first.at_s);
    let mut recorder = Recorder {
        setup,
        capacity,
        dominant: dominant(setup.workload, capacity),
        fragmentation: Fragmentation::new(typical).filter(|_| capacity.gpu_milli > 0),
        frequent: setup.workload.frequent(),
        first_s,
        span_s: setup.workload.end_s.map(|end_s| (end_s - first_s).max(1)),
        next_sample: 0,
        samples: Vec::new(),
        now_s: first_s,
        before: Amounts::default(),
        open: Amounts::default(),
        used_seconds: [0; 3],
        open_seconds: [0; 3],
        delays: BTreeMap::new(),
    };
    let totals = run_by(decide, setup, chance, &mut recorder)?;
    Ok(recorder.into_record(&totals, lp_bound))
}

struct Bounds {
    hosts: HostBound,
    lp_hosts: Option<u64>,
}

struct Recorder<'a> {
    setup: &'a Setup<'a>,
    capacity: Amounts,
    dominant: usize,
    fragmentation: Option<Fragmentation>,
    frequent: Vec<Task>,
    first_s: u64,
    /// `None` without times.
    span_s: Option<u64>,
    next_sample: u64,
    samples: Vec<Sample>,
    now_s: u64,
    /// Held since `now_s`.
    before: Amounts,
    /// Capacity of the nodes that have tasks.
    open: Amounts,
    used_seconds: [u128; 3],
    open_seconds: [u128; 3],
    /// How many tasks started after so many seconds.
    delays: BTreeMap<u64, u64>,
}

impl Watch for Recorder<'_> {
    fn arrived(&mut self, now_s: u64, arrival: &Arrival, node: Option<usize>, pool: &Pool, totals: &Totals) {
        self.pass_until(now_s);
        if let Some(node) = node {
            self.started(now_s, arrival, node, pool, totals);
        }
        let (position, x) = match self.span_s {
            Some(span_s) => ((now_s - self.first_s) * SAMPLES / span_s, (now_s - self.first_s) as f64 / 3600.0),
            None => {
                let asked = totals.asked.percent_of(self.capacity)[self.dominant];
                (asked as u64, asked)
            }
        };
        if position >= self.next_sample {
            self.next_sample = position + 1;
            self.samples.push(Sample { position, x, values: self.look(pool, totals) });
        }
    }

    fn started(&mut self, now_s: u64, arrival: &Arrival, node: usize, pool: &Pool, totals: &Totals) {
        self.pass_until(now_s);
        let node = &pool.nodes()[node];
        if node.tasks() == 1 {
            self.open = self.open + Amounts::of_node(node.shape());
        }
        self.before = totals.used;
        *self.delays.entry(now_s - arrival.at_s).or_default() += 1;
    }

    fn left(&mut self, now_s: u64, node: usize, pool: &Pool, totals: &Totals) {
        self.pass_until(now_s);
        self.before = totals.used;
        let node = &pool.nodes()[node];
        if node.tasks() == 0 {
            self.open = self.open - Amounts::of_node(node.shape());
        }
    }
}

impl Recorder<'_> {
    fn pass_until(&mut self, now_s: u64) {
        let passed = u128::from(now_s - self.now_s);
        let (used, open) = (self.before.each(), self.supplied().each());
        for dimension in 0..3 {
            self.used_seconds[dimension] += passed * u128::from(used[dimension]);
            self.open_seconds[dimension] += passed * u128::from(open[dimension]);
        }
        self.now_s = now_s;
    }

    /// What allocation is a share of.
    fn supplied(&self) -> Amounts {
        match self.setup.supply {
            Supply::Fixed => self.capacity,
            Supply::Elastic => self.open,
        }
    }

    fn look(&self, pool: &Pool, totals: &Totals) -> [f64; CURVES] {
        let stranded = self.stranded(pool);
        let of_metric = |metric: &Metric| match metric {
            Metric::Allocated => totals.used.percent_of(self.supplied())[self.dominant],
            Metric::Rejected => 100.0 * totals.rejected as f64 / totals.arrived as f64,
            Metric::Waiting => totals.waiting as f64,
            // Only the full engine measures it.
            Metric::Running => 0.0,
            Metric::Fragmented => self.fragmented(pool),
            Metric::StrandedCpu => stranded[0],
            Metric::StrandedMemory => stranded[1],
            Metric::StrandedGpu => stranded[2],
            Metric::Imbalance => self.imbalance(pool),
            _ => totals.hosts as f64,
        };
        std::array::from_fn(|at| of_metric(&Metric::CURVES[at]))
    }

    fn counted<'p>(&self, pool: &'p Pool) -> impl Iterator<Item = &'p Node> {
        let all = self.setup.supply == Supply::Fixed;
        pool.nodes().iter().filter(move |node| all || node.tasks() > 0)
    }

    fn fragmented(&self, pool: &Pool) -> f64 {
        let Some(fragmentation) = &self.fragmentation else { return 0.0 };
        let sum: i64 = pool.nodes().iter().map(|node| fragmentation.of(node)).sum();
        100.0 * sum as f64 / fragmentation.weight() as f64 / self.capacity.gpu_milli as f64
    }

    fn stranded(&self, pool: &Pool) -> [f64; 3] {
        let useless = self.counted(pool).filter(|node| !self.frequent.iter().any(|task| node.fits(task)));
        let free = useless.fold(Amounts::default(), |sum, node| sum + Amounts::free_on(node));
        free.percent_of(self.supplied())
    }

    fn imbalance(&self, pool: &Pool) -> f64 {
        let shares: Vec<f64> = self
            .counted(pool)
            .filter(|node| Amounts::of_node(node.shape()).each()[self.dominant] > 0)
            .map(|node| 100.0 - Amounts::free_on(node).percent_of(Amounts::of_node(node.shape()))[self.dominant])
            .collect();
        let count = shares.len().max(1) as f64;
        let mean = shares.iter().sum::<f64>() / count;
        (shares.iter().map(|share| (share - mean) * (share - mean)).sum::<f64>() / count).sqrt()
    }

    fn into_record(mut self, totals: &Totals, lp_bound: LpBound) -> Record {
        self.pass_until(self.setup.workload.end_s.unwrap_or(self.now_s));
        let allocated = self.allocated(totals);
        let bounds = Bounds {
            hosts: host_bound(self.setup.workload, self.setup.nodes),
            lp_hosts: lp_bound.and_then(|bound| bound.as_ref().ok()).copied(),
        };
        let values = Metric::ALL.iter().map(|metric| self.value(*metric, totals, &allocated, &bounds)).collect();
        let note = |problem: &String| format!("{} not computed: {problem}.", Metric::HostsLpBound.title());
        let notes = lp_bound.and_then(|bound| bound.as_ref().err()).map(note).into_iter().collect();
        Record { values, samples: self.samples, placements: totals.placed, notes }
    }

    fn allocated(&self, totals: &Totals) -> [f64; 3] {
        if self.span_s.is_none() {
            return totals.used.percent_of(self.supplied());
        }
        std::array::from_fn(|at| match self.open_seconds[at] {
            0 => 0.0,
            open => 100.0 * self.used_seconds[at] as f64 / open as f64,
        })
    }

    fn value(&self, metric: Metric, totals: &Totals, allocated: &[f64; 3], bounds: &Bounds) -> Option<f64> {
        let bound = &bounds.hosts;
        let gpus = self.capacity.gpu_milli > 0;
        let timed = self.span_s.is_some();
        let queue = self.setup.queue != Queue::None;
        // A bound on what everybody needs at once says nothing where somebody was refused or came later.
        let complete = totals.rejected == 0 && totals.waiting == 0 && self.delays.keys().all(|delay_s| *delay_s == 0);
        let above = |number: u64, bound: u64| 100.0 * (number as f64 / bound as f64 - 1.0);
        match metric {
            Metric::Allocated => Some(allocated[self.dominant]),
            Metric::AllocatedCpu => Some(allocated[0]),
            Metric::AllocatedMemory => Some(allocated[1]),
            Metric::AllocatedGpu => gpus.then_some(allocated[2]),
            Metric::AllocatedGap => (!timed && self.setup.supply == Supply::Fixed).then(|| {
                let most = allocation_bound(totals.asked, self.capacity).percent_of(self.capacity);
                most[self.dominant] - allocated[self.dominant]
            }),
            Metric::Rejected => Some(100.0 * totals.rejected as f64 / totals.arrived as f64),
            Metric::RejectedDemand => Some(totals.rejected_amounts.percent_of(totals.asked)[self.dominant]),
            Metric::QueueDelayMean => queue.then(|| mean(&self.delays)),
            Metric::QueueDelayP50 => queue.then(|| percentile(&self.delays, 50)),
            Metric::QueueDelayP99 => queue.then(|| percentile(&self.delays, 99)),
            Metric::QueueDelayMax => queue.then(|| percentile(&self.delays, 100)),
            Metric::NeverStarted => queue.then_some(totals.waiting as f64),
            Metric::Waiting => queue.then(|| self.mean_of(metric)),
            Metric::StartMean
            | Metric::StartP50
            | Metric::StartP99
            | Metric::RolloutMean
            | Metric::RolloutMax
            | Metric::RolloutsUnfinished
            | Metric::RunningShareMin
            | Metric::Running
            | Metric::TasksLost
            | Metric::Replacements => None,
            Metric::Fragmented | Metric::StrandedGpu => gpus.then(|| self.mean_of(metric)),
            Metric::StrandedCpu | Metric::StrandedMemory | Metric::Imbalance => Some(self.mean_of(metric)),
            Metric::HostsPeak => Some(totals.hosts_peak as f64),
            Metric::HostsUsed => Some(totals.hosts_ever as f64),
            Metric::HostsBound => Some(bound.peak as f64),
            Metric::HostsGap => complete.then(|| above(totals.hosts_peak, bound.peak)),
            Metric::HostsLpBound => bounds.lp_hosts.map(|hosts| hosts as f64),
            Metric::HostsLpGap => bounds.lp_hosts.filter(|_| complete).map(|hosts| above(totals.hosts_peak, hosts)),
            Metric::HostHours => timed.then(|| totals.host_seconds as f64 / 3600.0),
            Metric::HostHoursGap => (timed && complete).then(|| above(totals.host_seconds, bound.host_seconds)),
            Metric::Opens => Some(totals.opens as f64),
        }
    }

    fn mean_of(&self, metric: Metric) -> f64 {
        let curve = Metric::CURVES.iter().position(|one| *one == metric).expect("a metric that is sampled");
        self.samples.iter().map(|sample| sample.values[curve]).sum::<f64>() / self.samples.len().max(1) as f64
    }
}
