//! The linear programme over configurations (Gilmore and Gomory): how many nodes, if nodes could be used in fractions but
//! each of them only with tasks that fit on it together. Stronger than adding up per dimension, because it knows what
//! does not go together.
//!
//! Its dual gives every task a price so that nothing that fits on a node costs more than 1, and the prices of all tasks
//! add up to a bound. Prices come from a floating-point solver, sets that cost too much are added until there is none.
//! What is returned never rests on them: prices are cut to whole millionths, the dearest set is found exactly, and the
//! bound is computed from both in integers. Any prices give a valid bound; better ones give a better bound.

use super::knapsack::{Knapsack, Units, cells};
use crate::cluster::Amounts;
use microlp::{ComparisonOp, OptimizationDirection, Problem, Solution, Variable};
use plimsoll_placement::policy::NodeShape;
use std::collections::BTreeMap;

/// Different needs of the tasks that are there at once.
pub const SHAPES_MAX: usize = 200;
/// Different capacities of the nodes.
pub const NODE_SHAPES_MAX: usize = 8;
/// Cells of the table of sizes, times different needs: about 20 ms for each of up to a few hundred rounds.
pub const WORK_MAX: u64 = 4_000_000;

const ROUNDS_MAX: usize = 300;
/// Prices are whole numbers of this.
const PRICE: u64 = 1_000_000;

/// Nodes that are needed for so many tasks of each size, all at once. GPUs count as a sum over a node's devices, models
/// and the number of tasks on a node not at all: both only make it lower. Tasks that fit on no node are left out.
/// `Err` says what makes it too much work.
pub(super) fn configuration_bound(demand: &BTreeMap<[u64; 3], u64>, nodes: &[NodeShape]) -> Result<u64, String> {
    let problem = Instance::new(demand, nodes)?;
    if problem.sizes.is_empty() {
        return Ok(0);
    }
    Ok(problem.solve())
}

#[derive(Debug)]
struct Instance {
    sizes: Vec<Units>,
    counts: Vec<u64>,
    /// Capacity and number of each kind of node.
    kinds: Vec<(Units, u64)>,
    largest: Units,
}

impl Instance {
    fn new(demand: &BTreeMap<[u64; 3], u64>, nodes: &[NodeShape]) -> Result<Self, String> {
        let mut kinds: BTreeMap<[u64; 3], u64> = BTreeMap::new();
        nodes.iter().for_each(|node| *kinds.entry(Amounts::of_node(node).each()).or_default() += 1);
        let fits = |size: &[u64; 3]| kinds.keys().any(|kind| (0..3).all(|at| size[at] <= kind[at]));
        let fitting: Vec<([u64; 3], u64)> =
            demand.iter().filter(|(size, _)| **size != [0; 3] && fits(size)).map(|(size, n)| (*size, *n)).collect();
        if fitting.len() > SHAPES_MAX {
            return Err(format!("{} different needs at once, at most {SHAPES_MAX} are solved", fitting.len()));
        }
        if kinds.len() > NODE_SHAPES_MAX {
            return Err(format!("{} different nodes, at most {NODE_SHAPES_MAX} are solved", kinds.len()));
        }
        let unit: [u64; 3] =
            std::array::from_fn(|at| fitting.iter().fold(0, |unit, (size, _)| gcd(unit, size[at])).max(1));
        // No node holds more than all tasks together.
        let total: [u64; 3] = std::array::from_fn(|at| fitting.iter().map(|(size, count)| size[at] * count).sum());
        let units = |size: [u64; 3]| std::array::from_fn(|at| (size[at] / unit[at]) as usize);
        let kinds: Vec<(Units, u64)> = kinds
            .into_iter()
            .map(|(kind, count)| (units(std::array::from_fn(|at| kind[at].min(total[at]))), count))
            .collect();
        let largest = std::array::from_fn(|at| kinds.iter().map(|(kind, _)| kind[at]).max().unwrap_or(0));
        let work = cells(largest).saturating_mul(fitting.len() as u64);
        if work > WORK_MAX {
            let (shapes, sizes) = (fitting.len(), cells(largest));
            return Err(format!(
                "sizes with too small a common divisor: {shapes} different needs in nodes of {sizes} sizes are {work} \
                 steps, at most {WORK_MAX} are solved"
            ));
        }
        let sizes = fitting.iter().map(|(size, _)| units(*size)).collect();
        Ok(Instance { sizes, counts: fitting.iter().map(|(_, count)| *count).collect(), kinds, largest })
    }

    fn solve(&self) -> u64 {
        let mut knapsack = Knapsack::new(self.largest);
        let mut bound = 0;
        let Some(mut master) = Master::new(self) else { return bound };
        for _ in 0..ROUNDS_MAX {
            let prices = master.prices();
            knapsack.fill(&self.sizes, &prices);
            let dearest: Vec<u64> = self.kinds.iter().map(|(kind, _)| knapsack.best(*kind)).collect();
            bound = self.bound(&prices, &dearest).max(bound);
            // The programme with only some sets is above the one with all of them.
            if (master.objective() - 1e-6).ceil() <= bound as f64 {
                break;
            }
            let mut added = false;
            for (nth, (kind, _)) in self.kinds.iter().enumerate() {
                if dearest[nth] as f64 > PRICE as f64 * (1.0 + master.surcharge(nth)) + 1.0 {
                    let set = knapsack.set(*kind, &self.sizes, self.sizes.len());
                    let Some(with_set) = master.with_set(nth, &set) else { return bound };
                    master = with_set;
                    added = true;
                }
            }
            if !added {
                break;
            }
        }
        bound
    }

    /// From any prices, and the price of the dearest set of each kind of node.
    fn bound(&self, prices: &[u64], dearest: &[u64]) -> u64 {
        let worth: u128 =
            self.counts.iter().zip(prices).map(|(count, price)| u128::from(*count) * u128::from(*price)).sum();
        let most = u128::from(dearest.iter().copied().max().unwrap_or(0));
        // All prices lowered alike until no set costs more than a node.
        let lowered = if most == 0 { 0 } else { worth.div_ceil(most) };
        // Or: a kind of node whose sets cost more is charged for each node there is.
        let surcharge: u128 = self
            .kinds
            .iter()
            .zip(dearest)
            .map(|((_, n), most)| u128::from(*n) * u128::from(most.saturating_sub(PRICE)))
            .sum();
        let charged = worth.saturating_sub(surcharge).div_ceil(u128::from(PRICE));
        u64::try_from(lowered.max(charged)).unwrap_or(u64::MAX)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The dual programme with the sets found so far.
struct Master {
    prices: Vec<Variable>,
    /// Of each kind of node: what its sets may cost above 1, paid once for each such node.
    surcharges: Vec<Variable>,
    solution: Solution,
    demand: f64,
}

impl Master {
    /// With the sets of equal tasks. `None` where the solver gives up, here and below.
    fn new(instance: &Instance) -> Option<Self> {
        let demand = instance.counts.iter().sum::<u64>() as f64;
        let mut problem = Problem::new(OptimizationDirection::Maximize);
        // A task alone is a set, so without surcharge no price is above 1.
        let prices: Vec<Variable> =
            instance.counts.iter().map(|count| problem.add_var(*count as f64 / demand, (0.0, 1.0))).collect();
        let surcharges: Vec<Variable> = instance
            .kinds
            .iter()
            .map(|(_, count)| problem.add_var(-(*count as f64) / demand, (0.0, f64::INFINITY)))
            .collect();
        for (size, price) in instance.sizes.iter().zip(&prices) {
            for ((kind, _), surcharge) in instance.kinds.iter().zip(&surcharges) {
                let copies = (0..3).filter(|at| size[*at] > 0).map(|at| kind[at] / size[at]).min().unwrap_or(0);
                if copies > 0 {
                    let terms = [(*price, copies as f64), (*surcharge, -1.0)];
                    problem.add_constraint(terms, ComparisonOp::Le, 1.0);
                }
            }
        }
        let solution = problem.solve().ok()?.into_solution().ok()?;
        Some(Master { prices, surcharges, solution, demand })
    }

    fn with_set(self, kind: usize, set: &[u32]) -> Option<Self> {
        let taken = set.iter().enumerate().filter(|(_, copies)| **copies > 0);
        let mut terms: Vec<(Variable, f64)> =
            taken.map(|(nth, copies)| (self.prices[nth], f64::from(*copies))).collect();
        terms.push((self.surcharges[kind], -1.0));
        let solution = self.solution.add_constraint(&terms, ComparisonOp::Le, 1.0).ok()?.into_solution().ok()?;
        Some(Master { solution, ..self })
    }

    /// In whole numbers of [`PRICE`].
    fn prices(&self) -> Vec<u64> {
        let price = |variable: &Variable| self.solution.var_value_raw(*variable).clamp(0.0, 1.0) * PRICE as f64;
        self.prices.iter().map(|variable| price(variable) as u64).collect()
    }

    fn surcharge(&self, kind: usize) -> f64 {
        self.solution.var_value_raw(self.surcharges[kind]).max(0.0)
    }

    fn objective(&self) -> f64 {
        self.solution.objective() * self.demand
    }
}
