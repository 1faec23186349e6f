//! What one run meets, whatever its policy.

use crate::bounds::{host_bound, lp_host_bound};
use crate::chance::{self, Purpose};
use crate::cluster::Cluster;
use crate::decide::Decide;
use crate::engine::{Setup, Supply};
use crate::queue::Queue;
use crate::record::{Record, record};
use crate::workload::Workload;
use plimsoll_placement::policy::{NodeOrder, Policy, TieBreak, Typical};
use std::sync::OnceLock;

#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub seed: u64,
    pub cluster: &'a Cluster,
    pub typical: Vec<Typical>,
    pub workload: Workload,
    pub supply: Supply,
    pub queue: Queue,
    /// Of the seed; the first run that needs it computes it.
    pub lp_bound: Option<&'a OnceLock<Result<u64, String>>>,
}

impl Scene<'_> {
    pub fn play<D: Decide>(
        &self,
        (tie_break, node_order): (TieBreak, NodeOrder),
        policy: &dyn Policy,
        decide: &mut D,
    ) -> Result<Record, D::Stop> {
        let nodes = self.cluster.ordered(node_order, self.seed);
        let (workload, supply, queue) = (&self.workload, self.supply, self.queue);
        let setup = Setup { nodes: &nodes, workload, policy, tie_break, supply, queue };
        let bound = || lp_host_bound(workload, &nodes, &host_bound(workload, &nodes));
        let lp_bound = self.lp_bound.map(|known| known.get_or_init(bound));
        record(decide, &setup, &self.typical, lp_bound, &mut chance::stream(self.seed, Purpose::Policy))
    }
}
