//! Rows of tables, and the tables that are always the same.

use plimsoll_experiments::{Better, Metric};
use plimsoll_placement::policy::describe;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

#[derive(Debug)]
pub enum Cell {
    Text(String),
    Number(f64),
    Count(u64),
    Whole(i64),
    Flag(bool),
    None,
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    pub fn optional(number: Option<f64>) -> Self {
        number.map_or(Cell::None, Cell::Number)
    }

    /// A swept value, as a number if it is one.
    pub fn swept(text: &str) -> Self {
        let number = || text.parse().map_or_else(|_| Cell::text(text), Cell::Number);
        text.parse().map_or_else(|_| number(), Cell::Whole)
    }
}

impl<'py> IntoPyObject<'py> for Cell {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Cell::Text(text) => text.into_bound_py_any(py),
            Cell::Number(number) => number.into_bound_py_any(py),
            Cell::Count(count) => count.into_bound_py_any(py),
            Cell::Whole(whole) => whole.into_bound_py_any(py),
            Cell::Flag(flag) => flag.into_bound_py_any(py),
            Cell::None => Ok(py.None().into_bound(py)),
        }
    }
}

/// Columns and values; a dict in Python.
#[derive(Debug, Default)]
pub struct Row(Vec<(String, Cell)>);

impl Row {
    pub fn push(&mut self, column: &str, cell: Cell) {
        self.0.push((column.to_owned(), cell));
    }
}

impl<'py> IntoPyObject<'py> for Row {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (column, cell) in self.0 {
            dict.set_item(column, cell)?;
        }
        Ok(dict)
    }
}

/// Every policy of the registry.
#[pyfunction]
pub fn policies() -> Vec<Row> {
    let rows = describe().map(|policy| {
        let mut row = Row::default();
        row.push("policy", Cell::text(policy.name));
        row.push("prefers", Cell::text(policy.about));
        row.push("options", Cell::text(policy.options));
        row
    });
    rows.collect()
}

/// Every metric.
#[pyfunction]
pub fn metrics() -> Vec<Row> {
    let rows = Metric::ALL.iter().map(|metric| {
        let mut row = Row::default();
        row.push("metric", Cell::text(metric.key()));
        row.push("title", Cell::text(metric.title()));
        row.push("unit", Cell::text(metric.unit()));
        let better = if metric.better() == Better::Higher { "higher" } else { "lower" };
        row.push("better", Cell::text(better));
        row.push("about", Cell::text(metric.about()));
        row
    });
    rows.collect()
}
