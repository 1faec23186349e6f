//! Tasks turned on their side: one array per column, the form in which PostgreSQL takes many rows in one statement.

use super::write::uuid;
use crate::rows::{instance_column, integer, json, json_if, text};
use plimsoll_model::{Task, Timestamp};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Postgres, query};
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Default)]
pub(super) struct TaskColumns<'a> {
    id: Vec<Uuid>,
    fixed: Fixed<'a>,
    version: Vec<i64>,
    desired_status: Vec<&'static str>,
    last_status: Vec<&'static str>,
    health: Vec<&'static str>,
    stop_code: Vec<Option<&'static str>>,
    stopped_reason: Vec<Option<Cow<'a, str>>>,
    pull_started_at: Vec<Option<i64>>,
    pull_stopped_at: Vec<Option<i64>>,
    started_at: Vec<Option<i64>>,
    stopping_at: Vec<Option<i64>>,
    execution_stopped_at: Vec<Option<i64>>,
    stopped_at: Vec<Option<i64>>,
    containers: Vec<String>,
    tags: Vec<Option<String>>,
    protected_until: Vec<Option<i64>>,
}

/// Written once, when the task is created; some of them again when one that waited has its place.
#[derive(Default)]
struct Fixed<'a> {
    instance: Vec<Uuid>,
    family: Vec<&'a str>,
    revision: Vec<i64>,
    service: Vec<Option<&'a str>>,
    deployment: Vec<Option<i64>>,
    task_group: Vec<Cow<'a, str>>,
    started_by: Vec<Option<Cow<'a, str>>>,
    launch_type: Vec<&'static str>,
    cpu_units: Vec<i64>,
    memory_mib: Vec<i64>,
    ports: Vec<Option<String>>,
    gpus: Vec<Option<String>>,
    overrides: Vec<Option<String>>,
    enable_execute_command: Vec<bool>,
    created_at: Vec<i64>,
    capacity_provider: Vec<Option<Cow<'a, str>>>,
    waiting: Vec<Option<String>>,
}

impl<'a> TaskColumns<'a> {
    pub fn of(tasks: impl Iterator<Item = &'a Arc<Task>>) -> Self {
        let mut columns = TaskColumns::default();
        for task in tasks {
            columns.fixed.push(task);
            columns.push(task);
        }
        columns
    }

    pub fn changing(tasks: impl Iterator<Item = &'a Arc<Task>>) -> Self {
        let mut columns = TaskColumns::default();
        tasks.for_each(|task| columns.push(task));
        columns
    }

    fn push(&mut self, task: &'a Task) {
        let millis = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        self.id.push(uuid(task.id.as_u128()));
        self.version.push(integer(task.version));
        self.desired_status.push(task.desired_status.as_str());
        self.last_status.push(task.last_status.as_str());
        self.health.push(task.health.as_str());
        self.stop_code.push(task.stop_code.map(|code| code.as_str()));
        self.stopped_reason.push(task.stopped_reason.as_deref().map(text));
        self.pull_started_at.push(millis(task.pull_started_at));
        self.pull_stopped_at.push(millis(task.pull_stopped_at));
        self.started_at.push(millis(task.started_at));
        self.stopping_at.push(millis(task.stopping_at));
        self.execution_stopped_at.push(millis(task.execution_stopped_at));
        self.stopped_at.push(millis(task.stopped_at));
        self.containers.push(json(&task.containers));
        self.tags.push(json_if(!task.tags.is_empty(), &task.tags));
        self.protected_until.push(millis(task.protected_until));
    }

    pub fn insert(self, cluster_id: i32) -> Query<'static, Postgres, PgArguments> {
        let sql = "INSERT INTO tasks (cluster_id, id, version, desired_status, last_status, health, stop_code,
                       stopped_reason, pull_started_at, pull_stopped_at, started_at, stopping_at,
                       execution_stopped_at, stopped_at, containers, tags, protected_until, instance, family, revision,
                       service, deployment, task_group, started_by, launch_type, cpu_units, memory_mib, ports, gpus, overrides,
                       enable_execute_command, created_at, capacity_provider, waiting)
                   SELECT $1, id, version, desired_status, last_status, health, stop_code, stopped_reason,
                       pull_started_at, pull_stopped_at, started_at, stopping_at, execution_stopped_at, stopped_at,
                       containers::json, tags::json, protected_until, instance, family, revision, service, deployment,
                       task_group, started_by, launch_type, cpu_units, memory_mib, ports::json, gpus::json, overrides::json,
                       enable_execute_command, created_at, capacity_provider, waiting::json
                   FROM UNNEST($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                       $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
                       $15::text[], $16::text[], $17::bigint[], $18::uuid[], $19::text[], $20::bigint[], $21::text[],
                       $22::bigint[], $23::text[], $24::text[], $25::text[], $26::bigint[], $27::bigint[], $28::text[], $29::text[],
                       $30::text[], $31::boolean[], $32::bigint[], $33::text[], $34::text[])
                   AS put (id, version, desired_status, last_status, health, stop_code, stopped_reason,
                       pull_started_at, pull_stopped_at, started_at, stopping_at, execution_stopped_at, stopped_at,
                       containers, tags, protected_until, instance, family, revision, service, deployment, task_group,
                       started_by, launch_type, cpu_units, memory_mib, ports, gpus, overrides, enable_execute_command,
                       created_at, capacity_provider, waiting)";
        let (statement, fixed) = self.bind_changing(query(sql).bind(cluster_id));
        fixed.bind(statement)
    }

    /// Each row is looked up by its key, and then written where it was found. A plain join leaves the planner the
    /// choice to walk all tasks of the cluster and compare each with the arrays, which it takes when its statistics
    /// are from a time when there were few. Nothing moves a row in between: the fence keeps every other writer out.
    pub fn update(self, cluster_id: i32) -> Query<'static, Postgres, PgArguments> {
        let sql = "UPDATE tasks SET version = put.version, desired_status = put.desired_status,
                       last_status = put.last_status, health = put.health, stop_code = put.stop_code,
                       stopped_reason = put.stopped_reason, pull_started_at = put.pull_started_at,
                       pull_stopped_at = put.pull_stopped_at, started_at = put.started_at,
                       stopping_at = put.stopping_at, execution_stopped_at = put.execution_stopped_at,
                       stopped_at = put.stopped_at, containers = put.containers::json, tags = put.tags::json,
                       protected_until = put.protected_until
                   FROM (
                       SELECT *, (SELECT ctid FROM tasks AS old WHERE old.cluster_id = $1 AND old.id = given.id) AS place
                       FROM UNNEST($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                           $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
                           $14::bigint[], $15::text[], $16::text[], $17::bigint[])
                       AS given (id, version, desired_status, last_status, health, stop_code, stopped_reason,
                           pull_started_at, pull_stopped_at, started_at, stopping_at, execution_stopped_at, stopped_at,
                           containers, tags, protected_until)
                   ) AS put
                   WHERE tasks.ctid = put.place";
        self.bind_changing(query(sql).bind(cluster_id)).0
    }

    /// What follows from the place of tasks that have waited for it.
    pub fn place(self, cluster_id: i32) -> Query<'static, Postgres, PgArguments> {
        let sql = "UPDATE tasks SET instance = put.instance, cpu_units = put.cpu_units, memory_mib = put.memory_mib,
                       ports = put.ports::json, gpus = put.gpus::json, waiting = NULL
                   FROM (
                       SELECT *, (SELECT ctid FROM tasks AS old WHERE old.cluster_id = $1 AND old.id = given.id) AS place
                       FROM UNNEST($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::text[])
                       AS given (id, instance, cpu_units, memory_mib, ports, gpus)
                   ) AS put
                   WHERE tasks.ctid = put.place";
        let Fixed { instance, cpu_units, memory_mib, ports, gpus, .. } = self.fixed;
        let statement = query(sql).bind(cluster_id).bind(self.id).bind(instance);
        statement.bind(cpu_units).bind(memory_mib).bind(ports).bind(gpus)
    }

    /// In the order of `$2` to `$17`.
    fn bind_changing(
        self,
        statement: Query<'static, Postgres, PgArguments>,
    ) -> (Query<'static, Postgres, PgArguments>, Fixed<'a>) {
        let statement = statement
            .bind(self.id)
            .bind(self.version)
            .bind(self.desired_status)
            .bind(self.last_status)
            .bind(self.health)
            .bind(self.stop_code)
            .bind(self.stopped_reason)
            .bind(self.pull_started_at)
            .bind(self.pull_stopped_at)
            .bind(self.started_at)
            .bind(self.stopping_at)
            .bind(self.execution_stopped_at)
            .bind(self.stopped_at)
            .bind(self.containers)
            .bind(self.tags)
            .bind(self.protected_until);
        (statement, self.fixed)
    }
}

impl<'a> Fixed<'a> {
    fn push(&mut self, task: &'a Task) {
        self.instance.push(uuid(instance_column(task).as_u128()));
        self.family.push(task.definition.family.as_str());
        self.revision.push(task.definition.revision.into());
        self.service.push(task.service.as_ref().map(|service| service.as_str()));
        self.deployment.push(task.deployment.map(|deployment| integer(deployment.as_u64())));
        self.task_group.push(text(&task.group));
        self.started_by.push(task.started_by.as_deref().map(text));
        self.launch_type.push(task.launch_type.as_str());
        self.cpu_units.push(task.reserved.cpu_units.into());
        self.memory_mib.push(task.reserved.memory_mib.into());
        self.ports.push(json_if(!task.reserved.ports.is_empty(), &task.reserved.ports));
        self.gpus.push(json_if(!task.reserved.gpus.is_empty(), &task.reserved.gpus));
        self.overrides.push(task.overrides.as_ref().map(|overrides| json(&**overrides)));
        self.enable_execute_command.push(task.enable_execute_command);
        self.created_at.push(task.created_at.as_millis());
        self.capacity_provider.push(task.capacity_provider.as_deref().map(text));
        self.waiting.push(task.waiting.as_ref().map(|waiting| json(&**waiting)));
    }

    /// In the order of `$18` to `$34`.
    fn bind(self, statement: Query<'static, Postgres, PgArguments>) -> Query<'static, Postgres, PgArguments> {
        statement
            .bind(self.instance)
            .bind(self.family)
            .bind(self.revision)
            .bind(self.service)
            .bind(self.deployment)
            .bind(self.task_group)
            .bind(self.started_by)
            .bind(self.launch_type)
            .bind(self.cpu_units)
            .bind(self.memory_mib)
            .bind(self.ports)
            .bind(self.gpus)
            .bind(self.overrides)
            .bind(self.enable_execute_command)
            .bind(self.created_at)
            .bind(self.capacity_provider)
            .bind(self.waiting)
    }
}
