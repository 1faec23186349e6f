//! Task definitions: plain transactions, no lease.

use super::read::definition;
use crate::error::Error;
use crate::rows::{DEFINITION_COLUMNS, corrupt, json, text};
use crate::sql_error::while_doing;
use crate::{DefinitionQuery, FamilyQuery};
use plimsoll_model::{Family, Namespace, Tags, TaskDefinition, TaskDefinitionId, TaskDefinitionStatus, Timestamp};
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres, Row, query, query_scalar};
use std::sync::Arc;

const READING: &str = "reading task definitions";
const REGISTERING: &str = "registering a task definition";

/// The family's row is locked from here to the commit, so revisions have no gap and no order but that of commits
/// (I-27).
pub(super) async fn register(
    pool: &PgPool,
    namespace: &Namespace,
    mut row: TaskDefinition,
) -> Result<Arc<TaskDefinition>, Error> {
    let Namespace { account, region } = namespace;
    let failed = while_doing(REGISTERING);
    let mut transaction = pool.begin().await.map_err(&failed)?;
    let next = "INSERT INTO task_definition_families AS families (account, region, family, highest_revision)
                VALUES ($1, $2, $3, 1)
                ON CONFLICT (account, region, family) DO UPDATE SET highest_revision = families.highest_revision + 1
                RETURNING highest_revision";
    let next = query_scalar::<_, i64>(next).bind(&**account).bind(&**region).bind(row.id.family.as_str());
    let revision = next.fetch_one(&mut *transaction).await.map_err(&failed)?;
    row.id.revision =
        revision.try_into().map_err(|error| corrupt("task_definition_families", &row.id.family, Box::new(error)))?;
    let insert = "INSERT INTO task_definitions (account, region, family, revision, status, registered_at,
                      deregistered_at, registered_by, tags, requires_attributes, compatibilities, document)
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::json, $10::text::json, $11::text::json,
                      $12::text::json)";
    let insert = query(insert)
        .bind(&**account)
        .bind(&**region)
        .bind(row.id.family.as_str())
        .bind(revision)
        .bind(row.status.as_str())
        .bind(row.registered_at.as_millis())
        .bind(row.deregistered_at.map(Timestamp::as_millis))
        .bind(text(&row.registered_by))
        .bind(json(&row.tags))
        .bind(json(&row.requires_attributes))
        .bind(json(&row.compatibilities))
        .bind(json(&*row.document));
    insert.execute(&mut *transaction).await.map_err(&failed)?;
    transaction.commit().await.map_err(&failed)?;
    Ok(Arc::new(row))
}

pub(super) async fn get(
    pool: &PgPool,
    namespace: &Namespace,
    id: &TaskDefinitionId,
) -> Result<Option<Arc<TaskDefinition>>, Error> {
    let sql = format!(
        "SELECT {DEFINITION_COLUMNS} FROM task_definitions
         WHERE account = $1 AND region = $2 AND family = $3 AND revision = $4"
    );
    let query = of_family(query(AssertSqlSafe(sql)), namespace, &id.family).bind(i64::from(id.revision));
    one(query.fetch_optional(pool).await)
}

pub(super) async fn latest(
    pool: &PgPool,
    namespace: &Namespace,
    family: &Family,
) -> Result<Option<Arc<TaskDefinition>>, Error> {
    let sql = format!(
        "SELECT {DEFINITION_COLUMNS} FROM task_definitions
         WHERE account = $1 AND region = $2 AND family = $3 AND status = 'ACTIVE' ORDER BY revision DESC LIMIT 1"
    );
    one(of_family(query(AssertSqlSafe(sql)), namespace, family).fetch_optional(pool).await)
}

pub(super) async fn set_status(
    pool: &PgPool,
    namespace: &Namespace,
    id: &TaskDefinitionId,
    (status, at): (TaskDefinitionStatus, Timestamp),
) -> Result<Option<Arc<TaskDefinition>>, Error> {
    let sql = format!(
        "UPDATE task_definitions SET status = $5,
             deregistered_at = CASE WHEN $5 = 'ACTIVE' THEN deregistered_at ELSE COALESCE(deregistered_at, $6) END,
             delete_requested_at =
                 CASE WHEN $5 = 'DELETE_IN_PROGRESS' THEN COALESCE(delete_requested_at, $6) END
         WHERE account = $1 AND region = $2 AND family = $3 AND revision = $4 RETURNING {DEFINITION_COLUMNS}"
    );
    let query = of_family(query(AssertSqlSafe(sql)), namespace, &id.family)
        .bind(i64::from(id.revision))
        .bind(status.as_str())
        .bind(at.as_millis());
    one(query.fetch_optional(pool).await)
}

/// False when the tags are not those of before.
pub(super) async fn replace_tags(
    pool: &PgPool,
    namespace: &Namespace,
    id: &TaskDefinitionId,
    (before, after): (&Tags, &Tags),
) -> Result<bool, Error> {
    let sql = "UPDATE task_definitions SET tags = $6::text::json
               WHERE account = $1 AND region = $2 AND family = $3 AND revision = $4 AND tags::text = $5";
    let query = of_family(query(sql), namespace, &id.family).bind(i64::from(id.revision));
    let done = query.bind(json(before)).bind(json(after)).execute(pool).await;
    Ok(done.map_err(while_doing("tagging a task definition"))?.rows_affected() == 1)
}

/// TD-80: those to be deleted that no row of any cluster names.
pub(super) async fn delete_unused(
    pool: &PgPool,
    requested_before: Timestamp,
) -> Result<Vec<(Namespace, TaskDefinitionId)>, Error> {
    const DELETING: &str = "deleting task definitions";
    let unnamed_by = |table: &str| {
        format!(
            "NOT EXISTS (SELECT 1 FROM clusters JOIN {table} AS named USING (cluster_id)
                 WHERE clusters.account = task_definitions.account AND clusters.region = task_definitions.region
                     AND named.family = task_definitions.family AND named.revision = task_definitions.revision)"
        )
    };
    let unnamed = ["tasks", "services", "deployments"].map(unnamed_by).join(" AND ");
    let sql = format!(
        "DELETE FROM task_definitions
         WHERE status = 'DELETE_IN_PROGRESS' AND delete_requested_at < $1 AND {unnamed}
         RETURNING account, region, family, revision"
    );
    let query = query(AssertSqlSafe(sql)).bind(requested_before.as_millis());
    let rows = query.fetch_all(pool).await.map_err(while_doing(DELETING))?;
    let mut deleted = Vec::with_capacity(rows.len());
    for row in &rows {
        let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
        let (account, region, name, revision): (String, String, &str, i64) = read().map_err(while_doing(DELETING))?;
        let revision = revision.try_into().map_err(|error| corrupt("task_definitions", name, Box::new(error)))?;
        let namespace = Namespace { account: account.into(), region: region.into() };
        deleted.push((namespace, TaskDefinitionId { family: family(name)?, revision }));
    }
    Ok(deleted)
}

pub(super) async fn list(
    pool: &PgPool,
    namespace: &Namespace,
    wanted: &DefinitionQuery,
) -> Result<Vec<TaskDefinitionId>, Error> {
    let sql = "SELECT family, revision FROM task_definitions
               WHERE account = $1 AND region = $2 AND ($3::text IS NULL OR family = $3) AND status = $4";
    let query = query(sql)
        .bind(&*namespace.account)
        .bind(&*namespace.region)
        .bind(wanted.family.as_ref().map(Family::as_str))
        .bind(wanted.status.as_str());
    let rows = query.fetch_all(pool).await.map_err(while_doing(READING))?;
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        let (name, revision) = two::<i64>(row)?;
        let revision = revision.try_into().map_err(|error| corrupt("task_definitions", name, Box::new(error)))?;
        ids.push(TaskDefinitionId { family: family(name)?, revision });
    }
    wanted.sort(&mut ids);
    Ok(ids)
}

pub(super) async fn families(pool: &PgPool, namespace: &Namespace, wanted: &FamilyQuery) -> Result<Vec<Family>, Error> {
    let sql = "SELECT family, bool_or(status = 'ACTIVE') FROM task_definitions
               WHERE account = $1 AND region = $2 AND starts_with(family, $3) GROUP BY family";
    let query = query(sql).bind(&*namespace.account).bind(&*namespace.region).bind(text(&wanted.prefix));
    let rows = query.fetch_all(pool).await.map_err(while_doing(READING))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let (name, active) = two::<bool>(row)?;
        found.push((family(name)?, active));
    }
    Ok(wanted.pick(found))
}

fn of_family<'q>(
    query: Query<'q, Postgres, PgArguments>,
    namespace: &Namespace,
    family: &Family,
) -> Query<'q, Postgres, PgArguments> {
    query.bind(&*namespace.account).bind(&*namespace.region).bind(family.as_str())
}

fn one(found: Result<Option<PgRow>, sqlx::Error>) -> Result<Option<Arc<TaskDefinition>>, Error> {
    let row = found.map_err(while_doing(READING))?;
    row.map(|row| definition(&row).map(Arc::new)).transpose()
}

fn two<'r, T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>>(row: &'r PgRow) -> Result<(&'r str, T), Error> {
    let columns = || Ok((row.try_get(0)?, row.try_get(1)?));
    columns().map_err(while_doing(READING))
}

fn family(name: &str) -> Result<Family, Error> {
    Family::parse(name).map_err(|error| corrupt("task_definitions", name, error.into()))
}
