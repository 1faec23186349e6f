//! What tasks hold, asked before it is changed: for whoever applies events it cannot vouch for.

use crate::{Fleet, GroupIdx, InstanceIdx, TaskWasLive};
use plimsoll_model::Reserved;

impl Fleet {
    pub fn name_of_group(&self, group: GroupIdx) -> &str {
        self.groups.name(group)
    }

    /// The instance's runningTasksCount.
    pub fn running(&self, idx: InstanceIdx) -> u32 {
        self.node(idx).running
    }

    /// Whether it is for launch type EXTERNAL and no other.
    pub fn is_external(&self, idx: InstanceIdx) -> bool {
        self.hot(idx).external
    }

    /// Whether no task holds any of these ports and GPUs, so that [`Fleet::add_task`] may be told of one.
    pub fn can_hold(&self, idx: InstanceIdx, reserved: &Reserved) -> bool {
        let node = self.node(idx);
        !reserved.ports.iter().any(|port| node.ports_held.contains(port))
            && !reserved.gpus.iter().any(|gpu| node.gpus_held.contains(gpu))
    }

    /// Whether a task of the group holds all this, so that [`Fleet::remove_task`] may be told that it goes.
    pub fn holds(&self, idx: InstanceIdx, group: GroupIdx, reserved: &Reserved, was_live: TaskWasLive) -> bool {
        let (node, counts, usage) = (self.node(idx), self.groups.counts(group, idx), self.usage(idx));
        counts.held > 0
            && (was_live == TaskWasLive::No || counts.live > 0)
            && (was_live == TaskWasLive::Yes || counts.held > counts.live)
            && usage.cpu_units >= u64::from(reserved.cpu_units)
            && usage.memory_mib >= u64::from(reserved.memory_mib)
            && reserved.ports.iter().all(|port| node.ports_held.contains(port))
            && reserved.gpus.iter().all(|gpu| node.gpus_held.contains(gpu))
    }
}
