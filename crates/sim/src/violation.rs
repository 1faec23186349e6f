//! What a run that broke an invariant leaves behind.

use plimsoll_model::Timestamp;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// "I-8", or "panic".
    pub invariant: &'static str,
    pub detail: String,
    pub seed: u64,
    /// Steps of the safety phase asked for, so that the line replays the run.
    pub steps: u64,
    /// The step it showed at.
    pub step: u64,
    pub time: Timestamp,
    /// The last inputs before it.
    pub trace: Vec<String>,
}

impl Violation {
    /// The line that makes the same run again.
    pub fn replay(&self) -> String {
        format!("cargo xtask sim --seed {} --steps {}", self.seed, self.steps)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { invariant, detail, step, time, trace, .. } = self;
        writeln!(f, "{invariant} violated at step {step}, {time:?}: {detail}")?;
        writeln!(f, "replay: {}", self.replay())?;
        trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl std::error::Error for Violation {}

/// An invariant that does not hold, before it is known in which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub invariant: &'static str,
    pub detail: String,
}

/// Says that `invariant` is broken unless `holds`.
pub(crate) fn require(holds: bool, invariant: &'static str, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { invariant, detail: detail() }) }
}
