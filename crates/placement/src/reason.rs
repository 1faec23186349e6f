//! Why an instance refuses a task.

use std::fmt;

/// In the order the checks run (RUN-10): an instance is given the first one it fails, and one that fails later is a
/// closer match.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    Agent,
    Attribute,
    Location,
    Cpu,
    Memory,
    Ports,
    Gpu,
    Eni,
    MemberOf,
    DistinctInstance,
}

impl Reason {
    pub const ALL: &'static [Reason] = &[
        Reason::Agent,
        Reason::Attribute,
        Reason::Location,
        Reason::Cpu,
        Reason::Memory,
        Reason::Ports,
        Reason::Gpu,
        Reason::Eni,
        Reason::MemberOf,
        Reason::DistinctInstance,
    ];

    /// The word ECS uses in `failures[].reason` (RUN-9).
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Agent => "AGENT",
            Reason::Attribute => "ATTRIBUTE",
            Reason::Location => "LOCATION",
            Reason::Cpu => "RESOURCE:CPU",
            Reason::Memory => "RESOURCE:MEMORY",
            Reason::Ports => "RESOURCE:PORTS",
            Reason::Gpu => "RESOURCE:GPU",
            Reason::Eni => "RESOURCE:ENI",
            Reason::MemberOf => "MemberOf placement constraint unsatisfied.",
            Reason::DistinctInstance => "DistinctInstance placement constraint unsatisfied.",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
