//! What happened: as one number for comparing runs, and, in a run that is repeated because it broke something, in one
//! line per step for reading.

use plimsoll_model::Timestamp;
use std::collections::VecDeque;

/// Enough to see what led to a violation.
const LINES_MAX: usize = 80;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tracing {
    /// Words cost more than all the rest.
    Hash,
    Lines,
}

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<VecDeque<String>>,
}

impl Trace {
    pub fn new(tracing: Tracing) -> Self {
        let lines = (tracing == Tracing::Lines).then(|| VecDeque::with_capacity(LINES_MAX));
        // The offset basis of FNV-1a.
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines }
    }

    pub fn line(&mut self, now: Timestamp, text: impl FnOnce() -> String) {
        let Some(lines) = &mut self.lines else { return };
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(format!("{now:?} {}", text()));
    }

    /// Takes a number into the hash. The rotation carries high bits back down, which the product alone never does.
    pub fn mix(&mut self, number: u64) {
        self.hash = (self.hash ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().flatten().cloned().collect()
    }
}
