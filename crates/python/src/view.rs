//! Tasks and nodes as Python sees them: copies, so that one that is kept does not change.

use plimsoll_placement::policy::{self, MODELS_MAX};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::Arc;

/// Names of the cluster's GPU models, by ordinal.
pub type Models = Arc<[String]>;

/// What one task needs. Tasks with equal needs are equal.
#[pyclass(module = "plimsoll_sim", frozen, eq, hash)]
#[derive(Clone, Debug)]
pub struct Task {
    pub needs: policy::Task,
    models: Models,
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.needs == other.needs && self.models == other.models
    }
}

impl std::hash::Hash for Task {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.needs.hash(state);
    }
}

impl Task {
    pub fn new(needs: policy::Task, models: &Models) -> Self {
        Task { needs, models: models.clone() }
    }
}

#[pymethods]
impl Task {
    /// Thousandths of a core.
    #[getter]
    fn cpu_milli(&self) -> u32 {
        self.needs.cpu_milli
    }

    #[getter]
    fn memory_mib(&self) -> u32 {
        self.needs.memory_mib
    }

    /// Devices.
    #[getter]
    fn gpus(&self) -> u8 {
        self.needs.gpus
    }

    /// Thousandths of each device; below 1000 the task shares its device.
    #[getter]
    fn gpu_milli(&self) -> u16 {
        self.needs.gpu_milli
    }

    /// Thousandths of a device over all devices.
    #[getter]
    fn gpu_milli_total(&self) -> u32 {
        self.needs.gpu_milli_total()
    }

    /// Names of the models it may run on, as far as the cluster has them; None for any.
    #[getter]
    fn gpu_models<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        if self.needs.models == policy::Models::ANY {
            return Ok(None);
        }
        let allowed = (0u8..MODELS_MAX as u8).zip(self.models.iter());
        let allowed = allowed.filter(|(ordinal, _)| self.needs.models.allow(Some(*ordinal))).map(|(_, name)| name);
        PyTuple::new(py, allowed.collect::<Vec<_>>()).map(Some)
    }

    fn __repr__(&self, py: Python) -> PyResult<String> {
        let policy::Task { cpu_milli, memory_mib, gpus, gpu_milli, .. } = self.needs;
        let mut text = format!("Task(cpu_milli={cpu_milli}, memory_mib={memory_mib}");
        if gpus > 0 {
            text.push_str(&format!(", gpus={gpus}, gpu_milli={gpu_milli}"));
        }
        if let Some(models) = self.gpu_models(py)? {
            text.push_str(&format!(", gpu_models={}", models.repr()?));
        }
        Ok(text + ")")
    }
}

/// One node as it is at the moment it is shown.
#[pyclass(module = "plimsoll_sim", frozen)]
#[derive(Debug)]
pub struct Node {
    pub state: policy::Node,
    /// In node order; `None` where a policy must not know.
    pub at: Option<usize>,
    models: Models,
}

impl Node {
    pub fn new(state: policy::Node, at: Option<usize>, models: &Models) -> Self {
        Node { state, at, models: models.clone() }
    }
}

#[pymethods]
impl Node {
    /// Its number in node order, from 0. None in a score function: nodes in the same state get the same score.
    #[getter]
    fn id(&self) -> Option<usize> {
        self.at
    }

    /// All it has, in thousandths of a core.
    #[getter]
    fn cpu_milli(&self) -> u32 {
        self.state.shape().cpu_milli
    }

    #[getter]
    fn memory_mib(&self) -> u32 {
        self.state.shape().memory_mib
    }

    /// Devices.
    #[getter]
    fn gpus(&self) -> u8 {
        self.state.shape().gpus
    }

    #[getter]
    fn gpu_model(&self) -> Option<&str> {
        self.models.get(usize::from(self.state.shape().model?)).map(String::as_str)
    }

    /// Tasks it may hold at once; None for any number.
    #[getter]
    fn tasks_max(&self) -> Option<u32> {
        Some(self.state.shape().tasks_max).filter(|most| *most != u32::MAX)
    }

    #[getter]
    fn free_cpu_milli(&self) -> u32 {
        self.state.cpu_free()
    }

    #[getter]
    fn free_memory_mib(&self) -> u32 {
        self.state.memory_free()
    }

    /// Thousandths left on each device.
    #[getter]
    fn free_gpu_milli<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.state.gpu_free())
    }

    /// Thousandths left over all devices.
    #[getter]
    fn free_gpu_milli_total(&self) -> u32 {
        self.state.gpu_free_total()
    }

    /// Tasks on it.
    #[getter]
    fn tasks(&self) -> u32 {
        self.state.tasks()
    }

    /// Whether it takes the task.
    fn fits(&self, task: &Task) -> bool {
        self.state.fits(&task.needs)
    }

    fn __repr__(&self, py: Python) -> PyResult<String> {
        let id = self.at.map_or_else(String::new, |at| format!("id={at}, "));
        let (cpu, memory) = (self.state.shape().cpu_milli, self.state.shape().memory_mib);
        let mut text = format!(
            "Node({id}free_cpu_milli={} of {cpu}, free_memory_mib={} of {memory}",
            self.state.cpu_free(),
            self.state.memory_free()
        );
        if self.gpus() > 0 {
            text.push_str(&format!(", free_gpu_milli={}", self.free_gpu_milli(py)?.repr()?));
        }
        if let Some(model) = self.gpu_model() {
            text.push_str(&format!(", gpu_model={model:?}"));
        }
        Ok(format!("{text}, tasks={})", self.state.tasks()))
    }
}
