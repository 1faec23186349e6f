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
    name: &'static str,
    about: &'static str,
    build: Build,
}

const ENTRIES: &[Entry] = &[
    Entry { name: "best-fit", about: "least left over", build: super::best_fit::build },
    Entry { name: "binpack-cpu", about: "ECS binpack on cpu: least CPU left", build: super::binpack_cpu::build },
    Entry {
        name: "binpack-memory",
        about: "ECS binpack on memory: least memory left",
        build: super::binpack_memory::build,
    },
    Entry { name: "dot-product", about: "alignment of what is free and needed", build: super::dot_product::build },
    Entry { name: "fgd", about: "fragmentation gradient descent (ATC'23)", build: super::fgd::build },
    Entry { name: "first-fit", about: "the first node that fits", build: super::first_fit::build },
    Entry { name: "gpu-clustering", about: "GPU tasks of one kind together", build: super::gpu_clustering::build },
    Entry { name: "gpu-packing", about: "shared devices, then used nodes", build: super::gpu_packing::build },
    Entry { name: "power-of-k", about: "the best of k random nodes", build: super::power_of_k::build },
    Entry { name: "random", about: "any node that fits", build: super::random::build },
    Entry { name: "spread-tasks", about: "ECS spread over instances: fewest tasks", build: super::spread_tasks::build },
    Entry { name: "worst-fit", about: "most left over", build: super::worst_fit::build },
];

/// A policy's name and what it prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Described {
    pub name: &'static str,
    pub about: &'static str,
}

/// Every policy, by name.
pub fn describe() -> impl Iterator<Item = Described> {
    ENTRIES.iter().map(|entry| Described { name: entry.name, about: entry.about })
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
    let known = || ENTRIES.iter().map(|entry| entry.name).collect();
    let entry = ENTRIES.iter().find(|entry| entry.name == name);
    entry.map(|entry| entry.build).ok_or_else(|| PolicyError::Policy { given: name.to_owned(), known: known() })
}
