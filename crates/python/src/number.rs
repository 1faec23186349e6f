//! Numbers from Python as scores, in the same order.

use plimsoll_placement::policy::Score;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

/// From here on not every whole number is a floating point number of its own.
const EXACT_MAX: i64 = 1 << 53;

/// `asked` says what it is the answer to, for errors.
pub fn score(given: &Bound<PyAny>, asked: impl Fn() -> String) -> PyResult<Score> {
    if let Ok(float) = given.cast::<PyFloat>() {
        return from_float(float.value(), asked);
    }
    if given.is_instance_of::<PyInt>() || given.hasattr("__index__")? {
        let small = given.extract::<i64>().ok().filter(|number| (-EXACT_MAX..=EXACT_MAX).contains(number));
        let expected = "expected a whole number within ±2**53, or a float";
        let wrong = || PyValueError::new_err(format!("{} returned {given}, {expected}", asked()));
        return Ok(ordered(small.ok_or_else(wrong)? as f64));
    }
    if given.hasattr("__float__")? {
        return from_float(given.extract::<f64>()?, asked);
    }
    let (shown, kind) = (given.repr()?, given.get_type().name()?);
    Err(PyTypeError::new_err(format!("{} returned {shown} of type {kind}, expected a number", asked())))
}

fn from_float(float: f64, asked: impl Fn() -> String) -> PyResult<Score> {
    if float.is_finite() {
        return Ok(ordered(float));
    }
    Err(PyValueError::new_err(format!("{} returned {float}, expected a finite number", asked())))
}

/// The bits of floating point numbers are in order of size, negative ones the other way round. Finite ones never give
/// `Score::MIN`.
fn ordered(float: f64) -> Score {
    // Both zeros are one.
    let bits = (float + 0.0).to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}
