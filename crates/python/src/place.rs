//! A policy that is a Python function from a task and all nodes to a node.

use crate::run::noted;
use crate::view::{Models, Node, Task};
use plimsoll_experiments::{Decide, Wanted};
use plimsoll_placement::policy::{self, Claim, Policy, Pool, Score};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use rand::Rng;

/// Where nobody asks for a score.
#[derive(Debug)]
pub struct Unscored;

impl Policy for Unscored {
    fn score(&self, _: &policy::Task, _: &policy::Node) -> Score {
        0
    }
}

/// Decides for one run.
pub struct ByFunction<'py> {
    label: String,
    function: Bound<'py, PyAny>,
    models: Models,
    /// The nodes as they were shown last, in node order.
    shown: Vec<Bound<'py, Node>>,
}

impl<'py> ByFunction<'py> {
    pub fn new(label: &str, function: Bound<'py, PyAny>, models: Models) -> Self {
        ByFunction { label: label.to_owned(), function, models, shown: Vec::new() }
    }

    /// Nodes that have changed since are shown anew.
    fn look(&mut self, pool: &Pool) -> PyResult<()> {
        let py = self.function.py();
        for (at, node) in pool.nodes().iter().enumerate() {
            if self.shown.get(at).is_some_and(|shown| shown.get().state == *node) {
                continue;
            }
            let view = Bound::new(py, Node::new(node.clone(), Some(at), &self.models))?;
            match self.shown.get_mut(at) {
                Some(shown) => *shown = view,
                None => self.shown.push(view),
            }
        }
        Ok(())
    }

    fn ask(&self, task: &Bound<'py, Task>) -> PyResult<Option<usize>> {
        let py = self.function.py();
        let asked = || format!("policy {:?}: placing {task}", self.label);
        let open = self.shown.iter().filter(|node| !node.get().state.is_closed());
        let given = self.function.call1((task, PyList::new(py, open)?)).map_err(|error| noted(py, error, &asked()))?;
        if given.is_none() {
            return Ok(None);
        }
        let Ok(node) = given.cast::<Node>() else {
            let (shown, kind) = (given.repr()?, given.get_type().name()?);
            let problem = format!("{} returned {shown} of type {kind}, expected a node or None", asked());
            return Err(PyTypeError::new_err(problem));
        };
        let listed = node.get().at.filter(|at| self.shown.get(*at).is_some_and(|shown| shown.is(node)));
        let Some(at) = listed.filter(|_| !node.get().state.is_closed()) else {
            let problem = format!("{} returned {node}, which is not in the list it was given", asked());
            return Err(PyValueError::new_err(problem));
        };
        if !node.get().state.fits(&task.get().needs) {
            return Err(PyValueError::new_err(format!("{} returned {node}, where it does not fit", asked())));
        }
        Ok(Some(at))
    }
}

impl Decide for ByFunction<'_> {
    type Stop = PyErr;

    fn place(
        &mut self,
        wanted: Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> PyResult<Option<(usize, Claim)>> {
        let py = self.function.py();
        py.check_signals()?;
        self.look(pool)?;
        let task = Bound::new(py, Task::new(*wanted.task, &self.models))?;
        let chosen = self.ask(&task)?;
        Ok(chosen.map(|node| (node, pool.place_on(node, wanted.task, policy, chance))))
    }
}
