//! A batch as a handful of statements, whatever its size: each takes its rows as one JSON array of arrays.
//!
//! Statements that change rows find them by key first and write by rowid: a plain join leaves SQLite the choice to
//! walk all rows of the cluster and compare each with the array.
//! Rows are taken away before rows are put, so that one batch can hand a port or a key from one row to the next.

use crate::error::Error;
use crate::rows::{PortChanges, UsageChanges, instance_column, json};
use crate::sql_error::while_doing;
use plimsoll_model::{Batch, InstanceId, PortClaim, Task, TaskId};
use serde::ser::{Serialize, SerializeSeq, Serializer};
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

pub(super) async fn write(connection: &mut SqliteConnection, cluster_id: i32, batch: &Batch) -> Result<(), Error> {
    let mut writer = Writer { connection, cluster_id };
    let ports = PortChanges::of(batch);
    writer.remove_rows(batch, &ports).await?;
    writer.put_documents(batch).await?;
    writer.put_usage(&UsageChanges::of(batch)).await?;
    writer.put_tasks(batch).await?;
    writer.run(TAKE_PORTS, &port_rows(&ports.taken)).await?;
    writer.put_events_and_tokens(batch).await
}

const FREE_PORTS: &str = "DELETE FROM host_ports WHERE cluster_id = ?1 AND (instance, protocol, port, task) IN
    (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2))";
/// A task that is removed without having been STOPPED still holds its ports.
const FREE_PORTS_OF_TASKS: &str = "DELETE FROM host_ports WHERE cluster_id = ?1 AND (instance, task) IN
    (SELECT instance, id FROM tasks
     WHERE cluster_id = ?1 AND id IN (SELECT value FROM json_each(?2)) AND last_status <> 'STOPPED')";
const REMOVE_TASKS: &str = "DELETE FROM tasks WHERE cluster_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const REMOVE_INSTANCES: &str =
    "DELETE FROM container_instances WHERE cluster_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const REMOVE_USAGE: &str =
    "DELETE FROM instance_usage WHERE cluster_id = ?1 AND instance IN (SELECT value FROM json_each(?2))";
const REMOVE_SERVICES: &str =
    "DELETE FROM services WHERE cluster_id = ?1 AND name IN (SELECT value FROM json_each(?2))";
const REMOVE_DEPLOYMENTS: &str =
    "DELETE FROM deployments WHERE cluster_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const REMOVE_SERVICE_DEPLOYMENTS: &str =
    "DELETE FROM service_deployments WHERE cluster_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const REMOVE_EVENTS: &str = "DELETE FROM service_events WHERE cluster_id = ?1 AND (service, sequence) IN
    (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";
const REMOVE_TOKENS: &str = "DELETE FROM client_tokens WHERE cluster_id = ?1 AND (operation, token) IN
    (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";

const PUT_CLUSTER: &str = "UPDATE clusters SET document = ?2 WHERE cluster_id = ?1";
const PUT_INSTANCES: &str = "INSERT INTO container_instances (cluster_id, id, document)
    SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, id) DO UPDATE SET document = excluded.document";
const PUT_SERVICES: &str = "INSERT INTO services (cluster_id, name, document)
    SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, name) DO UPDATE SET document = excluded.document";
const PUT_DEPLOYMENTS: &str = "INSERT INTO deployments (cluster_id, id, document)
    SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, id) DO UPDATE SET document = excluded.document";
const PUT_SERVICE_DEPLOYMENTS: &str = "INSERT INTO service_deployments (cluster_id, id, document)
    SELECT ?1, value ->> 0, value ->> 1 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, id) DO UPDATE SET document = excluded.document";

const PUT_CAPACITY_AND_USE: &str = "INSERT INTO instance_usage
        (cluster_id, instance, cpu_units_capacity, memory_mib_capacity, cpu_units_used, memory_mib_used)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, instance) DO UPDATE SET
        cpu_units_capacity = excluded.cpu_units_capacity, memory_mib_capacity = excluded.memory_mib_capacity,
        cpu_units_used = excluded.cpu_units_used, memory_mib_used = excluded.memory_mib_used";
const PUT_CAPACITY: &str = "INSERT INTO instance_usage
        (cluster_id, instance, cpu_units_capacity, memory_mib_capacity)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, instance) DO UPDATE SET
        cpu_units_capacity = excluded.cpu_units_capacity, memory_mib_capacity = excluded.memory_mib_capacity";
const PUT_USE: &str = "UPDATE instance_usage SET cpu_units_used = used.cpu_units, memory_mib_used = used.memory_mib
    FROM (SELECT value ->> 1 AS cpu_units, value ->> 2 AS memory_mib,
              (SELECT rowid FROM instance_usage AS old WHERE old.cluster_id = ?1 AND old.instance = value ->> 0) AS place
          FROM json_each(?2)) AS used
    WHERE instance_usage.rowid = used.place";

const CREATE_TASKS: &str = "INSERT INTO tasks (cluster_id, id, version, desired_status, last_status, health, stop_code,
        stopped_reason, pull_started_at, pull_stopped_at, started_at, stopping_at, execution_stopped_at, stopped_at,
        containers, tags, protected_until, instance, family, revision, service, deployment, task_group, started_by, launch_type,
        cpu_units, memory_mib, ports, gpus, overrides, enable_execute_command, created_at, capacity_provider,
        waiting)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
        value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, value ->> 21, value ->> 22, value ->> 23,
        value ->> 24, value ->> 25, value ->> 26, value ->> 27, value ->> 28, value ->> 29, value ->> 30, value ->> 31,
        value ->> 32
    FROM json_each(?2)";
const UPDATE_TASKS: &str = "UPDATE tasks SET version = put.value ->> 1, desired_status = put.value ->> 2,
        last_status = put.value ->> 3, health = put.value ->> 4, stop_code = put.value ->> 5,
        stopped_reason = put.value ->> 6, pull_started_at = put.value ->> 7, pull_stopped_at = put.value ->> 8,
        started_at = put.value ->> 9, stopping_at = put.value ->> 10, execution_stopped_at = put.value ->> 11,
        stopped_at = put.value ->> 12, containers = put.value ->> 13, tags = put.value ->> 14,
        protected_until = put.value ->> 15
    FROM (SELECT value,
              (SELECT rowid FROM tasks AS old WHERE old.cluster_id = ?1 AND old.id = value ->> 0) AS place
          FROM json_each(?2)) AS put
    WHERE tasks.rowid = put.place";

/// What follows from the place of a task that has waited for it.
const PLACE_TASKS: &str = "UPDATE tasks SET instance = put.value ->> 1, cpu_units = put.value ->> 2,
        memory_mib = put.value ->> 3, ports = put.value ->> 4, gpus = put.value ->> 5, waiting = NULL
    FROM (SELECT value,
              (SELECT rowid FROM tasks AS old WHERE old.cluster_id = ?1 AND old.id = value ->> 0) AS place
          FROM json_each(?2)) AS put
    WHERE tasks.rowid = put.place";

const TAKE_PORTS: &str = "INSERT INTO host_ports (cluster_id, instance, protocol, port, task)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?2)";

const PUT_EVENTS: &str = "INSERT INTO service_events (cluster_id, service, sequence, id, created_at, message)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, service, sequence) DO UPDATE SET
        id = excluded.id, created_at = excluded.created_at, message = excluded.message";
const PUT_TOKENS: &str = "INSERT INTO client_tokens (cluster_id, operation, token, fingerprint, created_at, result)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?2) WHERE true
    ON CONFLICT (cluster_id, operation, token) DO UPDATE SET
        fingerprint = excluded.fingerprint, created_at = excluded.created_at, result = excluded.result";

struct Writer<'c> {
    connection: &'c mut SqliteConnection,
    cluster_id: i32,
}

impl Writer<'_> {
    /// Returns how many rows changed; nothing is sent for no rows.
    async fn run<T: Serialize>(&mut self, sql: &'static str, rows: &[T]) -> Result<u64, Error> {
        if rows.is_empty() {
            return Ok(0);
        }
        let statement = query(sql).bind(self.cluster_id).bind(json(rows));
        let done = statement.execute(&mut *self.connection).await.map_err(while_doing("writing a batch"))?;
        Ok(done.rows_affected())
    }

    async fn remove_rows(&mut self, batch: &Batch, ports: &PortChanges) -> Result<(), Error> {
        self.run(FREE_PORTS, &port_rows(&ports.freed)).await?;
        let tasks = list(&batch.tasks_removed);
        self.run(FREE_PORTS_OF_TASKS, &tasks).await?;
        self.run(REMOVE_TASKS, &tasks).await?;
        let instances = list(&batch.instances_removed);
        self.run(REMOVE_USAGE, &instances).await?;
        self.run(REMOVE_INSTANCES, &instances).await?;
        self.run(REMOVE_SERVICES, &list(&batch.services_removed)).await?;
        self.run(REMOVE_DEPLOYMENTS, &list(&batch.deployments_removed)).await?;
        self.run(REMOVE_SERVICE_DEPLOYMENTS, &list(&batch.service_deployments_removed)).await?;
        self.run(REMOVE_EVENTS, &list(&batch.events_removed)).await?;
        self.run(REMOVE_TOKENS, &list(&batch.tokens_removed)).await?;
        Ok(())
    }

    /// Rows that change seldom and are kept as one document each.
    async fn put_documents(&mut self, batch: &Batch) -> Result<(), Error> {
        if let Some(cluster) = &batch.cluster {
            let statement = query(PUT_CLUSTER).bind(self.cluster_id).bind(json(&**cluster));
            statement.execute(&mut *self.connection).await.map_err(while_doing("writing a batch"))?;
        }
        self.run(PUT_INSTANCES, &list(&batch.instances)).await?;
        self.run(PUT_SERVICES, &list(&batch.services)).await?;
        self.run(PUT_DEPLOYMENTS, &list(&batch.deployments)).await?;
        self.run(PUT_SERVICE_DEPLOYMENTS, &list(&batch.service_deployments)).await?;
        Ok(())
    }

    async fn put_usage(&mut self, changes: &UsageChanges) -> Result<(), Error> {
        let both = changes.both.iter().map(|row| {
            let (capacity, used) = (&row.capacity, &row.used);
            (capacity.instance, capacity.cpu_units, capacity.memory_mib, used.cpu_units, used.memory_mib)
        });
        self.run(PUT_CAPACITY_AND_USE, &list(both)).await?;
        let capacity = changes.capacity.iter().map(|row| (row.instance, row.cpu_units, row.memory_mib));
        self.run(PUT_CAPACITY, &list(capacity)).await?;
        let used = changes.used.iter().map(|row| (row.instance, row.cpu_units, row.memory_mib));
        let updated = self.run(PUT_USE, &list(used)).await?;
        crate::rows::all_found("instance_usage", updated, changes.used.len())
    }

    async fn put_tasks(&mut self, batch: &Batch) -> Result<(), Error> {
        self.run(CREATE_TASKS, &list(batch.tasks_created.values().map(|task| Created(task)))).await?;
        let updated = self.run(UPDATE_TASKS, &list(batch.tasks_updated.values().map(|task| Updated(task)))).await?;
        crate::rows::all_found("tasks", updated, batch.tasks_updated.len())?;
        let placed = batch.tasks_placed.iter().filter_map(|id| batch.tasks_updated.get(id));
        self.run(PLACE_TASKS, &list(placed.map(|task| Placed(task)))).await?;
        Ok(())
    }

    async fn put_events_and_tokens(&mut self, batch: &Batch) -> Result<(), Error> {
        let events = batch.events.values();
        let events =
            events.map(|row| (&row.service, row.sequence, format!("{:032x}", row.id), row.created_at, &row.message));
        self.run(PUT_EVENTS, &list(events)).await?;
        let tokens = batch
            .tokens
            .values()
            .map(|row| (&row.token.operation, &row.token.token, &row.token.fingerprint, row.created_at, &row.result));
        self.run(PUT_TOKENS, &list(tokens)).await?;
        Ok(())
    }
}

fn list<T>(rows: impl IntoIterator<Item = T>) -> Vec<T> {
    rows.into_iter().collect()
}

fn port_rows(ports: &[(InstanceId, PortClaim, TaskId)]) -> Vec<(InstanceId, &'static str, u16, TaskId)> {
    ports.iter().map(|(instance, claim, task)| (*instance, claim.protocol.as_str(), claim.port, *task)).collect()
}

/// All columns, in the order of [`CREATE_TASKS`].
struct Created<'a>(&'a Task);

/// The columns that change, in the order of [`UPDATE_TASKS`].
struct Updated<'a>(&'a Task);

impl Serialize for Updated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        changing(&mut row, self.0)?;
        row.end()
    }
}

/// The columns that follow from a place, in the order of [`PLACE_TASKS`].
struct Placed<'a>(&'a Task);

impl Serialize for Placed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        row.serialize_element(&self.0.id)?;
        row.serialize_element(&instance_column(self.0))?;
        reserved(&mut row, self.0)?;
        row.end()
    }
}

impl Serialize for Created<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let task = self.0;
        let mut row = serializer.serialize_seq(None)?;
        changing(&mut row, task)?;
        row.serialize_element(&instance_column(task))?;
        row.serialize_element(&task.definition.family)?;
        row.serialize_element(&task.definition.revision)?;
        row.serialize_element(&task.service)?;
        row.serialize_element(&task.deployment)?;
        row.serialize_element(&task.group)?;
        row.serialize_element(&task.started_by)?;
        row.serialize_element(&task.launch_type)?;
        reserved(&mut row, task)?;
        row.serialize_element(&task.overrides)?;
        row.serialize_element(&task.enable_execute_command)?;
        row.serialize_element(&task.created_at)?;
        row.serialize_element(&task.capacity_provider)?;
        row.serialize_element(&task.waiting)?;
        row.end()
    }
}

fn reserved<S: SerializeSeq>(row: &mut S, task: &Task) -> Result<(), S::Error> {
    row.serialize_element(&task.reserved.cpu_units)?;
    row.serialize_element(&task.reserved.memory_mib)?;
    row.serialize_element(&Some(&task.reserved.ports).filter(|ports| !ports.is_empty()))?;
    row.serialize_element(&Some(&task.reserved.gpus).filter(|gpus| !gpus.is_empty()))
}

fn changing<S: SerializeSeq>(row: &mut S, task: &Task) -> Result<(), S::Error> {
    row.serialize_element(&task.id)?;
    row.serialize_element(&task.version)?;
    row.serialize_element(&task.desired_status)?;
    row.serialize_element(&task.last_status)?;
    row.serialize_element(&task.health)?;
    row.serialize_element(&task.stop_code)?;
    row.serialize_element(&task.stopped_reason)?;
    row.serialize_element(&task.pull_started_at)?;
    row.serialize_element(&task.pull_stopped_at)?;
    row.serialize_element(&task.started_at)?;
    row.serialize_element(&task.stopping_at)?;
    row.serialize_element(&task.execution_stopped_at)?;
    row.serialize_element(&task.stopped_at)?;
    row.serialize_element(&task.containers)?;
    row.serialize_element(&Some(&task.tags).filter(|tags| !tags.is_empty()))?;
    row.serialize_element(&task.protected_until)
}
