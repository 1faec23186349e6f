//! Operators who ask why: no answer may change anything.

use crate::world::World;
use plimsoll_core::command::Command;
use plimsoll_core::explain::{Explain, Subject};

impl World {
    pub(super) fn explain(&mut self) -> Option<Command> {
        let subject = match self.dice.client.below(3) {
            0 => Subject::Service(self.some_service_name()),
            1 => Subject::Task(self.some_task()?),
            _ => Subject::Request(Box::new(self.run_task())),
        };
        Some(Command::Explain(Box::new(Explain { subject, candidates_max: 2 })))
    }
}
