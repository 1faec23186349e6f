//! What placing reads of every instance, a cache line each.

use crate::node::Node;
use crate::room::Room;
use crate::words::Word;
use plimsoll_model::{Reserved, Usage};

/// One instance; all of it is zero, and no flag is set, for a vacant ordinal.
#[repr(align(64))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hot {
    usage: Usage,
    cpu_capacity: u32,
    memory_capacity: u32,
    /// What the capacity leaves beside the usage. A registration may shrink an instance below what its tasks hold:
    /// nothing is free then, and no less (RES-8).
    pub cpu_free: u32,
    pub memory_free: u32,
    pub gpus_free: u32,
    /// Kept for tasks to come (SVC-45).
    cpu_kept: u32,
    memory_kept: u32,
    gpus_kept: u32,
    pub active: bool,
    pub connected: bool,
    pub damped: bool,
    pub external: bool,
    /// The capacity provider it belongs to.
    pub provider: Option<Word>,
}

/// Which instances a request is asked of at all: the others are not even refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kind {
    pub external: bool,
    pub provider: WantedProvider,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WantedProvider {
    Any,
    This(Word),
    /// No instance names it.
    Unknown,
}

impl Hot {
    /// What a request may count on.
    pub fn room(&self, takes_kept_room: bool) -> Room {
        let free = Room { cpu: self.cpu_free, memory: self.memory_free, gpus: self.gpus_free };
        if takes_kept_room {
            return free;
        }
        Room {
            cpu: free.cpu.saturating_sub(self.cpu_kept),
            memory: free.memory.saturating_sub(self.memory_kept),
            gpus: free.gpus.saturating_sub(self.gpus_kept),
        }
    }

    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// A task holds so much from now on.
    pub fn take(&mut self, reserved: &Reserved) {
        self.usage.cpu_units += u64::from(reserved.cpu_units);
        self.usage.memory_mib += u64::from(reserved.memory_mib);
        self.refresh_free();
    }

    /// A task holds it no more.
    pub fn give_back(&mut self, reserved: &Reserved) {
        self.usage.cpu_units -= u64::from(reserved.cpu_units);
        self.usage.memory_mib -= u64::from(reserved.memory_mib);
        self.refresh_free();
    }

    /// Reads what there is and what is kept; what tasks hold stays.
    pub fn refresh(&mut self, node: &Node) {
        (self.cpu_capacity, self.memory_capacity) = (node.resources.cpu_units, node.resources.memory_mib);
        (self.cpu_kept, self.memory_kept, self.gpus_kept) = (node.kept.cpu_units, node.kept.memory_mib, node.kept.gpus);
        self.gpus_free = u32::try_from(node.gpus_free.len()).unwrap_or(u32::MAX);
        self.refresh_free();
    }

    fn refresh_free(&mut self) {
        let free = |capacity: u32, used: u64| u32::try_from(u64::from(capacity).saturating_sub(used)).unwrap_or(0);
        self.cpu_free = free(self.cpu_capacity, self.usage.cpu_units);
        self.memory_free = free(self.memory_capacity, self.usage.memory_mib);
    }

    /// Whether the instance is there for further tasks at all.
    pub fn is_reachable(&self) -> bool {
        self.connected && !self.damped
    }

    pub fn is(&self, kind: Kind) -> bool {
        let of_provider = match kind.provider {
            WantedProvider::Any => true,
            WantedProvider::This(name) => self.provider == Some(name),
            WantedProvider::Unknown => false,
        };
        self.external == kind.external && of_provider
    }
}
