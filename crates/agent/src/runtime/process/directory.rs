//! The files of one container: what it was ordered to be, whether it runs, how it ended.
//!
//! `lock` is held by the shim as long as it lives. Whoever gets it knows that no shim lives, and by deleting the
//! order meanwhile makes sure that none comes to life any more.

use super::order::Order;
use super::procfs::Process;
use crate::runtime::write_atomically;
use nix::sys::signal::Signal;
use plimsoll_core::node::ContainerRef;
use plimsoll_model::{HealthStatus, TaskId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const ORDER: &str = "order.json";
const LOCK: &str = "lock";
const RUNNING: &str = "running.json";
const EXIT: &str = "exit.json";
const HEALTH: &str = "health.json";
pub(super) const SHIM_LOG: &str = "shim.log";

pub(super) struct Directory {
    path: PathBuf,
    task: TaskId,
}

/// How it ended. Without a code when nobody was there to collect it.
#[derive(Serialize, Deserialize)]
pub(super) struct Exit {
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

pub(super) enum State {
    /// Nothing runs and nothing will.
    Absent,
    Running(Processes),
    Exited(Exit),
}

/// What to send signals to.
pub(super) struct Processes {
    /// Absent while the shim has not got so far.
    main: Option<Process>,
    order: Order,
}

impl Processes {
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(main) = &self.main {
            main.signal(signal);
        }
    }

    pub(super) fn kill(&self) {
        if let Some(main) = &self.main {
            main.kill_group();
        }
        if let Some(group) = &self.order.cgroup {
            group.kill_all();
        }
    }
}

impl Directory {
    pub(super) fn of(root: &Path, task: TaskId, name: &str) -> Self {
        Directory { path: task_path(root, task).join(name), task }
    }

    /// For the shim, which is given the path.
    pub(super) fn at(path: PathBuf) -> Option<Self> {
        let task = path.parent()?.file_name()?.to_str()?.parse().ok()?;
        Some(Directory { path, task })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn task(&self) -> TaskId {
        self.task
    }

    pub(super) fn write_order(&self, order: &Order) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        self.write(ORDER, order)
    }

    pub(super) fn order(&self) -> io::Result<Order> {
        self.read(ORDER)?.ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn write_running(&self, process: &Process) -> io::Result<()> {
        self.write(RUNNING, process)
    }

    pub(super) fn write_exit(&self, exit: &Exit) -> io::Result<()> {
        self.write(EXIT, exit)
    }

    /// Of what ended before, when the container starts again. By the shim, which holds the lock: nobody takes it for
    /// one that never began.
    pub(super) fn forget_last_run(&self) -> io::Result<()> {
        for name in [HEALTH, RUNNING, EXIT] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn write_health(&self, health: HealthStatus) -> io::Result<()> {
        self.write(HEALTH, &health)
    }

    /// What the last agent knew of it. A file that cannot be read is as good as none: the next check tells.
    pub(super) fn health(&self) -> Option<HealthStatus> {
        self.read(HEALTH).ok().flatten()
    }

    /// How long it has run, or ran the last time.
    pub(super) fn ran_ms(&self) -> u64 {
        let written = |name| fs::metadata(self.path.join(name)).and_then(|file| file.modified()).ok();
        let Some(started) = written(RUNNING) else { return 0 };
        let ended = written(EXIT).unwrap_or_else(SystemTime::now);
        ended.duration_since(started).map_or(0, |ran| u64::try_from(ran.as_millis()).unwrap_or(u64::MAX))
    }

    /// Waits until nobody else looks. Held until the file is dropped.
    pub(super) fn lock(&self) -> io::Result<File> {
        let file = File::create(self.path.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    pub(super) fn state(&self) -> io::Result<State> {
        if let Some(exit) = self.read(EXIT)? {
            return Ok(State::Exited(exit));
        }
        let Some(order) = self.read::<Order>(ORDER)? else { return Ok(State::Absent) };
        let main: Option<Process> = self.read(RUNNING)?;
        let _lock = match self.try_lock()? {
            None => return Ok(State::Running(Processes { main, order })),
            Some(lock) => lock,
        };
        // The shim may have ended between the two looks.
        if let Some(exit) = self.read(EXIT)? {
            return Ok(State::Exited(exit));
        }
        match main {
            // Its shim was killed, it was not.
            Some(main) if main.is_alive() => Ok(State::Running(Processes { main: Some(main), order })),
            Some(_) => {
                let reason = "its exit code is not known: the process that waited for it was killed".to_owned();
                Ok(State::Exited(Exit { exit_code: None, reason: Some(reason) }))
            }
            // Ordered and never begun. A shim that is only just being executed will find no order.
            None => {
                fs::remove_file(self.path.join(ORDER))?;
                Ok(State::Absent)
            }
        }
    }

    /// The state once a shim that is starting has got so far as to say whether it runs.
    pub(super) async fn settled(&self) -> io::Result<Option<(Order, State)>> {
        loop {
            let Some(order) = self.read::<Order>(ORDER)? else { return Ok(None) };
            match self.state()? {
                State::Running(Processes { main: None, .. }) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                state => return Ok(Some((order, state))),
            }
        }
    }

    /// `None`: a shim lives.
    fn try_lock(&self) -> io::Result<Option<File>> {
        let file = File::create(self.path.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        write_atomically(&self.path.join(name), &serde_json::to_vec(value)?)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn task_path(root: &Path, task: TaskId) -> PathBuf {
    root.join(task.to_string())
}

/// Every container's directory.
pub(super) fn scan(root: &Path) -> Vec<Directory> {
    let tasks = names_in(root).into_iter().filter_map(|name| name.parse().ok());
    tasks.flat_map(|task| scan_task(root, task)).collect()
}

pub(super) fn scan_task(root: &Path, task: TaskId) -> Vec<Directory> {
    let names = names_in(&task_path(root, task));
    names.iter().map(|name| Directory::of(root, task, name)).collect()
}

pub(super) fn find(root: &Path, container: ContainerRef) -> Option<Directory> {
    let mut directories = scan_task(root, container.task).into_iter();
    directories.find(|directory| directory.order().is_ok_and(|order| order.container() == container))
}

/// Sorted. A directory that is not there has none.
fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
