//! Connections, and what is asked of the server before the first of them is used.

use crate::error::Error;
use crate::migrate::{Migrations, migrate, migrations};
use crate::open::Settings;
use crate::sql_error::while_doing;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use std::str::FromStr;

const MIGRATIONS: Migrations = migrations!("postgres");

pub(super) fn parse(url: &str) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url).map_err(|error| Error::Url { problem: error.to_string() })?;
    Ok(options.application_name("plimsoll").disable_statement_logging())
}

/// Connections that commit.
///
/// Everything they do goes by primary key, so the planner is kept from scanning tables however its statistics may lag
/// behind a table that grew a thousandfold since: a plan is made once per statement and kept.
/// A dead connection is found by the transaction's first statement, which is sent again on another one; testing each
/// connection first would cost every commit a round trip.
pub(super) fn writers(options: &PgConnectOptions, settings: &Settings) -> PgPool {
    let timeout_ms = timeout_ms(settings);
    let options = options.clone().options([
        ("statement_timeout", timeout_ms.as_str()),
        ("idle_in_transaction_session_timeout", timeout_ms.as_str()),
        ("plan_cache_mode", "force_generic_plan"),
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("jit", "off"),
    ]);
    PgPoolOptions::new()
        .max_connections(settings.writer_connections_max)
        .acquire_timeout(settings.connect_timeout)
        .test_before_acquire(false)
        .connect_lazy_with(options)
}

/// Connections that read. No statement timeout: loading a large cluster takes as long as it takes.
pub(super) fn readers(options: &PgConnectOptions, settings: &Settings) -> PgPool {
    PgPoolOptions::new()
        .max_connections(settings.reader_connections_max)
        .acquire_timeout(settings.connect_timeout)
        .connect_lazy_with(options.clone().options([("jit", "off")]))
}

/// The connection that keeps leases.
pub(super) fn session(options: &PgConnectOptions, settings: &Settings) -> PgConnectOptions {
    options.clone().options([("statement_timeout", timeout_ms(settings).as_str()), ("jit", "off")])
}

/// A third of the lease: a writer that hangs is ended by the server before anybody waits for it in vain.
fn timeout_ms(settings: &Settings) -> String {
    (settings.lease_ttl.as_millis() / 3).max(1).to_string()
}

pub(super) async fn prepare(pool: &PgPool, settings: &Settings) -> Result<(), Error> {
    let mut connection = pool.acquire().await.map_err(while_doing("connecting"))?;
    if !settings.asynchronous_commit_allowed {
        check_durability(&mut connection).await?;
    }
    let encoding = show(&mut connection, "SHOW server_encoding").await?;
    if encoding != "UTF8" {
        return Err(Error::Encoding { encoding });
    }
    migrate(&mut *connection, MIGRATIONS).await
}

/// D-1. Weaker settings acknowledge a commit before it is on disk.
async fn check_durability(connection: &mut PgConnection) -> Result<(), Error> {
    let setting = "synchronous_commit";
    let value = show(connection, "SHOW synchronous_commit").await?;
    match value.as_str() {
        "off" | "local" => Err(Error::NotDurable { setting, value, expected: "on, remote_write or remote_apply" }),
        _ => Ok(()),
    }
}

async fn show(connection: &mut PgConnection, sql: &'static str) -> Result<String, Error> {
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(while_doing("connecting"))
}
