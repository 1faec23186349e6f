//! The nodes of an experiment.

use crate::chance::{self, Purpose};
use plimsoll_placement::policy::{Largest, Models, NodeOrder, NodeShape, shuffle};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedNode {
    pub name: String,
    pub shape: NodeShape,
}

/// Nodes, and the names of their GPU models by ordinal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cluster {
    pub nodes: Vec<NamedNode>,
    pub models: Vec<String>,
}

impl Cluster {
    /// So many nodes of one shape.
    pub fn identical(count: usize, shape: NodeShape, model: Option<String>) -> Self {
        let nodes = (0..count).map(|at| NamedNode { name: format!("node-{at:06}"), shape }).collect();
        Cluster { nodes, models: model.into_iter().collect() }
    }

    /// The models a task may use: names joined by `|`, nothing for any. Models no node has allow nothing.
    pub fn models_named(&self, spec: &str) -> Models {
        if spec.is_empty() {
            return Models::ANY;
        }
        let ordinal = |name: &str| self.models.iter().position(|model| model == name);
        Models::only(spec.split('|').filter_map(ordinal).map(|at| u8::try_from(at).expect("at most 64 models")))
    }

    pub fn largest(&self) -> Largest {
        Largest::of(self.nodes.iter().map(|node| &node.shape))
    }

    /// Capacity over all nodes.
    pub fn total(&self) -> Amounts {
        self.nodes.iter().fold(Amounts::default(), |total, node| total + Amounts::of_node(&node.shape))
    }

    /// The nodes in the order that breaks ties.
    pub fn ordered(&self, order: NodeOrder, seed: u64) -> Vec<NodeShape> {
        let mut nodes: Vec<&NamedNode> = self.nodes.iter().collect();
        if order != NodeOrder::Given {
            nodes.sort_by(|a, b| a.name.cmp(&b.name));
        }
        if order == NodeOrder::Shuffled {
            shuffle(&mut chance::stream(seed, Purpose::NodeOrder), &mut nodes);
        }
        nodes.into_iter().map(|node| node.shape).collect()
    }
}

/// An amount of every dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amounts {
    pub cpu_milli: u64,
    pub memory_mib: u64,
    pub gpu_milli: u64,
}

/// The dimensions in the order of [`Amounts::each`].
pub const DIMENSIONS: [&str; 3] = ["cpu", "memory", "gpu"];

impl Amounts {
    pub fn of_node(node: &NodeShape) -> Self {
        Amounts {
            cpu_milli: node.cpu_milli.into(),
            memory_mib: node.memory_mib.into(),
            gpu_milli: u64::from(node.gpus) * u64::from(plimsoll_placement::policy::WHOLE_GPU),
        }
    }

    pub fn of_task(task: &plimsoll_placement::policy::Task) -> Self {
        Amounts {
            cpu_milli: task.cpu_milli.into(),
            memory_mib: task.memory_mib.into(),
            gpu_milli: task.gpu_milli_total().into(),
        }
    }

    pub fn free_on(node: &plimsoll_placement::policy::Node) -> Self {
        Amounts {
            cpu_milli: node.cpu_free().into(),
            memory_mib: node.memory_free().into(),
            gpu_milli: node.gpu_free_total().into(),
        }
    }

    pub fn each(self) -> [u64; 3] {
        [self.cpu_milli, self.memory_mib, self.gpu_milli]
    }

    pub fn max(self, other: Self) -> Self {
        Amounts {
            cpu_milli: self.cpu_milli.max(other.cpu_milli),
            memory_mib: self.memory_mib.max(other.memory_mib),
            gpu_milli: self.gpu_milli.max(other.gpu_milli),
        }
    }

    /// Per dimension, in percent; 0 of nothing is 0.
    pub fn percent_of(self, whole: Self) -> [f64; 3] {
        let (part, whole) = (self.each(), whole.each());
        std::array::from_fn(|at| if whole[at] == 0 { 0.0 } else { 100.0 * part[at] as f64 / whole[at] as f64 })
    }
}

impl std::ops::Add for Amounts {
    type Output = Amounts;

    fn add(self, other: Self) -> Self {
        Amounts {
            cpu_milli: self.cpu_milli + other.cpu_milli,
            memory_mib: self.memory_mib + other.memory_mib,
            gpu_milli: self.gpu_milli + other.gpu_milli,
        }
    }
}

impl std::ops::Sub for Amounts {
    type Output = Amounts;

    fn sub(self, other: Self) -> Self {
        Amounts {
            cpu_milli: self.cpu_milli - other.cpu_milli,
            memory_mib: self.memory_mib - other.memory_mib,
            gpu_milli: self.gpu_milli - other.gpu_milli,
        }
    }
}
