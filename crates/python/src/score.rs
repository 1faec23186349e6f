//! A policy whose score is a Python function.

use crate::number;
use crate::run::noted;
use crate::view::{Models, Node, Task};
use plimsoll_experiments::{Decide, Wanted};
use plimsoll_placement::policy::{self, Claim, Policy, Pool, Score};
use pyo3::prelude::*;
use rand::Rng;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard};

/// Belongs to the runs of one policy on one cluster.
#[derive(Debug)]
pub struct Scored {
    label: String,
    function: Py<PyAny>,
    samples: Option<NonZeroU32>,
    models: Models,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The task of the last call: nodes are asked one after the other about the same one.
    task: Option<Py<Task>>,
    /// The first one; nothing is asked after it.
    failed: Option<PyErr>,
}

impl Scored {
    pub fn new(label: &str, function: Py<PyAny>, samples: Option<NonZeroU32>, models: Models) -> Self {
        Scored { label: label.to_owned(), function, samples, models, state: Mutex::default() }
    }

    /// Never held while Python code runs.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn task(&self, py: Python, needs: &policy::Task) -> PyResult<Py<Task>> {
        let mut state = self.state();
        if let Some(task) = state.task.as_ref().filter(|task| task.get().needs == *needs) {
            return Ok(task.clone_ref(py));
        }
        let task = Py::new(py, Task::new(*needs, &self.models))?;
        state.task = Some(task.clone_ref(py));
        Ok(task)
    }

    fn ask(&self, py: Python, needs: &policy::Task, node: &policy::Node) -> PyResult<Score> {
        let task = self.task(py, needs)?;
        let node = Bound::new(py, Node::new(node.clone(), None, &self.models))?;
        let asked = || format!("policy {:?}: the score of {} on {node}", self.label, task.bind(py));
        let given = self.function.bind(py).call1((&task, &node)).map_err(|error| noted(py, error, &asked()))?;
        number::score(&given, asked)
    }
}

impl Policy for Scored {
    fn score(&self, task: &policy::Task, node: &policy::Node) -> Score {
        if self.state().failed.is_some() {
            return 0;
        }
        Python::attach(|py| {
            self.ask(py, task, node).unwrap_or_else(|error| {
                self.state().failed = Some(error);
                0
            })
        })
    }

    fn sample(&self) -> Option<NonZeroU32> {
        self.samples
    }
}

/// Lets scores decide and gives up when one has failed, or at a signal.
pub struct ByScores<'a, 'py> {
    pub py: Python<'py>,
    pub scored: &'a Scored,
}

impl Decide for ByScores<'_, '_> {
    type Stop = PyErr;

    fn place(
        &mut self,
        wanted: Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> PyResult<Option<(usize, Claim)>> {
        // Scores that are known run no Python code, and only Python code looks for signals by itself.
        self.py.check_signals()?;
        let chosen = pool.place(wanted.shape, wanted.task, policy, chance);
        self.scored.state().failed.take().map_or(Ok(chosen), Err)
    }
}
