//! An experiment as Python holds it: a text, the files it names, and the policies that are added.

use crate::results::Results;
use crate::run;
use plimsoll_experiments::experiment::{self, Additions, Files, table_name};
use plimsoll_experiments::read::PACKING_TABLES;
use plimsoll_experiments::{PolicySpec, Results as Outcome};
use plimsoll_placement::policy::OptionValue;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

pyo3::create_exception!(
    plimsoll_sim,
    ExperimentError,
    PyValueError,
    "What is wrong with an experiment or a file it names: file, line, column and what was expected."
);

fn wrong(error: experiment::ExperimentError) -> PyErr {
    ExperimentError::new_err(error.to_string())
}

/// A parsed experiment.
#[pyclass(module = "plimsoll_sim._native", frozen)]
pub struct Experiment {
    name: String,
    text: String,
    parsed: experiment::Experiment,
}

/// A policy that is added to those of the file.
pub struct Added {
    pub spec: PolicySpec,
    /// What makes it one that is brought along.
    pub function: Option<Function>,
}

pub struct Function {
    pub kind: Kind,
    /// A score, or what makes a `place` for a seed.
    pub main: Py<PyAny>,
    pub device: Option<Py<PyAny>>,
    pub samples: Option<NonZeroU32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Score,
    Place,
}

#[derive(FromPyObject)]
enum Value {
    Integer(i64),
    Text(String),
    Texts(Vec<String>),
}

/// As Python passes it: `kind` is a registered policy's name where there is no function.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Given {
    label: String,
    kind: String,
    options: BTreeMap<String, Value>,
    function: Option<Py<PyAny>>,
    device: Option<Py<PyAny>>,
    samples: Option<NonZeroU32>,
}

/// How to carry the runs out.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct How<'py> {
    /// Instead of those of the file.
    seeds: Option<Vec<u64>>,
    /// Without Python; 0 is one per core.
    threads: usize,
    /// Hears of each run.
    pub progress: Option<Bound<'py, PyAny>>,
}

impl How<'_> {
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        if self.threads == 0 { cores() } else { self.threads }
    }
}

impl Given {
    fn added(self) -> Added {
        let Given { label, kind, options, function, device, samples } = self;
        let function = function.map(|main| Function {
            kind: if kind == SCORE { Kind::Score } else { Kind::Place },
            main,
            device,
            samples,
        });
        let mut spec = match &function {
            Some(_) => PolicySpec::outside(&label, &kind),
            None => PolicySpec::new(&label, &kind),
        };
        for (option, value) in options {
            spec = spec.with(&option, value.into());
        }
        Added { spec, function }
    }
}

/// A table of a database.
type Wanted = (String, &'static str, Vec<&'static str>);

/// What reports call a policy with a score in Python.
const SCORE: &str = "python score";

impl From<Value> for OptionValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(number) => OptionValue::Integer(number),
            Value::Text(text) => OptionValue::Text(text),
            Value::Texts(texts) => OptionValue::Texts(texts),
        }
    }
}

#[pymethods]
impl Experiment {
    /// `name` is what errors call it.
    #[new]
    fn new(name: String, text: String) -> PyResult<Self> {
        let parsed = experiment::Experiment::parse(&name, &text).map_err(wrong)?;
        Ok(Experiment { name, text, parsed })
    }

    /// The files it names.
    #[getter]
    fn files(&self) -> Vec<&str> {
        self.parsed.files().collect()
    }

    /// The SQLite databases it names; of each the tables: the name under which a table is one of the files (as CSV
    /// without a header), the table's own name, and the columns.
    #[getter]
    fn databases(&self) -> Vec<(&str, Vec<Wanted>)> {
        let tables = |database: &str| {
            let tables = PACKING_TABLES.iter();
            tables.map(|(table, columns)| (table_name(database, table), *table, columns.to_vec())).collect()
        };
        self.parsed.databases().map(|database| (database, tables(database))).collect()
    }

    /// Runs it. `files` are the texts of its files.
    fn run(&self, py: Python, files: BTreeMap<String, String>, policies: Vec<Given>, how: How) -> PyResult<Results> {
        let added: Vec<Added> = policies.into_iter().map(Given::added).collect();
        let specs: Vec<PolicySpec> = added.iter().map(|one| one.spec.clone()).collect();
        let files: Files = files;
        let additions = Additions { policies: &specs, seeds: how.seeds.as_deref() };
        let prepared = py.detach(|| self.parsed.prepare_with(&additions, &self.name, &self.text, &files));
        let prepared = prepared.map_err(wrong)?;
        let (records, durations): (Vec<_>, Vec<_>) = run::all(py, &prepared, &added, &how)?.into_iter().unzip();
        let outcome = py.detach(|| Outcome::new(&prepared, &records));
        Ok(Results { prepared, records, durations, outcome })
    }
}
