//! Numbered runs: those that call Python on the calling thread, the others beside it without the interpreter.

use crate::experiment::{Added, How, Kind};
use crate::functions::{ByScores, Functions};
use crate::place::ByFunction;
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
pub fn all(py: Python, prepared: &Prepared, added: &[Added], how: &How) -> PyResult<Vec<Timed>> {
    let outside = |nth: &usize| prepared.policy(*nth).origin == Origin::Outside;
    let (ours, theirs): (Vec<usize>, Vec<usize>) = (0..prepared.runs()).partition(outside);
    let work = Work { prepared, runs: &theirs, next: AtomicUsize::new(0), stop: AtomicBool::new(false) };
    let mut done =
        Done { slots: (0..prepared.runs()).map(|_| None).collect(), count: 0, progress: how.progress.as_ref() };
    std::thread::scope(|scope| {
        let (sender, mut finished) = channel();
        for _ in 0..how.threads().min(theirs.len()) {
            let (work, sender) = (&work, sender.clone());
            scope.spawn(move || work.carry_out(sender));
        }
        drop(sender);
        let both = || -> PyResult<()> {
            for nth in ours {
                done.keep(nth, python_run(py, prepared, added, nth)?)?;
                finished.try_iter().try_for_each(|(nth, timed)| done.keep(nth, timed))?;
            }
            loop {
                py.check_signals()?;
                let finished = &mut finished;
                match py.detach(move || finished.recv_timeout(SIGNALS_EVERY)) {
                    Ok((nth, timed)) => done.keep(nth, timed)?,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            }
        };
        let result = both();
        work.stop.store(true, Ordering::Relaxed);
        result
    })?;
    Ok(done.slots.into_iter().map(|timed| timed.expect("every run was carried out")).collect())
}

/// What has been carried out.
struct Done<'a, 'py> {
    slots: Vec<Option<Timed>>,
    count: usize,
    /// Hears how many runs there were, of how many.
    progress: Option<&'a Bound<'py, PyAny>>,
}

impl Done<'_, '_> {
    fn keep(&mut self, nth: usize, timed: Timed) -> PyResult<()> {
        self.slots[nth] = Some(timed);
        self.count += 1;
        self.progress.map_or(Ok(()), |progress| progress.call1((self.count, self.slots.len())).map(|_| ()))
    }
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
    fn carry_out(&self, done: Sender<(usize, Timed)>) {
        while let Some(nth) = self.runs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let started = Instant::now();
            let Ok(record) = self.prepared.run_by(*nth, &mut UnlessStopped(&self.stop)) else { return };
            if done.send((*nth, (record, started.elapsed()))).is_err() {
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

fn python_run(py: Python, prepared: &Prepared, added: &[Added], nth: usize) -> PyResult<Timed> {
    let started = Instant::now();
    let spec = prepared.policy(nth);
    let function = added.iter().find(|one| one.spec == *spec).and_then(|one| one.function.as_ref());
    let function = function.expect("a policy from outside was added with its function");
    let functions = Functions {
        label: spec.label.clone(),
        score: (function.kind == Kind::Score).then(|| function.main.clone_ref(py)),
        device: function.device.as_ref().map(|device| device.clone_ref(py)),
        samples: function.samples,
        models: prepared.cluster(nth).models.as_slice().into(),
        state: Mutex::default(),
    };
    let record = match function.kind {
        Kind::Score => prepared.run_brought(nth, &functions, &mut ByScores { py, functions: &functions })?,
        Kind::Place => {
            let place = made(function.main.bind(py), prepared.seed(nth), &spec.label)?;
            prepared.run_brought(nth, &functions, &mut ByFunction::new(place, &functions))?
        }
    };
    functions.failure()?;
    Ok((record, started.elapsed()))
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
