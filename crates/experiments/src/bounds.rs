//! What no policy can beat. Per dimension (the L1 bound of bin packing), at every moment of a workload with departures;
//! and by the linear programme over configurations, at the busiest of them.

mod configurations;
mod knapsack;
#[cfg(test)]
mod properties;

pub use configurations::{NODE_SHAPES_MAX, SHAPES_MAX, WORK_MAX};

use crate::cluster::Amounts;
use crate::workload::{Arrival, Workload};
use plimsoll_placement::policy::NodeShape;
use std::collections::BTreeMap;

/// Nodes that are needed if nothing is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HostBound {
    /// At the busiest moment.
    pub peak: u64,
    /// The first moment as busy as that.
    pub peak_at_s: u64,
    /// Over time; 0 for a workload without times.
    pub host_seconds: u64,
}

/// The fewest nodes whose capacities cover what is needed, per dimension the largest nodes first. One node shape stands
/// for as many such nodes as it takes.
pub fn host_bound(workload: &Workload, nodes: &[NodeShape]) -> HostBound {
    let covers = Covers::new(nodes);
    let mut bound = HostBound::default();
    let mut needed = Amounts::default();
    let mut now_s = workload.arrivals.first().map_or(0, |first| first.at_s);
    let mut leaving: Vec<(u64, Amounts)> = workload
        .arrivals
        .iter()
        .filter(|one| stays(one))
        .filter_map(|one| one.leaves_s.map(|leaves_s| (leaves_s, Amounts::of_task(workload.task(one)))))
        .collect();
    leaving.sort_unstable_by_key(|(leaves_s, _)| *leaves_s);
    let mut leaving = leaving.into_iter().peekable();
    let mut hosts = 0;
    let mut arrivals = workload.arrivals.iter().peekable();
    loop {
        let next_arrival = arrivals.peek().map(|one| one.at_s);
        let next_leave = leaving.peek().map(|(leaves_s, _)| *leaves_s);
        let Some(next_s) = next_arrival.into_iter().chain(next_leave).min() else { break };
        if workload.end_s.is_some_and(|end_s| next_s > end_s) {
            break;
        }
        bound.host_seconds += hosts * (next_s - now_s);
        now_s = next_s;
        while let Some((_, amounts)) = leaving.next_if(|(leaves_s, _)| *leaves_s <= now_s) {
            needed = needed - amounts;
        }
        while let Some(arrival) = arrivals.next_if(|one| one.at_s <= now_s) {
            if stays(arrival) {
                needed = needed + Amounts::of_task(workload.task(arrival));
            }
        }
        hosts = covers.needed(needed);
        if hosts > bound.peak {
            (bound.peak, bound.peak_at_s) = (hosts, now_s);
        }
    }
    if let Some(end_s) = workload.end_s {
        bound.host_seconds += hosts * (end_s - now_s);
    }
    bound
}

/// Nodes that are needed at the busiest moment of `bound` if nothing is refused, by the linear programme over
/// configurations; never below `bound.peak`. `Err` says what makes it too much work.
pub fn lp_host_bound(workload: &Workload, nodes: &[NodeShape], bound: &HostBound) -> Result<u64, String> {
    let is_there =
        |one: &&Arrival| one.at_s <= bound.peak_at_s && one.leaves_s.is_none_or(|leaves_s| leaves_s > bound.peak_at_s);
    let mut demand: BTreeMap<[u64; 3], u64> = BTreeMap::new();
    for arrival in workload.arrivals.iter().filter(is_there) {
        *demand.entry(Amounts::of_task(workload.task(arrival)).each()).or_default() += 1;
    }
    configurations::configuration_bound(&demand, nodes).map(|hosts| hosts.max(bound.peak))
}

/// A task that leaves the moment it arrives is in nobody's way.
fn stays(arrival: &Arrival) -> bool {
    arrival.leaves_s.is_none_or(|leaves_s| leaves_s > arrival.at_s)
}

/// Capacity of the largest 1, 2, 3, ... nodes per dimension.
struct Covers {
    identical: Option<Amounts>,
    sums: [Vec<u64>; 3],
}

impl Covers {
    fn new(nodes: &[NodeShape]) -> Self {
        let each: Vec<[u64; 3]> = nodes.iter().map(|node| Amounts::of_node(node).each()).collect();
        let sums = std::array::from_fn(|dimension| {
            let mut sizes: Vec<u64> = each.iter().map(|sizes| sizes[dimension]).collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            let add = |sum: &mut u64, size: u64| {
                *sum += size;
                Some(*sum)
            };
            sizes.into_iter().scan(0, add).collect()
        });
        let identical = nodes.first().filter(|first| nodes.iter().all(|node| node == *first)).map(Amounts::of_node);
        Covers { identical, sums }
    }

    /// More than there are, where there are not enough.
    fn needed(&self, amounts: Amounts) -> u64 {
        let per_dimension = amounts.each().into_iter().enumerate().map(|(dimension, needed)| {
            match (needed, self.identical.map(|node| node.each()[dimension])) {
                (0, _) => 0,
                (_, Some(0)) => self.sums[dimension].len() as u64 + 1,
                (_, Some(size)) => needed.div_ceil(size),
                (_, None) => self.sums[dimension].partition_point(|sum| *sum < needed) as u64 + 1,
            }
        });
        per_dimension.max().unwrap_or(0)
    }
}

/// The most of each dimension that can be in use: what is asked for, or everything.
pub fn allocation_bound(asked: Amounts, capacity: Amounts) -> Amounts {
    Amounts {
        cpu_milli: asked.cpu_milli.min(capacity.cpu_milli),
        memory_mib: asked.memory_mib.min(capacity.memory_mib),
        gpu_milli: asked.gpu_milli.min(capacity.gpu_milli),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Shape, timeless};
    use plimsoll_placement::policy::{Models, Task};

    fn workload(arrivals: Vec<Arrival>, end_s: Option<u64>) -> Workload {
        let task = |cpu_milli, memory_mib| Task { cpu_milli, memory_mib, gpus: 0, gpu_milli: 0, models: Models::ANY };
        let shapes = [task(600, 10), task(10, 700)].map(|task| Shape { task, gpu_spec: String::new() });
        Workload { shapes: shapes.to_vec(), arrivals, end_s }
    }

    fn node(cpu_milli: u32) -> NodeShape {
        NodeShape { cpu_milli, memory_mib: 1000, gpus: 0, model: None, tasks_max: u32::MAX }
    }

    #[test]
    fn the_scarcer_dimension_counts() {
        let tasks = workload(vec![timeless(0), timeless(0), timeless(0), timeless(1)], None);
        assert_eq!(host_bound(&tasks, &[node(1000); 2]).peak, 2);
        // The largest first: 1,810 thousandths need 1,500 and one more; memory never needs two.
        assert_eq!(host_bound(&tasks, &[node(100), node(1500), node(400)]).peak, 2);
        assert_eq!(host_bound(&tasks, &[node(0)]).peak, 2, "more than there are");
    }

    #[test]
    fn departures_lower_it() {
        let at = |shape, at_s, leaves_s| Arrival { shape, at_s, leaves_s };
        let tasks =
            workload(vec![at(0, 0, Some(10)), at(0, 5, Some(15)), at(0, 10, None), at(1, 12, Some(12))], Some(20));
        // One host until 5, two until 15, one until 20; what leaves at 10 makes room for what comes then.
        let bound = host_bound(&tasks, &[node(1000); 9]);
        assert_eq!((bound.peak, bound.host_seconds), (2, 5 + 2 * 10 + 5));
    }
}
