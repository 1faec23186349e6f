//! One run of the FGD paper's experiment: an inflated workload on the openb cluster, until nothing fits any more.

use crate::chance::{self, Purpose};
use crate::cluster::Cluster;
use crate::engine::{Setup, Supply, Totals, Watch, run};
use crate::queue::Queue;
use crate::spec::PolicySpec;
use crate::workload::{Arrival, Workload};
use plimsoll_placement::policy::{Context, Fragmentation, NodeOrder, PolicyError, Pool, Typical};

/// The workload asks for so much of the cluster's GPUs.
const INFLATED_PERCENT: u64 = 130;

/// Means over the arrivals of one whole percent of arrived demand, in percent.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Percent {
    /// GPU allocated, of the cluster's.
    pub allocated: f64,
    /// GPU that is fragmented, of the cluster's.
    pub fragmented: f64,
    /// GPU that is fragmented, of what is not allocated.
    pub fragmented_of_idle: f64,
    arrivals: u64,
}

/// By arrived demand in percent of the cluster's GPUs.
pub type Inflation = Vec<Percent>;

/// Shuffles and inflates the tasks, shuffles the nodes, places.
pub fn inflate_and_place(
    cluster: &Cluster,
    tasks: &Workload,
    typical: &[Typical],
    spec: &PolicySpec,
    seed: u64,
) -> Result<Inflation, PolicyError> {
    let capacity = cluster.total().gpu_milli;
    let workload = tasks.shuffled(seed).inflated(INFLATED_PERCENT, capacity, seed);
    let nodes = cluster.ordered(NodeOrder::Shuffled, seed);
    let chosen = spec.choose(&Context { largest: cluster.largest(), typical })?;
    let fragmentation =
        Fragmentation::new(typical).ok_or_else(|| PolicyError::NoTypicalTasks { policy: spec.name.clone() })?;
    let setup = Setup {
        nodes: &nodes,
        workload: &workload,
        policy: chosen.policy.as_ref(),
        tie_break: chosen.tie_break,
        supply: Supply::Fixed,
        queue: Queue::None,
    };
    let mut curve = Curve { capacity, fragmentation, of_node: Vec::new(), sum: 0, points: Vec::new() };
    run(&setup, &mut chance::stream(seed, Purpose::Policy), &mut curve);
    Ok(curve.points.into_iter().map(Percent::mean).collect())
}

struct Curve {
    capacity: u64,
    fragmentation: Fragmentation,
    of_node: Vec<i64>,
    sum: i64,
    points: Vec<Percent>,
}

impl Percent {
    fn mean(self) -> Self {
        let arrivals = self.arrivals.max(1) as f64;
        Percent {
            allocated: self.allocated / arrivals,
            fragmented: self.fragmented / arrivals,
            fragmented_of_idle: self.fragmented_of_idle / arrivals,
            arrivals: self.arrivals,
        }
    }
}

impl Watch for Curve {
    fn arrived(&mut self, _: u64, _: &Arrival, node: Option<usize>, pool: &Pool, totals: &Totals) {
        let fragmentation = &self.fragmentation;
        if self.of_node.is_empty() {
            // The first task is already there; its node is counted again just below.
            self.of_node = pool.nodes().iter().map(|node| fragmentation.of(node)).collect();
            self.sum = self.of_node.iter().sum();
        }
        if let Some(node) = node {
            let now = fragmentation.of(&pool.nodes()[node]);
            self.sum += now - std::mem::replace(&mut self.of_node[node], now);
        }
        let capacity = self.capacity as f64;
        let fragmented = self.sum as f64 / fragmentation.weight() as f64;
        let idle = self.capacity - totals.used.gpu_milli;
        // Rounded half up.
        let x = ((200 * totals.asked.gpu_milli + self.capacity) / (2 * self.capacity)) as usize;
        if self.points.len() <= x {
            self.points.resize(x + 1, Percent::default());
        }
        let point = &mut self.points[x];
        point.arrivals += 1;
        point.allocated += 100.0 * totals.used.gpu_milli as f64 / capacity;
        point.fragmented += 100.0 * fragmented / capacity;
        point.fragmented_of_idle += if idle == 0 { 0.0 } else { 100.0 * fragmented / idle as f64 };
    }
}
