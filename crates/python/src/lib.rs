//! The simulator as a Python module. Python code sits in front of it (`python/plimsoll_sim`): it opens files, checks
//! what people pass, and makes tables. Here are the policies that call Python, and the runs.
//!
//! Only the calling thread runs Python code: runs of Python policies happen there, one after the other, while other
//! threads carry out those of the registry without the interpreter.

mod experiment;
mod functions;
mod number;
mod place;
mod results;
mod run;
mod tables;
mod view;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::experiment::{Experiment, ExperimentError};
    #[pymodule_export]
    use crate::results::Results;
    #[pymodule_export]
    use crate::tables::{metrics, policies};
    #[pymodule_export]
    use crate::view::{Node, Task};
}
