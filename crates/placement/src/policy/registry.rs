//! Policies by name. A new one is a line in `ENTRIES`.

use super::options::{NodeOrder, OptionReader, Options, PolicyError, TieBreak};
use super::scale::Largest;
use super::{Policy, Typical};

/// What a policy may know of the cluster and the workload when it is made.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The largest node per dimension: what "all of it" means for a score.
    pub largest: Largest,
    /// The tasks that are to be expected, most frequent first.
    pub typical: &'a [Typical],
}

/// A policy with the options that concern whoever asks it.
#[derive(Debug)]
pub struct Chosen {
    pub policy: Box<dyn Policy>,
    pub tie_break: TieBreak,
    pub node_order: NodeOrder,
}

type Build = fn(&mut OptionReader, &Context) -> Result<Box<dyn Policy>, PolicyError>;

struct Entry {
    described: Described,
    build: Build,
}

const fn entry(name: &'static str, about: &'static str, options: &'static str, build: Build) -> Entry {
    Entry { described: Described { name, about, options }, build }
}

#[rustfmt::skip]
const ENTRIES: &[Entry] = &[
    entry("best-fit", "least left over, as a sum of shares", "dimensions, truncate", super::best_fit::build),
    entry("binpack-cpu", "ECS binpack on cpu: least CPU left", "", super::binpack_cpu::build),
    entry("binpack-memory", "ECS binpack on memory: least memory left", "", super::binpack_memory::build),
    entry("dot-product", "most (or least) alike: what is free and what is needed", "prefer, dimensions, truncate", super::dot_product::build),
    entry("fgd", "fragmentation gradient descent (ATC'23)", "truncate", super::fgd::build),
    entry("first-fit", "the first node that fits", "", super::first_fit::build),
    entry("gpu-clustering", "GPU tasks of one kind together (ATC'23 baseline)", "", super::gpu_clustering::build),
    entry("gpu-packing", "shared devices, then used nodes, then idle ones (ATC'23 baseline)", "", super::gpu_packing::build),
    entry("power-of-k", "the best of k random nodes by another policy", "samples, by, options of that policy", super::power_of_k::build),
    entry("random", "any node that fits", "", super::random::build),
    entry("spread-tasks", "ECS spread over instances: fewest tasks", "", super::spread_tasks::build),
    entry("worst-fit", "most left over, as a sum of shares", "dimensions, truncate", super::worst_fit::build),
];

/// A policy's name, what it prefers, and its options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    pub name: &'static str,
    pub about: &'static str,
    /// Options of its own, beside `tie_break` and `node_order`.
    pub options: &'static str,
}

/// Every policy, by name.
pub fn describe() -> impl Iterator<Item = Described> {
    ENTRIES.iter().map(|entry| entry.described)
}

/// Makes the policy of this name.
pub fn choose(name: &str, options: &Options, context: &Context) -> Result<Chosen, PolicyError> {
    let mut reader = OptionReader::new(name, options);
    let policy = build(&mut reader, context)?;
    let tie_break = reader.tie_break()?;
    let node_order = reader.node_order()?;
    reader.finish()?;
    Ok(Chosen { policy, tie_break, node_order })
}

/// Makes the policy the reader names, for policies that contain another; what it does not ask for stays in the reader.
pub(super) fn build(reader: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    named(reader.policy())?(reader, context)
}

pub(super) fn named(name: &str) -> Result<Build, PolicyError> {
    let known = || describe().map(|policy| policy.name).collect();
    let entry = ENTRIES.iter().find(|entry| entry.described.name == name);
    entry.map(|entry| entry.build).ok_or_else(|| PolicyError::Policy { given: name.to_owned(), known: known() })
}
