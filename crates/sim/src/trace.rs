//! What happened, in one line per step: the last of them for reading, all of them as one number for comparing runs.

use plimsoll_model::Timestamp;
use std::collections::VecDeque;

/// Enough to see what led to a violation.
const LINES_MAX: usize = 60;

#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
}

impl Trace {
    pub fn new() -> Self {
        // The offset basis of FNV-1a.
        Trace { hash: 0xcbf2_9ce4_8422_2325, lines: VecDeque::with_capacity(LINES_MAX) }
    }

    pub fn push(&mut self, now: Timestamp, line: String) {
        self.mix(now.as_millis().unsigned_abs());
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(format!("{now:?} {line}"));
    }

    pub fn mix(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }
}
