//! Account settings: plain statements, no lease.

use crate::error::Error;
use crate::rows::text;
use crate::sql_error::while_doing;
use plimsoll_model::Namespace;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{query, query_as};
use std::collections::BTreeMap;

pub(super) async fn of_principal(
    pool: &SqlitePool,
    namespace: &Namespace,
    principal: &str,
) -> Result<BTreeMap<String, String>, Error> {
    let sql = "SELECT name, value FROM account_settings WHERE account = ?1 AND region = ?2 AND principal = ?3";
    let query = query_as::<_, (String, String)>(sql);
    let query = query.bind(&*namespace.account).bind(&*namespace.region).bind(text(principal));
    let rows = query.fetch_all(pool).await.map_err(while_doing("reading account settings"))?;
    Ok(rows.into_iter().collect())
}

/// No value removes the setting.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    namespace: &Namespace,
    principal: &str,
    (name, value): (&str, Option<&str>),
) -> Result<(), Error> {
    let put = "INSERT INTO account_settings (account, region, principal, name, value) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (account, region, principal, name) DO UPDATE SET value = excluded.value";
    let remove = "DELETE FROM account_settings WHERE account = ?1 AND region = ?2 AND principal = ?3 AND name = ?4";
    let query = query(if value.is_some() { put } else { remove });
    let query = query.bind(&*namespace.account).bind(&*namespace.region).bind(text(principal)).bind(text(name));
    let query = match value {
        Some(value) => query.bind(text(value)),
        None => query,
    };
    query.execute(connection).await.map_err(while_doing("writing an account setting"))?;
    Ok(())
}
