//! All rows of a cluster, streamed into an image.

use crate::error::Error;
use crate::lease::Lease;
use crate::rows::{
    DEFINITION_COLUMNS, EventRow, ImageBuilder, TASK_COLUMNS, TaskRow, TokenRow, corrupt, id, json, read_definition,
    read_task,
};
use crate::sql_error::while_doing;
use futures_util::TryStreamExt;
use plimsoll_model::{Image, Namespace, TaskDefinition, TaskDefinitionId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row, query};

const DOING: &str = "loading a cluster";

/// Streams a query's rows through `read`, which sees driver errors and ours alike.
macro_rules! each_row {
    ($connection:expr, $query:expr, |$row:ident| $read:expr) => {{
        let mut rows = $query.fetch(&mut *$connection);
        while let Some($row) = rows.try_next().await.map_err(while_doing(DOING))? {
            $read
        }
    }};
}
pub(super) async fn load(connection: &mut SqliteConnection, lease: &Lease) -> Result<Image, Error> {
    let mut image = ImageBuilder::default();
    read_documents(connection, lease.cluster_id, &mut image).await?;
    read_events_and_tokens(connection, lease.cluster_id, &mut image).await?;
    let tasks = format!("SELECT {TASK_COLUMNS} FROM tasks WHERE cluster_id = ?1");
    each_row!(connection, query(AssertSqlSafe(tasks)).bind(lease.cluster_id), |row| image.task(&task_row(&row)?)?);
    for definition in read_definitions(connection, lease, &image.definitions_named()).await? {
        image.definition(definition);
    }
    image.finish()
}

async fn read_documents(
    connection: &mut SqliteConnection,
    cluster: i32,
    image: &mut ImageBuilder,
) -> Result<(), Error> {
    let clusters = "SELECT document FROM clusters WHERE cluster_id = ?1 AND document IS NOT NULL";
    each_row!(connection, query(clusters).bind(cluster), |row| image.cluster(get(&row, 0)?)?);

    let instances = "SELECT id, document FROM container_instances WHERE cluster_id = ?1";
    each_row!(connection, query(instances).bind(cluster), |row| image.instance(get(&row, 0)?, get(&row, 1)?)?);

    let usage = "SELECT instance, cpu_units_used, memory_mib_used FROM instance_usage
                 WHERE cluster_id = ?1 AND cpu_units_used IS NOT NULL AND memory_mib_used IS NOT NULL";
    each_row!(connection, query(usage).bind(cluster), |row| {
        image.usage(id("instance_usage", get(&row, 0)?)?, get(&row, 1)?, get(&row, 2)?)?;
    });
    let services = "SELECT name, document FROM services WHERE cluster_id = ?1";
    each_row!(connection, query(services).bind(cluster), |row| image.service(get(&row, 0)?, get(&row, 1)?)?);

    let deployments = "SELECT id, document FROM deployments WHERE cluster_id = ?1";
    each_row!(connection, query(deployments).bind(cluster), |row| image.deployment(get(&row, 0)?, get(&row, 1)?)?);

    let history = "SELECT id, document FROM service_deployments WHERE cluster_id = ?1";
    each_row!(connection, query(history).bind(cluster), |row| {
        image.service_deployment(get(&row, 0)?, get(&row, 1)?)?;
    });
    Ok(())
}

async fn read_events_and_tokens(
    connection: &mut SqliteConnection,
    cluster: i32,
    image: &mut ImageBuilder,
) -> Result<(), Error> {
    let events = "SELECT service, sequence, id, created_at, message FROM service_events WHERE cluster_id = ?1";
    each_row!(connection, query(events).bind(cluster), |row| {
        let hex: &str = get(&row, 2)?;
        let id = u128::from_str_radix(hex, 16).map_err(|error| corrupt("service_events", hex, error.into()))?;
        image.event(&EventRow {
            service: get(&row, 0)?,
            sequence: get(&row, 1)?,
            id,
            created_at: get(&row, 3)?,
            message: get(&row, 4)?,
        })?;
    });
    let tokens = "SELECT operation, token, fingerprint, created_at, result FROM client_tokens WHERE cluster_id = ?1";
    each_row!(connection, query(tokens).bind(cluster), |row| {
        image.token(&TokenRow {
            operation: get(&row, 0)?,
            token: get(&row, 1)?,
            fingerprint: get(&row, 2)?,
            created_at: get(&row, 3)?,
            result: get(&row, 4)?,
        })?;
    });
    Ok(())
}

async fn read_definitions(
    connection: &mut SqliteConnection,
    lease: &Lease,
    ids: &[TaskDefinitionId],
) -> Result<Vec<TaskDefinition>, Error> {
    let Namespace { account, region } = &lease.cluster.namespace;
    let sql = format!(
        "SELECT {DEFINITION_COLUMNS} FROM task_definitions
         WHERE account = ?1 AND region = ?2
             AND (family, revision) IN (SELECT value ->> 'family', value ->> 'revision' FROM json_each(?3))"
    );
    let query = query(AssertSqlSafe(sql)).bind(&**account).bind(&**region).bind(json(ids));
    let mut definitions = Vec::with_capacity(ids.len());
    each_row!(connection, query, |row| definitions.push(definition(&row)?));
    Ok(definitions)
}

pub(super) fn definition(row: &SqliteRow) -> Result<TaskDefinition, Error> {
    let read = || Ok::<_, sqlx::Error>(read_definition!(row));
    read().map_err(|error| corrupt("task_definitions", "unknown", error.into()))?.definition()
}

fn task_row(row: &SqliteRow) -> Result<TaskRow<'_>, Error> {
    let task = id("tasks", get(row, 0)?)?;
    let instance = id("tasks", get(row, 1)?)?;
    let read = || Ok::<_, sqlx::Error>(read_task!(row, task, instance));
    read().map_err(|error| corrupt("tasks", task, error.into()))
}

fn get<'r, T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
    row: &'r SqliteRow,
    column: usize,
) -> Result<T, Error> {
    row.try_get(column).map_err(while_doing(DOING))
}
