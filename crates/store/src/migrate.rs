//! The schema, brought up to date when a store is opened.

use crate::error::Error;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

/// Each migration is one transaction, and one process runs them at a time.
pub(crate) async fn migrate<C: Migrate>(connection: &mut C, rows: &'static str) -> Result<(), Error> {
    let rows = Migration::new(1, "rows".into(), MigrationType::Simple, rows.into_sql_str(), false);
    let mut migrator = Migrator::with_migrations(vec![rows]);
    // Migrations only add until the release after next, so the release before goes on beside this one (F-28).
    migrator.set_ignore_missing(true);
    // Unlike `run`, which comes to the same, this leaves the caller's future `Send` for every lifetime.
    let done = migrator.run_direct(None, connection, false).await;
    done.map_err(|error| Error::Migration(error.into()))
}
