//! A policy whose score and choice among devices are Python functions.

use crate::number;
use crate::run::noted;
use crate::view::{Models, Node, Task};
use plimsoll_experiments::{Decide, Wanted};
use plimsoll_placement::policy::{self, Claim, Policy, Pool, Score};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use rand::Rng;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard};

/// Belongs to the runs of one policy on one cluster.
#[derive(Debug)]
pub struct Functions {
    pub label: String,
    /// Without, all nodes are alike.
    pub score: Option<Py<PyAny>>,
    /// Without, the fitting device with the least left.
    pub device: Option<Py<PyAny>>,
    pub samples: Option<NonZeroU32>,
    pub models: Models,
    pub state: Mutex<State>,
}

#[derive(Debug, Default)]
pub struct State {
    /// The task of the last call: nodes are asked one after the other about the same one.
    task: Option<Py<Task>>,
    /// The first one; nothing is asked after it.
    failed: Option<PyErr>,
}

impl Functions {
    /// Never held while Python code runs.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The exception that came up since this was last asked.
    pub fn failure(&self) -> PyResult<()> {
        self.state().failed.take().map_or(Ok(()), Err)
    }

    /// The answer of a function, or another one after a failure.
    fn ask<T>(&self, instead: T, ask: impl FnOnce(Python) -> PyResult<T>) -> T {
        if self.state().failed.is_some() {
            return instead;
        }
        Python::attach(|py| {
            ask(py).unwrap_or_else(|error| {
                self.state().failed = Some(error);
                instead
            })
        })
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

    fn score(&self, py: Python, function: &Py<PyAny>, needs: &policy::Task, node: &policy::Node) -> PyResult<Score> {
        let task = self.task(py, needs)?;
        let node = Bound::new(py, Node::new(node.clone(), None, &self.models))?;
        let asked = || format!("policy {:?}: the score of {} on {node}", self.label, task.bind(py));
        let given = function.bind(py).call1((&task, &node)).map_err(|error| noted(py, error, &asked()))?;
        number::score(&given, asked)
    }

    fn device(&self, py: Python, function: &Py<PyAny>, needs: &policy::Task, node: &policy::Node) -> PyResult<usize> {
        let task = self.task(py, needs)?;
        let shown = Bound::new(py, Node::new(node.clone(), None, &self.models))?;
        let asked = || format!("policy {:?}: the device for {} on {shown}", self.label, task.bind(py));
        let given = function.bind(py).call1((&task, &shown)).map_err(|error| noted(py, error, &asked()))?;
        let Ok(device) = given.extract::<i64>() else {
            let problem = format!("{} returned {}, expected a device's number", asked(), given.repr()?);
            return Err(PyTypeError::new_err(problem));
        };
        let fits = |device: &usize| node.gpu_free().get(*device).is_some_and(|free| *free >= needs.gpu_milli);
        usize::try_from(device).ok().filter(fits).ok_or_else(|| {
            PyValueError::new_err(format!("{} returned {device}, which is no device where it fits", asked()))
        })
    }
}

impl Policy for Functions {
    fn score(&self, task: &policy::Task, node: &policy::Node) -> Score {
        let Some(function) = &self.score else { return 0 };
        self.ask(0, |py| self.score(py, function, task, node))
    }

    fn device(&self, task: &policy::Task, node: &policy::Node, _: &mut dyn Rng) -> usize {
        let tightest = node.tightest_device(task.gpu_milli).expect("a task that fits has a device");
        let Some(function) = &self.device else { return tightest };
        self.ask(tightest, |py| self.device(py, function, task, node))
    }

    fn sample(&self) -> Option<NonZeroU32> {
        self.samples
    }
}

/// Lets scores decide and gives up when a function has failed, or at a signal.
pub struct ByScores<'a, 'py> {
    pub py: Python<'py>,
    pub functions: &'a Functions,
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
        self.functions.failure().map(|()| chosen)
    }
}
