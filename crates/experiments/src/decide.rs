//! Who decides where a task goes: scores, unless whoever runs the experiment brings something else.

use plimsoll_placement::policy::{Claim, Policy, Pool, Task};
use rand::Rng;
use std::convert::Infallible;

/// A task that arrived and wants a node.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The task's needs by number: see [`Pool::place`].
    pub shape: usize,
    pub task: &'a Task,
}

/// Decides for one run. With elastic supply a task that is put nowhere still gets the first closed node that takes it.
pub trait Decide {
    /// Why a run is given up.
    type Stop;

    /// Puts the task on an open node where it fits, or nowhere.
    fn place(
        &mut self,
        wanted: Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> Result<Option<(usize, Claim)>, Self::Stop>;
}

/// The best score, which never gives up.
#[derive(Clone, Copy, Debug)]
pub struct ByScore;

impl Decide for ByScore {
    type Stop = Infallible;

    fn place(
        &mut self,
        wanted: Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> Result<Option<(usize, Claim)>, Infallible> {
        Ok(pool.place(wanted.shape, wanted.task, policy, chance))
    }
}
