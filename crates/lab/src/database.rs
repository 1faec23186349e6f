//! Traces that come as SQLite databases, as rows of text.

use crate::Error;
use futures_util::TryStreamExt;
use plimsoll_experiments::experiment::{Files, table_name};
use plimsoll_experiments::output::csv_of;
use plimsoll_experiments::read::PACKING_TABLES;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};
use std::path::Path;

/// Adds the tables of a packing trace to the files of an experiment, by the name the experiment gives the database.
pub fn read_packing(name: &str, path: &Path, files: &mut Files) -> Result<(), Error> {
    // Opening what is not there says only that it cannot be opened.
    std::fs::metadata(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::Read { path: path.to_owned(), source })?;
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
        let failed = |source| Error::Database { path: path.to_owned(), source };
        let mut connection = options.connect().await.map_err(failed)?;
        for (table, columns) in PACKING_TABLES {
            let rows = rows(&mut connection, table, columns).await.map_err(|source| Error::Table {
                path: path.to_owned(),
                table,
                columns: columns.join(", "),
                source,
            })?;
            files.insert(table_name(name, table), rows);
        }
        Ok(())
    })
}

/// As CSV without a header, in the order in which they were written. What nothing is known of is empty.
async fn rows(connection: &mut SqliteConnection, table: &str, columns: &[&str]) -> Result<String, sqlx::Error> {
    let texts: Vec<String> = columns.iter().map(|column| format!("CAST({column} AS TEXT)")).collect();
    // Nothing in it is from outside.
    let sql = AssertSqlSafe(format!("SELECT {} FROM {table} ORDER BY rowid", texts.join(", ")));
    let mut found = sqlx::query(sql).fetch(connection);
    let mut rows: Vec<String> = Vec::new();
    while let Some(row) = found.try_next().await? {
        rows.push(csv_of([fields(&row, columns.len())?]));
    }
    Ok(rows.concat())
}

fn fields(row: &SqliteRow, columns: usize) -> Result<Vec<String>, sqlx::Error> {
    (0..columns).map(|at| row.try_get::<Option<String>, _>(at).map(Option::unwrap_or_default)).collect()
}
