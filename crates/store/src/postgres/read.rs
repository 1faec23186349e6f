//! All rows of a cluster, streamed into an image.

use super::transaction::FENCE;
use crate::error::Error;
use crate::lease::Lease;
use crate::rows::{
    DEFINITION_COLUMNS, EventRow, ImageBuilder, TASK_COLUMNS, TokenRow, corrupt, integer, read_definition, read_task,
};
use crate::sql_error::while_doing;
use futures_util::TryStreamExt;
use plimsoll_model::{Image, InstanceId, Namespace, TaskDefinition, TaskDefinitionId, TaskId};
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use sqlx::{AssertSqlSafe, Row, query, raw_sql};
use uuid::Uuid;

const DOING: &str = "loading a cluster";

pub(super) async fn load(pool: &PgPool, lease: &Lease) -> Result<Image, Error> {
    let mut connection = pool.acquire().await.map_err(while_doing(DOING))?;
    // Should this end early, the connection is closed, and its snapshot with it.
    connection.close_on_drop();
    begin(&mut connection, lease).await?;
    let mut image = ImageBuilder::default();
    read_documents(&mut connection, lease.cluster_id, &mut image).await?;
    read_events_and_tokens(&mut connection, lease.cluster_id, &mut image).await?;
    read_tasks(&mut connection, lease.cluster_id, &mut image).await?;
    for definition in read_definitions(&mut connection, lease, &image.definitions_named()).await? {
        image.definition(definition);
    }
    image.finish()
}

/// Waits for the commits that are still on their way, then takes one snapshot for everything that is read.
///
/// A commit whose outcome its sender never heard of may still be running: it holds the fence's shared lock, so once
/// the exclusive lock was granted there is none. The snapshot must be younger than that, hence the second transaction.
async fn begin(connection: &mut PgConnection, lease: &Lease) -> Result<(), Error> {
    let cluster_id = lease.cluster_id;
    let sql = format!(
        "BEGIN; SELECT pg_advisory_xact_lock({FENCE}, {cluster_id}); COMMIT;
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT epoch FROM leases WHERE cluster_id = {cluster_id}"
    );
    let rows = raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(while_doing(DOING))?;
    let epoch = rows.get(1).map(|row| row.try_get::<i64, _>(0)).transpose().map_err(while_doing(DOING))?;
    if epoch == Some(integer(lease.epoch.0)) {
        return Ok(());
    }
    Err(Error::Fenced { cluster: lease.cluster.clone(), epoch: lease.epoch })
}

/// Streams a query's rows through `read`, which sees driver errors and ours alike.
macro_rules! each_row {
    ($connection:expr, $query:expr, |$row:ident| $read:expr) => {{
        let mut rows = $query.fetch(&mut *$connection);
        while let Some($row) = rows.try_next().await.map_err(while_doing(DOING))? {
            $read
        }
    }};
}

async fn read_documents(connection: &mut PgConnection, id: i32, image: &mut ImageBuilder) -> Result<(), Error> {
    let clusters = "SELECT document::text FROM clusters WHERE cluster_id = $1 AND document IS NOT NULL";
    each_row!(connection, query(clusters).bind(id), |row| image.cluster(get(&row, 0)?)?);

    let instances = "SELECT id, document::text FROM container_instances WHERE cluster_id = $1";
    each_row!(connection, query(instances).bind(id), |row| {
        let id = InstanceId::from_u128(get::<Uuid>(&row, 0)?.as_u128());
        image.instance(&id.to_string(), get(&row, 1)?)?;
    });
    let usage = "SELECT instance, cpu_units_used, memory_mib_used FROM instance_usage
                 WHERE cluster_id = $1 AND cpu_units_used IS NOT NULL AND memory_mib_used IS NOT NULL";
    each_row!(connection, query(usage).bind(id), |row| {
        let id = InstanceId::from_u128(get::<Uuid>(&row, 0)?.as_u128());
        image.usage(id, get(&row, 1)?, get(&row, 2)?)?;
    });
    let services = "SELECT name, document::text FROM services WHERE cluster_id = $1";
    each_row!(connection, query(services).bind(id), |row| image.service(get(&row, 0)?, get(&row, 1)?)?);

    let deployments = "SELECT id, document::text FROM deployments WHERE cluster_id = $1";
    each_row!(connection, query(deployments).bind(id), |row| image.deployment(get(&row, 0)?, get(&row, 1)?)?);

    let history = "SELECT id, document::text FROM service_deployments WHERE cluster_id = $1";
    each_row!(connection, query(history).bind(id), |row| image.service_deployment(get(&row, 0)?, get(&row, 1)?)?);
    Ok(())
}

async fn read_events_and_tokens(connection: &mut PgConnection, id: i32, image: &mut ImageBuilder) -> Result<(), Error> {
    let events = "SELECT service, sequence, id, created_at, message FROM service_events WHERE cluster_id = $1";
    each_row!(connection, query(events).bind(id), |row| {
        image.event(&EventRow {
            service: get(&row, 0)?,
            sequence: get(&row, 1)?,
            id: get::<Uuid>(&row, 2)?.as_u128(),
            created_at: get(&row, 3)?,
            message: get(&row, 4)?,
        })?;
    });
    let tokens = "SELECT operation, token, fingerprint, created_at, result::text FROM client_tokens
                  WHERE cluster_id = $1";
    each_row!(connection, query(tokens).bind(id), |row| {
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

async fn read_tasks(connection: &mut PgConnection, id: i32, image: &mut ImageBuilder) -> Result<(), Error> {
    let sql = format!("SELECT {TASK_COLUMNS} FROM tasks WHERE cluster_id = $1");
    each_row!(connection, query(AssertSqlSafe(sql)).bind(id), |row| {
        image.task(&task_row(&row).map_err(|error| corrupt("tasks", "unknown", error.into()))?)?;
    });
    Ok(())
}

async fn read_definitions(
    connection: &mut PgConnection,
    lease: &Lease,
    ids: &[TaskDefinitionId],
) -> Result<Vec<TaskDefinition>, Error> {
    let Namespace { account, region } = &lease.cluster.namespace;
    let sql = format!(
        "SELECT {DEFINITION_COLUMNS} FROM task_definitions
         WHERE account = $1 AND region = $2
             AND (family, revision) IN (SELECT * FROM UNNEST($3::text[], $4::bigint[]))"
    );
    let families: Vec<&str> = ids.iter().map(|id| id.family.as_str()).collect();
    let revisions: Vec<i64> = ids.iter().map(|id| id.revision.into()).collect();
    let query = query(AssertSqlSafe(sql)).bind(&**account).bind(&**region).bind(families).bind(revisions);
    let mut definitions = Vec::with_capacity(ids.len());
    each_row!(connection, query, |row| definitions.push(definition(&row)?));
    Ok(definitions)
}

pub(super) fn definition(row: &PgRow) -> Result<TaskDefinition, Error> {
    let read = || Ok::<_, sqlx::Error>(read_definition!(row));
    read().map_err(|error| corrupt("task_definitions", "unknown", error.into()))?.definition()
}

fn task_row(row: &PgRow) -> Result<crate::rows::TaskRow<'_>, sqlx::Error> {
    let id = TaskId::from_u128(row.try_get::<Uuid, _>(0)?.as_u128());
    let instance = InstanceId::from_u128(row.try_get::<Uuid, _>(1)?.as_u128());
    Ok(read_task!(row, id, instance))
}

fn get<'r, T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>>(
    row: &'r PgRow,
    column: usize,
) -> Result<T, Error> {
    row.try_get(column).map_err(while_doing(DOING))
}
