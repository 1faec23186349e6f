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
use crate::statistics::Summary;
use crate::workload::Workload;
use plimsoll_placement::policy::{Context, NodeOrder, NodeShape, Typical};

/// Trials of one median, as in the published method.
const TRIALS: usize = 11;

/// Medians per policy: one alone is uncertain by about five nodes, so what is compared is the mean of several.
const MEDIANS: usize = 5;

/// Of a thousand tasks so many may stay unplaced: a few odd ones must not decide.
const UNPLACED_PERMILLE: usize = 2;

/// Nodes between our mean of medians and the expected median; uniform choice spreads more.
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
        EXPECTED.len() * MEDIANS * TRIALS
    }

    fn run(&self, nth: usize) -> Kept {
        let seed = (nth % (MEDIANS * TRIALS)) as u64;
        let spec = published_policy(EXPECTED[nth / (MEDIANS * TRIALS)].policy);
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
        for (expected, trials) in EXPECTED.iter().zip(outcomes.chunks(MEDIANS * TRIALS)) {
            let tolerance = if expected.policy == "Random" { TOLERANCE_RANDOM } else { TOLERANCE };
            let mut add = |column: &str, number: Option<u64>, (obtained, half_width): (f64, Option<f64>)| {
                let expected_number = number.map(|number| number as f64);
                let row = expected.policy.to_owned();
                cells.push(Cell {
                    row,
                    column: column.to_owned(),
                    expected: expected_number,
                    obtained,
                    half_width,
                    tolerance,
                    decimals: 0,
                });
            };
            let nodes: Vec<u64> = trials.iter().map(|kept| kept.nodes as u64).collect();
            let gpus: Vec<u64> = trials.iter().map(|kept| kept.gpus).collect();
            let mut sorted = nodes.clone();
            sorted.sort_unstable();
            let at = |nth: usize| (sorted[nth] as f64, None);
            let median = mean_of_medians(&nodes);
            // Only the median is held to its number; the others spread too much over the trials it was measured with.
            add("min", None, at(0));
            add("median of 11", Some(expected.median), median);
            add("p90", None, at(sorted.len() * 9 / 10));
            add("max", None, at(sorted.len() - 1));
            add("median GPUs of 11", None, mean_of_medians(&gpus));
            medians.push(median.0);
        }
        let [fgd, first_fit, best_fit, packing, ..] = medians[..] else { unreachable!("a median per policy") };
        let order = Claim {
            text: "medians: FGD <= first-fit < BestFit < Packing".to_owned(),
            holds: fgd <= first_fit && first_fit < best_fit && best_fit < packing,
        };
        Verdict {
            title: format!(
                "compaction: nodes kept of {}, {MEDIANS} medians of {TRIALS} trials",
                self.cluster.nodes.len()
            ),
            source: "a separate implementation of the same rules; the method is Borg's (EuroSys 2015)".to_owned(),
            cells,
            claims: vec![order],
        }
    }
}

/// And half the width of its interval at 95 %.
fn mean_of_medians(trials: &[u64]) -> (f64, Option<f64>) {
    let median = |trials: &[u64]| {
        let mut sorted = trials.to_vec();
        sorted.sort_unstable();
        sorted[TRIALS / 2] as f64
    };
    let summary = Summary::of(&trials.chunks(TRIALS).map(median).collect::<Vec<f64>>());
    (summary.mean, summary.half_width_95)
}
