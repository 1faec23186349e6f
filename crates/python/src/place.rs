//! A policy that is a Python function from a task and all nodes to a node.

use crate::functions::Functions;
use crate::run::noted;
use crate::view::{Node, Task};
use plimsoll_experiments::{Decide, Wanted};
use plimsoll_placement::policy::{Claim, Policy, Pool};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;
use rand::Rng;

/// Decides for one run.
pub struct ByFunction<'a, 'py> {
    place: Bound<'py, PyAny>,
    /// The rest of the policy.
    functions: &'a Functions,
    /// The nodes as they were shown last, in node order.
    shown: Vec<Bound<'py, Node>>,
}

impl<'a, 'py> ByFunction<'a, 'py> {
    pub fn new(place: Bound<'py, PyAny>, functions: &'a Functions) -> Self {
        ByFunction { place, functions, shown: Vec::new() }
    }

    /// Nodes that have changed since are shown anew.
    fn look(&mut self, pool: &Pool) -> PyResult<()> {
        let py = self.place.py();
        for (at, node) in pool.nodes().iter().enumerate() {
            if self.shown.get(at).is_some_and(|shown| shown.get().state == *node) {
                continue;
            }
            let view = Bound::new(py, Node::new(node.clone(), Some(at), &self.functions.models))?;
            match self.shown.get_mut(at) {
                Some(shown) => *shown = view,
                None => self.shown.push(view),
            }
        }
        Ok(())
    }

    fn ask(&self, task: &Bound<'py, Task>) -> PyResult<Option<usize>> {
        let py = self.place.py();
        let asked = || format!("policy {:?}: placing {task}", self.functions.label);
        let open = self.shown.iter().filter(|node| !node.get().state.is_closed());
        let given = self.place.call1((task, PyList::new(py, open)?)).map_err(|error| noted(py, error, &asked()))?;
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

impl Decide for ByFunction<'_, '_> {
    type Stop = PyErr;

    fn place(
        &mut self,
        wanted: Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> PyResult<Option<(usize, Claim)>> {
        let py = self.place.py();
        py.check_signals()?;
        self.look(pool)?;
        let task = Bound::new(py, Task::new(*wanted.task, &self.functions.models))?;
        // A device that failed where an elastic supply opened a node for the task before.
        self.functions.failure()?;
        let chosen = self.ask(&task)?.map(|node| (node, pool.place_on(node, wanted.task, policy, chance)));
        self.functions.failure().map(|()| chosen)
    }
}
