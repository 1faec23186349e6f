//! GPU clustering: tasks that ask for GPUs in the same way go to the same nodes (the "Clustering" baseline of the FGD
//! paper, ATC'23). Among nodes that are equal in that, the fuller one.

use super::options::{OptionReader, PolicyError};
use super::{Context, Node, Policy, Score, Task};

/// Points for how full the node's devices are.
const FULLNESS: i64 = 25;

#[derive(Debug)]
struct GpuClustering {
    /// Thousandths of devices of the largest node.
    largest: i64,
}

impl Policy for GpuClustering {
    fn score(&self, task: &Task, node: &Node) -> Score {
        let Some(class) = task.gpu_class() else { return 0 };
        let company = match node.gpu_tasks(class) {
            (0, 0) => 25,
            (0, _) => 0,
            (same, all) if same == all => 75,
            _ => 50,
        };
        company + FULLNESS * (self.largest - i64::from(node.gpu_free_total())) / self.largest
    }
}

pub(super) fn build(_: &mut OptionReader, context: &Context) -> Result<Box<dyn Policy>, PolicyError> {
    Ok(Box::new(GpuClustering { largest: i64::from(context.largest.gpu_milli).max(1) }))
}
