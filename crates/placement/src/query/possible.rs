//! What an expression says of an instance when only what the instance is counts: its other tasks and its connection
//! come and go, so conditions about them are neither true nor false.

use super::eval::{Condition, Facts};

impl Condition {
    /// `None` where tasks or the connection decide.
    pub fn settled(&self, facts: &impl Facts) -> Option<bool> {
        match self {
            Condition::Any(parts) => decided(parts, facts, true),
            Condition::All(parts) => decided(parts, facts, false),
            Condition::Not(part) => part.settled(facts).map(|holds| !holds),
            Condition::TaskGroup(_) | Condition::RunningTasksCount(..) | Condition::AgentConnected(_) => None,
            Condition::Attribute { .. }
            | Condition::Ec2InstanceId(_)
            | Condition::AgentVersion(..)
            | Condition::RegisteredAt(..) => Some(self.holds(facts)),
        }
    }

    pub fn looks_at_tasks(&self) -> bool {
        match self {
            Condition::Any(parts) | Condition::All(parts) => parts.iter().any(Condition::looks_at_tasks),
            Condition::Not(part) => part.looks_at_tasks(),
            Condition::TaskGroup(_) | Condition::RunningTasksCount(..) => true,
            Condition::AgentConnected(_)
            | Condition::Attribute { .. }
            | Condition::Ec2InstanceId(_)
            | Condition::AgentVersion(..)
            | Condition::RegisteredAt(..) => false,
        }
    }
}

/// One part that is `decisive` settles the whole; without one, all parts together do.
fn decided(parts: &[Condition], facts: &impl Facts, decisive: bool) -> Option<bool> {
    let mut all_settled = true;
    for part in parts {
        match part.settled(facts) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => all_settled = false,
        }
    }
    all_settled.then_some(!decisive)
}
