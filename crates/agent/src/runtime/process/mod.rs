//! Containers as plain processes, for machines without a container engine.
//!
//! Each container is a process group started and awaited by a small shim process, which outlives the agent: the
//! exit code is on disk when a later agent asks. What isolation there is comes from the process group and, where
//! cgroups are writable, from cgroups; there is no image, no file system and no network of its own. What a definition
//! asks for beyond that fails the start by name rather than being passed over.
//!
//! Ports: nothing is translated, so a container must listen on the host's port itself. The variable
//! `PORT_<containerPort>` (for UDP `PORT_<containerPort>_UDP`) tells it which: the hostPort where that is fixed, in
//! host mode the containerPort, else a free one that was picked when it started. That is also what is reported.

mod cgroup;
mod directory;
mod health;
mod order;
mod ports;
mod probe;
mod procfs;
mod shim;
mod ulimit;

pub use self::shim::shim_main;

use self::cgroup::Cgroups;
use self::directory::{Directory, State};
use self::order::Order;
use super::book::Book;
use super::{Adopted, CANNOT_START, ContainerRuntime, EventSink, RuntimeKind};
use crate::Error;
use crate::registration::{CAPABILITY, Offer};
use async_trait::async_trait;
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use plimsoll_core::node::{AdoptedContainer, AdoptedState, ContainerRef, LaunchSpec, Run, RuntimeEvent};
use plimsoll_model::{HealthStatus, InstanceId, TaskId};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A shim only forks and executes before it reports.
const SHIM_REPORT_TIMEOUT: Duration = Duration::from_secs(30);
/// How soon the exit of a container is seen whose shim an earlier agent started.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// While somebody waits for an exit.
const LOOK_CLOSELY_EVERY: Duration = Duration::from_millis(20);

/// Processes that were killed need a moment to be collected. An empty group left behind does no harm.
const CGROUP_REMOVAL_MAX: Duration = Duration::from_secs(2);

pub struct ProcessRuntime {
    jobs: Arc<Jobs>,
}

struct Jobs {
    /// Holds a directory per task, and in it one per container.
    root: PathBuf,
    shim_command: Vec<OsString>,
    /// `None`: not writable here.
    cgroups: Option<Cgroups>,
    instance: Mutex<Option<InstanceId>>,
    events: EventSink,
    stop: CancellationToken,
    tracker: TaskTracker,
    book: Mutex<Book>,
    /// Host ports picked and perhaps not yet listened on.
    picked_ports: Mutex<ports::Picked>,
}

impl ProcessRuntime {
    /// `shim_command`: see [`crate::AgentSettings::shim_command`]. Watching and waiting end with `stop`.
    pub fn open(
        data_dir: &Path,
        shim_command: Vec<OsString>,
        events: EventSink,
        stop: CancellationToken,
    ) -> Result<Self, Error> {
        if shim_command.is_empty() {
            return Err(Error::NoShimCommand);
        }
        let root = data_dir.join("tasks");
        std::fs::create_dir_all(&root).map_err(Error::file("create directory", &root))?;
        let root = root.canonicalize().map_err(Error::file("resolve", &root))?;
        let cgroups = Cgroups::probe();
        if cgroups.is_none() {
            tracing::warn!("cgroups are not writable: memory and cpu limits of tasks are not enforced");
        }
        Ok(ProcessRuntime {
            jobs: Arc::new(Jobs {
                root,
                shim_command,
                cgroups,
                instance: Mutex::new(None),
                events,
                stop,
                tracker: TaskTracker::new(),
                book: Mutex::new(Book::default()),
                picked_ports: Mutex::new(ports::Picked::default()),
            }),
        })
    }

    pub(crate) fn offer(&self) -> Offer {
        let capabilities = capabilities(self.jobs.cgroups.is_some());
        Offer { kind: RuntimeKind::Process, capabilities, engine_version: None }
    }
}

/// Little, and only what is true (TD-72): 1.18 stands for labels, which are kept with the container's files, and for
/// ulimits; 1.21 for memory reservations; 1.29 for health checks.
fn capabilities(with_cgroups: bool) -> BTreeSet<String> {
    let mut capabilities: BTreeSet<String> = [
        "ecs.capability.container-health-check",
        "ecs.capability.container-ordering",
        "ecs.capability.container-restart-policy",
    ]
    .map(str::to_owned)
    .into();
    capabilities.insert(format!("{CAPABILITY}.docker-remote-api.1.18"));
    capabilities.insert(format!("{CAPABILITY}.docker-remote-api.1.29"));
    if with_cgroups {
        capabilities.insert("ecs.capability.task-cpu-mem-limit".to_owned());
        capabilities.insert(format!("{CAPABILITY}.docker-remote-api.1.21"));
    }
    capabilities
}

#[async_trait]
impl ContainerRuntime for ProcessRuntime {
    fn identify(&self, instance: InstanceId) {
        *self.jobs.instance.lock() = Some(instance);
    }

    async fn adopt(&self) -> Result<Adopted, Error> {
        self.jobs.adopt().await
    }

    fn watch(&self) {
        let jobs = Arc::clone(&self.jobs);
        self.jobs.spawn_until_stopped(async move { jobs.look_regularly().await });
        let adopted = self.jobs.book.lock().all_up();
        for (container, _, health) in adopted {
            self.jobs.check_health(container, health);
        }
    }

    fn start(&self, container: ContainerRef, run: Run, spec: Arc<LaunchSpec>) {
        let jobs = Arc::clone(&self.jobs);
        let Some((unwanted, over)) = jobs.book.lock().begin_start(container, run, &jobs.stop) else { return };
        self.jobs.tracker.spawn(async move {
            let started =
                if unwanted.is_cancelled() { None } else { Some(jobs.run_start(container, run, &spec).await) };
            match started {
                Some(Ok(shim)) => {
                    jobs.await_shim(container, shim);
                    jobs.check_health(container, HealthStatus::Unknown);
                }
                Some(Err(NotStarted { class, why })) => {
                    jobs.book.lock().give_up(container);
                    jobs.events.failed(container, class, why);
                }
                None => jobs.book.lock().give_up(container),
            }
            over.cancel();
        });
    }

    fn stop(&self, container: ContainerRef, grace: Duration) {
        let Some(start_over) = self.jobs.book.lock().begin_stop(container) else { return };
        let jobs = Arc::clone(&self.jobs);
        self.jobs.spawn_until_stopped(async move {
            start_over.cancelled().await;
            let (exit_code, reason) = jobs.run_stop(container, grace).await;
            let untold = jobs.book.lock().end(container);
            if let Some(run) = untold {
                jobs.events.exited(container, run, exit_code, reason);
            }
        });
    }

    fn remove(&self, task: TaskId) {
        let Some(starts_over) = self.jobs.book.lock().begin_remove(task) else { return };
        let jobs = Arc::clone(&self.jobs);
        self.jobs.spawn_until_stopped(async move {
            for start_over in starts_over {
                start_over.cancelled().await;
            }
            jobs.run_remove(task).await;
            jobs.book.lock().end_remove(task);
            jobs.events.emit(RuntimeEvent::Removed { task });
        });
    }

    /// Starts under way are finished first: what appears after the last look would be an orphan.
    async fn stop_all(&self, grace: Duration) {
        self.jobs.stop.cancel();
        self.jobs.tracker.close();
        self.jobs.tracker.wait().await;
        let found = directory::scan(&self.jobs.root);
        let stops = found.iter().filter_map(|directory| directory.order().ok());
        let stops = stops.map(|order| order.container()).map(|container| self.jobs.run_stop(container, grace));
        futures_util::future::join_all(stops).await;
        let tasks: BTreeSet<TaskId> = found.iter().map(Directory::task).collect();
        for task in tasks {
            self.jobs.run_remove(task).await;
        }
    }
}

struct NotStarted {
    class: &'static str,
    why: String,
}

impl NotStarted {
    fn new(why: impl std::fmt::Display) -> Self {
        NotStarted { class: CANNOT_START, why: why.to_string() }
    }
}

impl Jobs {
    fn spawn_until_stopped(&self, job: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled_owned(job).await });
    }

    async fn adopt(&self) -> Result<Adopted, Error> {
        let mut adopted = Adopted::default();
        let mut instances = BTreeSet::new();
        for directory in directory::scan(&self.root) {
            let settled = directory.settled().await.map_err(Error::file("read", directory.path()))?;
            let Some((order, state)) = settled else { continue };
            let container = order.container();
            let state = match state {
                State::Running(_) => {
                    let mut book = self.book.lock();
                    book.up(container, order.runtime_id());
                    if let Some(health) = directory.health() {
                        book.health_known(container, health);
                        adopted.healths.push((container, health));
                    }
                    AdoptedState::Running
                }
                State::Exited(exit) => {
                    self.book.lock().end(container);
                    AdoptedState::Exited { exit_code: exit.exit_code, reason: exit.reason.map(Arc::from) }
                }
                State::Absent => continue,
            };
            self.picked_ports.lock().keep(&order.bindings);
            instances.extend(order.instance);
            adopted.containers.push(AdoptedContainer {
                task: container.task,
                index: container.index,
                name: order.name.as_str().into(),
                runtime_id: order.runtime_id(),
                ran_ms: directory.ran_ms(),
                state,
                bindings: order.bindings,
                image_digest: None,
            });
        }
        adopted.instance = instances.first().copied().filter(|_| instances.len() == 1);
        Ok(adopted)
    }

    async fn run_start(&self, container: ContainerRef, run: Run, spec: &Arc<LaunchSpec>) -> Result<Child, NotStarted> {
        let (directory, order) = if run == 0 {
            self.write_order(container, spec).await?
        } else {
            // As it was: the same directory, group and ports.
            let directory = directory::find(&self.root, container);
            let directory = directory.ok_or_else(|| NotStarted::new("container missing: its files were removed"))?;
            let order = directory.order().map_err(NotStarted::new)?;
            (directory, order)
        };
        let mut shim = self
            .spawn_shim(&directory)
            .map_err(|error| NotStarted::new(format!("shim {:?}: {error}", self.shim_command[0])))?;
        let reported = tokio::time::timeout(SHIM_REPORT_TIMEOUT, first_line(&mut shim)).await;
        match reported.unwrap_or_default().as_deref().map(str::trim_end) {
            Some(shim::STARTED) => {
                let bindings = order.bindings.clone();
                let runtime_id = order.runtime_id();
                let id = Arc::clone(&runtime_id);
                self.events.emit(RuntimeEvent::Started { container, run, runtime_id, bindings, image_digest: None });
                self.book.lock().up(container, id);
                Ok(shim)
            }
            Some(why) if !why.is_empty() => Err(NotStarted::new(why)),
            _ => {
                self.run_stop(container, Duration::ZERO).await;
                let log = directory.path().join(directory::SHIM_LOG);
                Err(NotStarted::new(format!("its shim ended without a word; see {}", log.display())))
            }
        }
    }

    async fn write_order(
        &self,
        container: ContainerRef,
        spec: &Arc<LaunchSpec>,
    ) -> Result<(Directory, Order), NotStarted> {
        let instance = *self.instance.lock();
        let mut order = Order::of(container, spec, instance)?;
        order.bind_ports(spec, &mut self.picked_ports.lock()).map_err(NotStarted::new)?;
        let directory = Directory::of(&self.root, container.task, &order.name);
        if let Some(cgroups) = &self.cgroups {
            let group = cgroups
                .create(spec, container.index)
                .map_err(|error| NotStarted::new(format!("the limits of the container could not be set: {error}")))?;
            order.cgroup = Some(group);
        }
        written(directory, order).await.map_err(NotStarted::new)
    }

    fn spawn_shim(&self, directory: &Directory) -> std::io::Result<Child> {
        let log = std::fs::File::create(directory.path().join(directory::SHIM_LOG))?;
        tokio::process::Command::new(&self.shim_command[0])
            .args(&self.shim_command[1..])
            .arg(directory.path())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
    }

    /// The end of a shim of our own is the end of its container; the regular look finds it too, a moment later.
    fn await_shim(self: &Arc<Self>, container: ContainerRef, mut shim: Child) {
        let jobs = Arc::clone(self);
        self.spawn_until_stopped(async move {
            shim.wait().await.ok();
            jobs.observe(container);
        });
    }

    async fn look_regularly(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let should_run = self.book.lock().all_up();
            for (container, _, _) in should_run {
                self.observe(container);
            }
        }
    }

    /// Looks at a container that should be up, and tells if it is not.
    fn observe(&self, container: ContainerRef) {
        let Some(look) = self.book.lock().begin_look(container) else { return };
        let (exit_code, reason) = match self.state(container) {
            Ok(State::Running(_)) => return,
            Ok(State::Exited(exit)) => (exit.exit_code, exit.reason.map(Arc::from)),
            Ok(State::Absent) => (None, Some("container missing: its files were removed".into())),
            Err(error) => {
                tracing::warn!(task = %container.task, %error, "state of a container could not be read");
                return;
            }
        };
        if self.book.lock().end_seen(&look) {
            self.events.exited(container, look.run, exit_code, reason);
        }
    }

    fn state(&self, container: ContainerRef) -> std::io::Result<State> {
        match directory::find(&self.root, container) {
            Some(directory) => directory.state(),
            None => Ok(State::Absent),
        }
    }

    /// SIGTERM to the container's own process, as an engine does; after `grace` SIGKILL to all of them, until it is
    /// over.
    async fn run_stop(&self, container: ContainerRef, grace: Duration) -> (Option<i32>, Option<Arc<str>>) {
        let kill_at = Instant::now() + grace;
        let mut asked = false;
        loop {
            match self.state(container) {
                Ok(State::Absent) => return (None, None),
                Ok(State::Exited(exit)) => return (exit.exit_code, exit.reason.map(Arc::from)),
                Ok(State::Running(processes)) if Instant::now() >= kill_at => processes.kill(),
                Ok(State::Running(processes)) if !asked => {
                    asked = true;
                    processes.signal(Signal::SIGTERM);
                }
                Ok(State::Running(_)) => {}
                Err(error) => tracing::warn!(task = %container.task, %error, "stop is tried again"),
            }
            tokio::time::sleep(LOOK_CLOSELY_EVERY).await;
        }
    }

    async fn run_remove(&self, task: TaskId) {
        for directory in directory::scan_task(&self.root, task) {
            let Ok(order) = directory.order() else { continue };
            self.run_stop(order.container(), Duration::ZERO).await;
            self.picked_ports.lock().release(&order.bindings);
        }
        if let Some(cgroups) = &self.cgroups {
            let deadline = Instant::now() + CGROUP_REMOVAL_MAX;
            while !cgroups.remove(task) {
                if Instant::now() >= deadline {
                    tracing::warn!(%task, "the task's cgroup could not be removed");
                    break;
                }
                tokio::time::sleep(LOOK_CLOSELY_EVERY).await;
            }
        }
        let path = directory::task_path(&self.root, task);
        if let Err(error) = tokio::fs::remove_dir_all(&path).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "what is left of a task could not be removed");
        }
    }
}

async fn written(directory: Directory, order: Order) -> std::io::Result<(Directory, Order)> {
    let write = move || directory.write_order(&order).map(|()| (directory, order));
    tokio::task::spawn_blocking(write).await.expect("writing a file does not panic")
}

/// `None`: it ended first.
async fn first_line(shim: &mut Child) -> Option<String> {
    let mut line = String::new();
    BufReader::new(shim.stdout.take()?).read_line(&mut line).await.ok()?;
    Some(line)
}

/// For the test that goes through all members of a definition.
#[cfg(test)]
pub(super) mod shown {
    use super::*;

    /// What the shim would be told.
    pub(in crate::runtime) fn order(container: ContainerRef, spec: &LaunchSpec) -> Result<String, String> {
        let mut order = Order::of(container, spec, None).map_err(|error| error.why)?;
        order.bind_ports(spec, &mut ports::Picked::default()).map_err(|error| error.to_string())?;
        serde_json::to_string(&order).map_err(|error| error.to_string())
    }

    /// On a machine with cgroups.
    pub(in crate::runtime) fn capabilities() -> BTreeSet<String> {
        super::capabilities(true)
    }
}
