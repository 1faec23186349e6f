//! Experiments with known answers: what is expected, what came out, and whether that will do.

mod azure_replay;
mod compaction;
mod fgd;
mod fgd_expected;
mod fgd_run;
#[cfg(test)]
mod tests;

pub use azure_replay::AzureReplay;
pub use compaction::Compaction;
pub use fgd::Fgd;
pub use fgd_run::{Inflation, Percent, inflate_and_place};

/// Independent runs, and what they mean together. Runs may be done in any order and at the same time.
pub trait Campaign: Sync {
    type Outcome: Send;

    fn runs(&self) -> usize;

    fn run(&self, nth: usize) -> Self::Outcome;

    /// `outcomes` in the order of the runs.
    fn verdict(&self, outcomes: &[Self::Outcome]) -> Verdict;
}

#[derive(Clone, PartialEq, Debug)]
pub struct Verdict {
    pub title: String,
    /// Where the expected numbers come from.
    pub source: String,
    pub cells: Vec<Cell>,
    pub claims: Vec<Claim>,
}

/// One number.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    pub row: String,
    pub column: String,
    /// `None` for a number that is only reported.
    pub expected: Option<f64>,
    pub obtained: f64,
    /// Half the width of the confidence interval at 95 %, over seeds.
    pub half_width: Option<f64>,
    /// The largest difference that passes.
    pub tolerance: f64,
    pub decimals: usize,
}

/// Something that has to hold between numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    pub text: String,
    pub holds: bool,
}

impl Cell {
    pub fn passes(&self) -> bool {
        // One part in a billion for sums of floats: the tolerance itself passes.
        self.expected.is_none_or(|expected| (self.obtained - expected).abs() <= self.tolerance + 1e-9)
    }
}

impl Verdict {
    pub fn passes(&self) -> bool {
        self.cells.iter().all(Cell::passes) && self.claims.iter().all(|claim| claim.holds)
    }
}
