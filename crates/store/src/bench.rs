//! How fast the bare database takes the rows of tasks, with no scheduler in front of it: the bound to compare a whole
//! control plane with.

use crate::{Error, Lease, Settings, Store, open_with};
use plimsoll_model::{
    Batch, Change, ClusterKey, ClusterName, Container, DesiredStatus, Family, HealthStatus, Instance, InstanceId,
    InstanceStatus, LaunchType, Namespace, NetworkBinding, Protocol, Reserved, Resources, StopCode, Tags, Task,
    TaskDefinitionId, TaskId, TaskStatus, Timestamp, Usage, VersionInfo,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Instances the tasks are spread over; each batch writes the use of all of them, as a scheduler does.
const INSTANCES: u128 = 100;
const CPU_UNITS: u32 = 1;
const MEMORY_MIB: u32 = 1;

/// Rows per second. A task is three rows: created, RUNNING, STOPPED.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseSpeed {
    pub created: f64,
    pub running: f64,
    pub stopped: f64,
    pub overall: f64,
}

/// Rows written per second, over the three rows of a task's life.
pub async fn database_limit(url: &str, rows: usize, batch: usize) -> Result<f64, Error> {
    Ok(database_speed(url, rows, batch).await?.overall)
}

/// Writes `tasks` tasks, `batch` at a time, into a scratch cluster, and removes them again. Two measurements of one
/// database at a time would disturb each other: the second gets `Error::LeaseHeld`.
pub async fn database_speed(url: &str, tasks: usize, batch: usize) -> Result<DatabaseSpeed, Error> {
    let store = open_with(url, &Settings::standard()).await?;
    let namespace = Namespace { account: "plimsoll-bench".into(), region: "none".into() };
    let name = ClusterName::parse("scratch").expect("a valid name");
    let lease = store.acquire(&ClusterKey { namespace, name }).await?;
    let scratch = Scratch { store: &*store, lease: &lease, batch: batch.max(1) };
    let measured = scratch.measure(tasks).await;
    // Also after a failure, which is the more interesting of two errors.
    let cleaned = scratch.clean(tasks).await;
    let speed = measured?;
    cleaned?;
    store.release(&lease).await?;
    Ok(speed)
}

struct Scratch<'s> {
    store: &'s dyn Store,
    lease: &'s Lease,
    batch: usize,
}

impl Scratch<'_> {
    async fn measure(&self, count: usize) -> Result<DatabaseSpeed, Error> {
        let definition = TaskDefinitionId { family: Family::parse("bench").expect("a valid name"), revision: 1 };
        let mut tasks: Vec<Task> = (0..count).map(|number| task(number, &definition)).collect();
        // What is left of a measurement that was interrupted goes first.
        self.clean(count).await?;
        let instances = (0..INSTANCES).map(|id| Change::Instance(Arc::new(instance(id))));
        self.store.commit(self.lease, &Batch::from_changes(&instances.collect::<Vec<_>>())).await?;

        let created = self.write(&tasks, Change::TaskCreated).await?;
        tasks.iter_mut().for_each(run);
        let running = self.write(&tasks, Change::TaskUpdated).await?;
        tasks.iter_mut().for_each(stop);
        let stopped = self.write(&tasks, Change::TaskUpdated).await?;
        let per_second = |rows: usize, took: Duration| rows as f64 / took.as_secs_f64();
        Ok(DatabaseSpeed {
            created: per_second(count, created),
            running: per_second(count, running),
            stopped: per_second(count, stopped),
            overall: per_second(3 * count, created + running + stopped),
        })
    }

    async fn write(&self, tasks: &[Task], change: impl Fn(Arc<Task>) -> Change) -> Result<Duration, Error> {
        let mut took = Duration::ZERO;
        for (number, tasks) in tasks.chunks(self.batch).enumerate() {
            let mut changes: Vec<Change> = tasks.iter().map(|task| change(Arc::new(task.clone()))).collect();
            let used = Usage { cpu_units: number as u64 % 2, memory_mib: number as u64 % 2 };
            changes.extend((0..INSTANCES).map(|id| Change::Usage(InstanceId::from_u128(id), used)));
            let batch = Batch::from_changes(&changes);
            let started = Instant::now();
            self.store.commit(self.lease, &batch).await?;
            took += started.elapsed();
        }
        Ok(took)
    }

    async fn clean(&self, count: usize) -> Result<(), Error> {
        let tasks: Vec<Change> = (0..count).map(|number| Change::TaskRemoved(task_id(number))).collect();
        for tasks in tasks.chunks(self.batch) {
            self.store.commit(self.lease, &Batch::from_changes(tasks)).await?;
        }
        let instances = (0..INSTANCES).map(|id| Change::InstanceRemoved(InstanceId::from_u128(id)));
        self.store.commit(self.lease, &Batch::from_changes(&instances.collect::<Vec<_>>())).await
    }
}

/// Scattered over the whole range, as random ids are, and the same in every run.
fn task_id(number: usize) -> TaskId {
    let mixed = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    TaskId::from_u128(mixed ^ (mixed >> 67))
}

fn task(number: usize, definition: &TaskDefinitionId) -> Task {
    Task {
        id: task_id(number),
        instance: Some(InstanceId::from_u128(number as u128 % INSTANCES)),
        waiting: None,
        definition: definition.clone(),
        service: None,
        deployment: None,
        group: "family:bench".into(),
        started_by: Some("plimsoll bench".into()),
        launch_type: LaunchType::Ec2,
        capacity_provider: None,
        reserved: Reserved { cpu_units: CPU_UNITS, memory_mib: MEMORY_MIB, ports: Vec::new(), gpus: Vec::new() },
        overrides: None,
        enable_execute_command: false,
        created_at: Timestamp::from_millis(1_790_000_000_000),
        version: 1,
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Pending,
        health: HealthStatus::Unknown,
        stop_code: None,
        stopped_reason: None,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
        protected_until: None,
        containers: vec![Container::pending("main".into())],
        tags: Tags::new(),
    }
}

fn run(task: &mut Task) {
    let now = Some(task.created_at.plus_millis(1_500));
    task.version += 1;
    task.last_status = TaskStatus::Running;
    (task.pull_started_at, task.pull_stopped_at, task.started_at) = (now, now, now);
    for container in &mut task.containers {
        container.last_status = TaskStatus::Running;
        container.runtime_id = Some(format!("{:064x}", task.id.as_u128()).into());
        container.image_digest = Some("sha256:9d3f1c1e6e4f7b0a9c6f5d2f4c1b3a8e7d6c5b4a39281706f5e4d3c2b1a09f8e".into());
        let (container_port, host_port) = (80, 32_768);
        let bind_ip = "0.0.0.0".into();
        container.bindings = vec![NetworkBinding { bind_ip, container_port, host_port, protocol: Protocol::Tcp }];
    }
}

fn stop(task: &mut Task) {
    let now = Some(task.created_at.plus_millis(60_000));
    task.version += 1;
    task.desired_status = DesiredStatus::Stopped;
    task.last_status = TaskStatus::Stopped;
    task.stop_code = Some(StopCode::EssentialContainerExited);
    task.stopped_reason = Some("Essential container in task exited".into());
    (task.stopping_at, task.execution_stopped_at, task.stopped_at) = (now, now, now);
    for container in &mut task.containers {
        container.last_status = TaskStatus::Stopped;
        container.exit_code = Some(0);
    }
}

fn instance(id: u128) -> Instance {
    Instance {
        id: InstanceId::from_u128(id),
        status: InstanceStatus::Active,
        agent_connected: false,
        lost: false,
        base_version: 0,
        registered: Resources { cpu_units: CPU_UNITS, memory_mib: MEMORY_MIB, ..Resources::default() },
        attributes: [].into(),
        version_info: VersionInfo::default(),
        ec2_instance_id: "bench".into(),
        registered_at: Timestamp::ZERO,
        deregistered_at: None,
        tags: Tags::new(),
    }
}
