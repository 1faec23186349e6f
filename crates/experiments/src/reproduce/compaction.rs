//! `compaction`: on how few nodes a fixed workload still runs (the method of Borg, EuroSys 2015, and of Verma et al.,
//! CLUSTER 2014), on half of the openb tasks.

use super::fgd::published_policy;
use super::{Campaign, Cell, Claim, Verdict};
use crate::chance::{self, Purpose};
use crate::cluster::Cluster;
use crate::engine::{Setup, Supply, run};
use crate::queue::Queue;
use crate::read::{ReadError, Source, openb_nodes, openb_pods};
use crate::spec::PolicySpec;
use crate::workload::Workload;
use plimsoll_placement::policy::{Context, NodeOrder, NodeShape, Typical};

const TRIALS: usize = 11;

/// Of a thousand tasks so many may stay unplaced: a few odd ones must not decide.
const UNPLACED_PERMILLE: usize = 2;

/// Nodes between our median and the expected one; uniform choice spreads more.
const TOLERANCE: f64 = 15.0;
const TOLERANCE_RANDOM: f64 = 60.0;

struct Expected {
    policy: &'static str,
    median: u64,
}

/// Measured by a separate implementation of the same description with other random numbers; nobody has published these.
#[rustfmt::skip]
const EXPECTED: [Expected; 7] = [
    Expected { policy: "FGD", median: 626 },
    Expected { policy: "first-fit", median: 631 },
    Expected { policy: "BestFit", median: 646 },
    Expected { policy: "Packing", median: 656 },
    Expected { policy: "Clustering", median: 658 },
    Expected { policy: "DotProd", median: 663 },
    Expected { policy: "Random", median: 760 },
];

pub struct Compaction {
    cluster: Cluster,
    tasks: Workload,
    typical: Vec<Typical>,
}

/// The answer of one trial.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Kept {
    pub nodes: usize,
    pub gpus: u64,
}

impl Compaction {
    pub fn new(nodes: Source, pods: Source) -> Result<Self, ReadError> {
        let cluster = openb_nodes(nodes)?;
        let tasks = openb_pods(pods, &cluster)?;
        let typical = tasks.typical();
        Ok(Compaction { cluster, tasks, typical })
    }

    fn holds(&self, nodes: &[NodeShape], workload: &Workload, spec: &PolicySpec, seed: u64) -> bool {
        let context = Context { largest: self.cluster.largest(), typical: &self.typical };
        let chosen = spec.choose(&context).expect("a known policy with known options");
        let (policy, tie_break) = (chosen.policy.as_ref(), chosen.tie_break);
        let setup = Setup { nodes, workload, policy, tie_break, supply: Supply::Fixed, queue: Queue::None };
        let totals = run(&setup, &mut chance::stream(seed, Purpose::Policy), &mut ());
        totals.rejected <= (workload.arrivals.len() * UNPLACED_PERMILLE / 1000) as u64
    }
}

impl Campaign for Compaction {
    type Outcome = Kept;

    fn runs(&self) -> usize {
        EXPECTED.len() * TRIALS
    }

    fn run(&self, nth: usize) -> Kept {
        let seed = (nth % TRIALS) as u64;
        let spec = published_policy(EXPECTED[nth / TRIALS].policy);
        let mut workload = self.tasks.shuffled(seed);
        workload.arrivals.truncate(self.tasks.arrivals.len() / 2);
        let nodes = self.cluster.ordered(NodeOrder::Shuffled, seed);
        let (mut too_few, mut enough) = (0, nodes.len());
        while enough - too_few > 1 {
            let middle = (too_few + enough) / 2;
            if self.holds(&nodes[..middle], &workload, &spec, seed) {
                enough = middle;
            } else {
                too_few = middle;
            }
        }
        Kept { nodes: enough, gpus: nodes[..enough].iter().map(|node| u64::from(node.gpus)).sum() }
    }

    fn verdict(&self, outcomes: &[Kept]) -> Verdict {
        let mut cells = Vec::new();
        let mut medians = Vec::new();
        for (expected, trials) in EXPECTED.iter().zip(outcomes.chunks(TRIALS)) {
            let mut sorted = trials.to_vec();
            sorted.sort();
            let median = sorted[TRIALS / 2];
            let tolerance = if expected.policy == "Random" { TOLERANCE_RANDOM } else { TOLERANCE };
            let mut add = |column: &str, number: Option<u64>, obtained: u64| {
                cells.push(Cell {
                    row: expected.policy.to_owned(),
                    column: column.to_owned(),
                    expected: number.map(|number| number as f64),
                    obtained: obtained as f64,
                    half_width: None,
                    tolerance,
                    decimals: 0,
                });
            };
            // Only the median is held to its number; the others spread too much over eleven trials.
            add("min", None, sorted[0].nodes as u64);
            add("median", Some(expected.median), median.nodes as u64);
            add("p90", None, sorted[TRIALS * 9 / 10].nodes as u64);
            add("max", None, sorted[TRIALS - 1].nodes as u64);
            let mut gpus: Vec<u64> = trials.iter().map(|kept| kept.gpus).collect();
            gpus.sort_unstable();
            add("median GPUs", None, gpus[TRIALS / 2]);
            medians.push(median.nodes);
        }
        let [fgd, first_fit, best_fit, packing, ..] = medians[..] else { unreachable!("a median per policy") };
        let order = Claim {
            text: "medians: FGD <= first-fit < BestFit < Packing".to_owned(),
            holds: fgd <= first_fit && first_fit < best_fit && best_fit < packing,
        };
        Verdict {
            title: format!("compaction: nodes kept of {}, {TRIALS} trials", self.cluster.nodes.len()),
            source: "a separate implementation of the same rules; the method is Borg's (EuroSys 2015)".to_owned(),
            cells,
            claims: vec![order],
        }
    }
}
