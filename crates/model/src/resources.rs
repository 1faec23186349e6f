//! What an instance has, what a task holds of it. Integers only, so that sums are exact.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// A host port a task holds for itself. TCP and UDP are separate spaces (RES-6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct PortClaim {
    pub protocol: Protocol,
    pub port: u16,
}

/// What an instance registered with. Constant between registrations (RES-7).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Resources {
    /// CPU units: 1024 are one core.
    pub cpu_units: u32,
    pub memory_mib: u32,
    /// Ports the agent keeps for itself and the machine; nothing is placed on them.
    pub reserved_ports: BTreeSet<PortClaim>,
    /// Names of the GPUs. A task holds whole ones (RES-4).
    pub gpus: BTreeSet<Arc<str>>,
    /// Integer resources with names of their own: kept and shown, never counted (CI-1).
    pub others: BTreeMap<Arc<str>, i64>,
}

/// What one task holds on its instance from placement until it is STOPPED (RES-5).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reserved {
    pub cpu_units: u32,
    pub memory_mib: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortClaim>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Arc<str>>,
}

/// The sum of [`Reserved`] over the tasks of an instance that are not STOPPED.
///
/// Kept as a row of its own beside the instance, so that the database can refuse `used > capacity` by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    pub cpu_units: u64,
    pub memory_mib: u64,
}
