//! `azure-replay`: 259,159 virtual machines of AzurePublicDatasetV1 (Cortez et al., SOSP 2017) with their departures,
//! on identical hosts. No chance is involved: every number must be equal.

use super::{Campaign, Cell, Verdict};
use crate::bounds::{HostBound, host_bound};
use crate::chance::{self, Purpose};
use crate::cluster::Cluster;
use crate::engine::{Setup, Supply, Totals, run};
use crate::queue::Queue;
use crate::read::{AzureFlavors, ReadError, azure_flavors};
use crate::spec::PolicySpec;
use crate::workload::Workload;
use plimsoll_placement::policy::{Context, NodeOrder, NodeShape};

/// 64 vCPU, 128 GiB.
const HOST: NodeShape = NodeShape { cpu_milli: 64_000, memory_mib: 131_072, gpus: 0, model: None, tasks_max: u32::MAX };

/// Hosts an elastic pool may open: more than any policy needs.
const HOSTS_MAX: usize = 2_000;

const CLOCK_ENDS_S: u64 = 2_100_000;

/// Peak of the larger of the two dimensions, in hosts.
const BOUND: u64 = 926;

/// Rejected VMs, and the vCPUs they asked for.
struct Rejected(u64, u64);

struct Expected {
    policy: &'static str,
    peak: u64,
    host_seconds: u64,
    opens: u64,
    open_at_end: u64,
    rejected_940: Rejected,
    rejected_1000: Rejected,
}

/// Measured by a separate implementation of the same description; first-fit and best-fit by two.
#[rustfmt::skip]
const EXPECTED: [Expected; 8] = [
    Expected { policy: "binpack-memory", peak: 979, host_seconds: 147_651_000, opens: 1_352, open_at_end: 976, rejected_940: Rejected(80, 640), rejected_1000: Rejected(0, 0) },
    Expected { policy: "best-fit", peak: 1_006, host_seconds: 148_145_400, opens: 1_392, open_at_end: 1_003, rejected_940: Rejected(138, 1_104), rejected_1000: Rejected(11, 88) },
    Expected { policy: "dot-min", peak: 1_008, host_seconds: 148_554_600, opens: 1_384, open_at_end: 1_005, rejected_940: Rejected(140, 1_120), rejected_1000: Rejected(15, 120) },
    Expected { policy: "first-fit", peak: 1_013, host_seconds: 148_126_500, opens: 1_461, open_at_end: 1_011, rejected_940: Rejected(174, 1_392), rejected_1000: Rejected(41, 328) },
    Expected { policy: "binpack-cpu", peak: 1_019, host_seconds: 148_333_800, opens: 1_417, open_at_end: 1_017, rejected_940: Rejected(174, 1_392), rejected_1000: Rejected(41, 328) },
    Expected { policy: "spread-tasks", peak: 1_033, host_seconds: 152_312_100, opens: 1_304, open_at_end: 1_033, rejected_940: Rejected(195, 1_624), rejected_1000: Rejected(54, 496) },
    Expected { policy: "dot-max", peak: 1_138, host_seconds: 162_109_800, opens: 1_356, open_at_end: 1_138, rejected_940: Rejected(570, 4_632), rejected_1000: Rejected(396, 3_240) },
    Expected { policy: "worst-fit", peak: 1_140, host_seconds: 162_546_600, opens: 1_366, open_at_end: 1_140, rejected_940: Rejected(599, 4_864), rejected_1000: Rejected(407, 3_328) },
];

/// Hosts binpack on memory uses of a pool of 1,000.
const BINPACK_MEMORY_USES_OF_1000: u64 = 979;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pool {
    Elastic,
    Of(usize),
}

const POOLS: [Pool; 3] = [Pool::Elastic, Pool::Of(940), Pool::Of(1_000)];

pub struct AzureReplay {
    workload: Workload,
}

impl AzureReplay {
    pub fn new(files: &AzureFlavors) -> Result<Self, ReadError> {
        Ok(AzureReplay { workload: azure_flavors(files, CLOCK_ENDS_S)? })
    }

    fn spec(label: &str) -> PolicySpec {
        match label {
            "dot-max" => PolicySpec::new(label, "dot-product").text("prefer", "largest"),
            "dot-min" => PolicySpec::new(label, "dot-product").text("prefer", "smallest"),
            _ => PolicySpec::new(label, label),
        }
    }
}

impl Campaign for AzureReplay {
    type Outcome = Totals;

    fn runs(&self) -> usize {
        EXPECTED.len() * POOLS.len()
    }

    fn run(&self, nth: usize) -> Totals {
        let (supply, hosts) = match POOLS[nth % POOLS.len()] {
            Pool::Elastic => (Supply::Elastic, HOSTS_MAX),
            Pool::Of(hosts) => (Supply::Fixed, hosts),
        };
        let cluster = Cluster::identical(hosts, HOST, None);
        let context = Context { largest: cluster.largest(), typical: &[] };
        let spec = Self::spec(EXPECTED[nth / POOLS.len()].policy);
        let chosen = spec.choose(&context).expect("a known policy with known options");
        let setup = Setup {
            nodes: &cluster.ordered(NodeOrder::Given, 0),
            workload: &self.workload,
            policy: chosen.policy.as_ref(),
            tie_break: chosen.tie_break,
            supply,
            queue: Queue::None,
        };
        run(&setup, &mut chance::stream(0, Purpose::Policy), &mut ())
    }

    fn verdict(&self, outcomes: &[Totals]) -> Verdict {
        let HostBound { peak, .. } = host_bound(&self.workload, &[HOST; 1]);
        let mut cells = vec![cell("lower bound", "peak hosts", BOUND, peak)];
        for (expected, outcomes) in EXPECTED.iter().zip(outcomes.chunks(POOLS.len())) {
            let [elastic, of_940, of_1000] = outcomes else { unreachable!("an outcome per pool") };
            let mut add = |column: &str, number: u64, obtained: u64| {
                cells.push(cell(expected.policy, column, number, obtained));
            };
            add("peak hosts", expected.peak, elastic.hosts_peak);
            add("host-seconds", expected.host_seconds, elastic.host_seconds);
            add("opens", expected.opens, elastic.opens);
            add("open at end", expected.open_at_end, elastic.hosts);
            add("rejected, N = 940", expected.rejected_940.0, of_940.rejected);
            add("rejected vCPU, N = 940", expected.rejected_940.1, of_940.rejected_amounts.cpu_milli / 1000);
            add("rejected, N = 1000", expected.rejected_1000.0, of_1000.rejected);
            add("rejected vCPU, N = 1000", expected.rejected_1000.1, of_1000.rejected_amounts.cpu_milli / 1000);
            if expected.policy == "binpack-memory" {
                add("hosts used, N = 1000", BINPACK_MEMORY_USES_OF_1000, of_1000.hosts_ever);
            }
            let gap = elastic.hosts_peak as f64 / peak as f64;
            let mut ratio = cell(expected.policy, "peak / bound", 0, 0);
            (ratio.expected, ratio.obtained, ratio.decimals) = (None, gap, 3);
            cells.push(ratio);
        }
        Verdict {
            title: format!("azure-replay: {} VMs with departures", self.workload.arrivals.len()),
            source: "a separate implementation of the same rules on AzurePublicDatasetV1 (Cortez et al., SOSP 2017)"
                .to_owned(),
            cells,
            claims: Vec::new(),
        }
    }
}

fn cell(row: &str, column: &str, expected: u64, obtained: u64) -> Cell {
    Cell {
        row: row.to_owned(),
        column: column.to_owned(),
        expected: Some(expected as f64),
        obtained: obtained as f64,
        half_width: None,
        tolerance: 0.0,
        decimals: 0,
    }
}
