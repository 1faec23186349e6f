//! What becomes of a task after its end: its remains are kept for a while, then deleted, then it is forgotten (I-21).

use super::task::{NodeTask, Ownership};
use super::{Action, NodeConfig};
use plimsoll_model::Timestamp;
use plimsoll_placement::mutant;

/// Asked again when the runtime did not answer in this time.
const REMOVE_AGAIN_MS: u64 = 30_000;

/// How long a task is remembered after its end at least: a delayed message that would start it must find it known.
const REMEMBERED_MS: u64 = 600_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Removal {
    NotYet,
    LookAgain(Timestamp),
    Forget,
}

impl Removal {
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Removal::LookAgain(at) => Some(at),
            Removal::NotYet | Removal::Forget => None,
        }
    }
}

impl NodeTask {
    pub fn clear_away(&mut self, now: Timestamp, config: &NodeConfig, actions: &mut Vec<Action>) -> Removal {
        let Some(ended_at) = self.ended_at.filter(|_| self.is_settled()) else { return Removal::NotYet };
        let retention_ms = if self.ownership == Ownership::Disowned { 0 } else { config.retention_ms };
        let (due, forgotten_at) = (ended_at.plus_millis(retention_ms), ended_at.plus_millis(REMEMBERED_MS));
        if self.removed {
            return if now < forgotten_at { Removal::LookAgain(forgotten_at) } else { Removal::Forget };
        }
        let next = self.remove_again_at.unwrap_or(due);
        if now < next {
            return Removal::LookAgain(next);
        }
        mutant!(LeavesRemains => (), actions.push(Action::Remove { task: self.id }));
        let again = now.plus_millis(REMOVE_AGAIN_MS);
        self.remove_again_at = Some(again);
        Removal::LookAgain(again)
    }
}
