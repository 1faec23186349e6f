//! Numbered runs: those that call Python on the calling thread, the others beside it without the interpreter.

use crate::experiment::{Added, Function};
use crate::place::{ByFunction, Unscored};
use crate::score::{ByScores, Scored};
use crate::view::Models;
use plimsoll_experiments::experiment::Prepared;
use plimsoll_experiments::{Decide, Origin, Record, Wanted};
use plimsoll_placement::policy::{Claim, Policy, Pool};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use rand::Rng;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a signal may wait for an answer while no Python code runs.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

pub type Timed = (Record, Duration);

/// All runs, in the order of their numbers. An exception in a policy, or a signal, ends all of them.
pub fn all(py: Python, prepared: &Prepared, added: &[Added], threads: usize) -> PyResult<Vec<Timed>> {
    let outside = |nth: &usize| prepared.policy(*nth).origin == Origin::Outside;
    let (ours, theirs): (Vec<usize>, Vec<usize>) = (0..prepared.runs()).partition(outside);
    let work = Work { prepared, runs: &theirs, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let slots: Mutex<Vec<Option<Timed>>> = Mutex::new((0..prepared.runs()).map(|_| None).collect());
    let keep = |nth: usize, timed: Timed| {
        slots.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[nth] = Some(timed);
    };
    std::thread::scope(|scope| {
        let (done, finished) = channel();
        for _ in 0..threads.min(theirs.len()) {
            let (work, keep, done) = (&work, &keep, done.clone());
            scope.spawn(move || work.carry_out(keep, done));
        }
        drop(done);
        // Only this thread listens; the lock is what lets it do so without the interpreter.
        let finished = Mutex::new(finished);
        let listen = || finished.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv_timeout(SIGNALS_EVERY);
        let result = python_runs(py, prepared, added, &ours, keep).and_then(|()| {
            loop {
                py.check_signals()?;
                match py.detach(listen) {
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                }
            }
        });
        work.stop.store(true, Ordering::Relaxed);
        result
    })?;
    let slots = slots.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    Ok(slots.into_iter().map(|timed| timed.expect("every run was carried out")).collect())
}

/// Runs without Python.
struct Work<'a> {
    prepared: &'a Prepared,
    runs: &'a [usize],
    next: AtomicUsize,
    stop: AtomicBool,
}

impl Work<'_> {
    /// `done` hears of each run, and of the end by being dropped.
    fn carry_out(&self, keep: impl Fn(usize, Timed), done: Sender<()>) {
        while let Some(nth) = self.runs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let started = Instant::now();
            let Ok(record) = self.prepared.run_by(*nth, &mut UnlessStopped(&self.stop)) else { return };
            keep(*nth, (record, started.elapsed()));
            if done.send(()).is_err() {
                return;
            }
        }
    }
}

struct Stopped;

/// The best score, until it is told to stop.
struct UnlessStopped<'a>(&'a AtomicBool);

impl Decide for UnlessStopped<'_> {
    type Stop = Stopped;

    fn place(
        &mut self,
        wanted: Wanted,
        pool: &mut Pool,
        policy: &dyn Policy,
        chance: &mut dyn Rng,
    ) -> Result<Option<(usize, Claim)>, Stopped> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Stopped);
        }
        Ok(pool.place(wanted.shape, wanted.task, policy, chance))
    }
}

fn python_runs(
    py: Python,
    prepared: &Prepared,
    added: &[Added],
    runs: &[usize],
    keep: impl Fn(usize, Timed),
) -> PyResult<()> {
    for nth in runs {
        let started = Instant::now();
        let spec = prepared.policy(*nth);
        let function = added.iter().find(|one| one.spec == *spec).and_then(|one| one.function.as_ref());
        let function = function.expect("a policy from outside was added with its function");
        let models: Models = prepared.cluster(*nth).models.as_slice().into();
        let record = match function {
            Function::Score { function, samples } => {
                let scored = Scored::new(&spec.label, function.clone_ref(py), *samples, models);
                prepared.run_brought(*nth, &scored, &mut ByScores { py, scored: &scored })?
            }
            Function::Place { make } => {
                let function = made(make.bind(py), prepared.seed(*nth), &spec.label)?;
                prepared.run_brought(*nth, &Unscored, &mut ByFunction::new(&spec.label, function, models))?
            }
        };
        keep(*nth, (record, started.elapsed()));
    }
    Ok(())
}

/// The function of a policy for the run with this seed.
fn made<'py>(make: &Bound<'py, PyAny>, seed: u64, label: &str) -> PyResult<Bound<'py, PyAny>> {
    let function = make.call1((seed,))?;
    if function.is_callable() {
        return Ok(function);
    }
    let found = function.repr()?;
    Err(PyTypeError::new_err(format!("policy {label:?}: made {found}, expected a function place(task, nodes)")))
}

/// The same exception with a note of where it came from, where Python has notes (3.11).
pub fn noted(py: Python, error: PyErr, note: &str) -> PyErr {
    let value = error.value(py);
    if value.is_instance_of::<PyException>() && value.hasattr("add_note").unwrap_or(false) {
        // A class may refuse notes; the exception itself matters more.
        let _ = value.call_method1("add_note", (note,));
    }
    error
}
