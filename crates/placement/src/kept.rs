//! Room kept on instances for tasks that are still to come: a daemon that is not there yet, or not any more while it
//! is replaced (SVC-45). Other tasks are placed as if that room were taken; the tasks it is kept for are not.

use crate::view::Changed;
use crate::{Demand, Fleet, InstanceIdx};
use plimsoll_model::{PortClaim, Reserved};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All that is kept on one instance.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Kept {
    /// By whom it is kept for. Invariant: no demand in it is for nothing.
    rooms: BTreeMap<Arc<str>, Demand>,
    // Invariant: the sums of `rooms`.
    pub cpu_units: u32,
    pub memory_mib: u32,
    pub ports: BTreeSet<PortClaim>,
    pub gpus: u32,
}

impl Kept {
    fn sum_up(&mut self) {
        let rooms = || self.rooms.values();
        let cpu_units = rooms().fold(0, |sum, room| room.cpu_units.saturating_add(sum));
        let memory_mib = rooms().fold(0, |sum, room| room.memory_mib.saturating_add(sum));
        let gpus = rooms().fold(0, |sum, room| room.gpus.saturating_add(sum));
        let ports = rooms().flat_map(|room| room.ports.iter().copied()).collect();
        (self.cpu_units, self.memory_mib, self.gpus, self.ports) = (cpu_units, memory_mib, gpus, ports);
    }
}

impl Fleet {
    /// Keeps room on an instance for a task of `owner`, instead of what was kept for it before; room for nothing lets
    /// go of it. Says whether that changed anything.
    pub fn keep(&mut self, idx: InstanceIdx, owner: &Arc<str>, room: Demand) -> bool {
        let kept = &mut self.node_mut(idx).kept;
        let changed = if room.is_nothing() {
            kept.rooms.remove(owner).is_some()
        } else if kept.rooms.get(owner) == Some(&room) {
            false
        } else {
            kept.rooms.insert(Arc::clone(owner), room);
            true
        };
        if changed {
            kept.sum_up();
            self.refresh(idx);
            self.note(idx, Changed::Tasks);
        }
        changed
    }

    pub fn kept(&self, idx: InstanceIdx, owner: &str) -> Option<&Demand> {
        self.node(idx).kept.rooms.get(owner)
    }

    /// Whether the instance would take such a task if nothing else were on it.
    pub fn is_large_enough(&self, idx: InstanceIdx, demand: &Demand) -> bool {
        let registered = &self.node(idx).resources;
        demand.cpu_units <= registered.cpu_units
            && demand.memory_mib <= registered.memory_mib
            && demand.gpus as usize <= registered.gpus.len()
            && !demand.ports.iter().any(|port| registered.reserved_ports.contains(port))
    }
}

impl Demand {
    pub fn is_nothing(&self) -> bool {
        *self == Demand::default()
    }

    /// What has to be there beyond what is held already.
    #[must_use]
    pub fn beyond<'a>(&self, held: impl IntoIterator<Item = &'a Reserved>) -> Demand {
        let mut beyond = self.clone();
        for reserved in held {
            beyond.cpu_units = beyond.cpu_units.saturating_sub(reserved.cpu_units);
            beyond.memory_mib = beyond.memory_mib.saturating_sub(reserved.memory_mib);
            beyond.gpus = beyond.gpus.saturating_sub(u32::try_from(reserved.gpus.len()).unwrap_or(u32::MAX));
            beyond.ports.retain(|port| !reserved.ports.contains(port));
        }
        beyond
    }
}
