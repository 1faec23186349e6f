//! Capacity providers: plain transactions, no lease.

use crate::ProviderDeletion;
use crate::capacity_providers::{read, read_cluster};
use crate::error::Error;
use crate::rows::{integer, json};
use crate::sql_error::while_doing;
use plimsoll_model::{CapacityProvider, Namespace};
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{Row, query, query_scalar};
use std::sync::Arc;

const READING: &str = "reading capacity providers";
const WRITING: &str = "writing a capacity provider";
const DELETING: &str = "deleting a capacity provider";

pub(super) async fn create(pool: &PgPool, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
    let insert = "INSERT INTO capacity_providers (account, region, name, version, document)
                  VALUES ($1, $2, $3, $4, $5::text::json) ON CONFLICT (account, region, name) DO NOTHING";
    let insert = query(insert)
        .bind(&*namespace.account)
        .bind(&*namespace.region)
        .bind(&*row.name)
        .bind(integer(row.version))
        .bind(json(row));
    let done = insert.execute(pool).await.map_err(while_doing(WRITING))?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn replace(pool: &PgPool, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
    let update = "UPDATE capacity_providers SET version = $4, document = $5::text::json
                  WHERE account = $1 AND region = $2 AND name = $3 AND version = $4 - 1";
    let update = query(update)
        .bind(&*namespace.account)
        .bind(&*namespace.region)
        .bind(&*row.name)
        .bind(integer(row.version))
        .bind(json(row));
    let done = update.execute(pool).await.map_err(while_doing(WRITING))?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn get(
    pool: &PgPool,
    namespace: &Namespace,
    name: &str,
) -> Result<Option<Arc<CapacityProvider>>, Error> {
    let select = "SELECT name, document::text FROM capacity_providers
                  WHERE account = $1 AND region = $2 AND name = $3";
    let select = query(select).bind(&*namespace.account).bind(&*namespace.region).bind(name);
    let row = select.fetch_optional(pool).await.map_err(while_doing(READING))?;
    row.as_ref().map(provider).transpose()
}

pub(super) async fn list(pool: &PgPool, namespace: &Namespace) -> Result<Vec<Arc<CapacityProvider>>, Error> {
    let select = "SELECT name, document::text FROM capacity_providers WHERE account = $1 AND region = $2";
    let select = query(select).bind(&*namespace.account).bind(&*namespace.region);
    let rows = select.fetch_all(pool).await.map_err(while_doing(READING))?;
    let mut found: Vec<Arc<CapacityProvider>> = rows.iter().map(provider).collect::<Result<_, _>>()?;
    // By byte, whatever the database's collation.
    found.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(found)
}

/// The provider's row is locked while the clusters are looked at: of two deletions one finds nothing left.
pub(super) async fn delete(pool: &PgPool, namespace: &Namespace, name: &str) -> Result<ProviderDeletion, Error> {
    let Namespace { account, region } = namespace;
    let failed = while_doing(DELETING);
    let mut transaction = pool.begin().await.map_err(&failed)?;
    let select = "SELECT name, document::text FROM capacity_providers
                  WHERE account = $1 AND region = $2 AND name = $3 FOR UPDATE";
    let select = query(select).bind(&**account).bind(&**region).bind(name);
    let Some(row) = select.fetch_optional(&mut *transaction).await.map_err(&failed)? else {
        return Ok(ProviderDeletion::Missing);
    };
    let associated = "SELECT name FROM clusters
                      WHERE account = $1 AND region = $2 AND status = 'ACTIVE' AND EXISTS (
                          SELECT 1 FROM json_array_elements_text(document -> 'capacity_providers') AS one WHERE one = $3
                      )";
    let associated = query_scalar::<_, String>(associated).bind(&**account).bind(&**region).bind(name);
    let associated = associated.fetch_all(&mut *transaction).await.map_err(&failed)?;
    if let Some(cluster) = associated.iter().min() {
        return read_cluster(cluster).map(ProviderDeletion::Associated);
    }
    let delete = "DELETE FROM capacity_providers WHERE account = $1 AND region = $2 AND name = $3";
    let delete = query(delete).bind(&**account).bind(&**region).bind(name);
    delete.execute(&mut *transaction).await.map_err(&failed)?;
    transaction.commit().await.map_err(&failed)?;
    provider(&row).map(ProviderDeletion::Deleted)
}

fn provider(row: &PgRow) -> Result<Arc<CapacityProvider>, Error> {
    let columns = || Ok((row.try_get(0)?, row.try_get(1)?));
    let (name, document): (String, String) = columns().map_err(while_doing(READING))?;
    read(&name, &document)
}
