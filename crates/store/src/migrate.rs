//! The schema, brought up to date when a store is opened.

use crate::error::Error;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};

/// Number, name and text of each file of `migrations/`, for one database.
pub(crate) type Migrations = &'static [(i64, &'static str, &'static str)];

/// The same migrations for both databases: a file that only one of them has does not compile.
macro_rules! migrations {
    ($database:literal) => {
        &[
            $crate::migrate::migration!($database, 1, "0001_rows"),
            $crate::migrate::migration!($database, 2, "0002_task_protection"),
            $crate::migrate::migration!($database, 3, "0003_service_deployments"),
            $crate::migrate::migration!($database, 4, "0004_capacity_providers"),
            $crate::migrate::migration!($database, 5, "0005_account_settings"),
            $crate::migrate::migration!($database, 6, "0006_waiting_tasks"),
        ]
    };
}
pub(crate) use migrations;

macro_rules! migration {
    ($database:literal, $number:literal, $name:literal) => {
        (
            $number,
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/", $database, "/", $name, ".sql")),
        )
    };
}
pub(crate) use migration;

/// Each migration is one transaction, and one process runs them at a time.
pub(crate) async fn migrate<C: Migrate>(connection: &mut C, migrations: Migrations) -> Result<(), Error> {
    let migration = |(number, name, text): &(i64, &'static str, &'static str)| {
        // The name is how it is written down in the database, from before there were several.
        let name = name.split_once('_').map_or(*name, |(_, name)| name);
        Migration::new(*number, name.into(), MigrationType::Simple, (*text).into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(migrations.iter().map(migration).collect());
    // Migrations only add until the release after next, so the release before goes on beside this one (F-28).
    migrator.set_ignore_missing(true);
    // Unlike `run`, which comes to the same, this leaves the caller's future `Send` for every lifetime.
    let done = migrator.run_direct(None, connection, false).await;
    done.map_err(|error| Error::Migration(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_is_a_migration_of_its_own_number() {
        for (database, migrations) in [("postgres", migrations!("postgres")), ("sqlite", migrations!("sqlite"))] {
            let migrations: Migrations = migrations;
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(database);
            let files =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let named: BTreeSet<String> = migrations.iter().map(|(_, name, _)| format!("{name}.sql")).collect();
            assert_eq!(files.collect::<BTreeSet<_>>(), named, "{database}");
            for (number, name, _) in migrations {
                assert!(name.starts_with(&format!("{number:04}_")), "{database}: {name} is number {number}");
            }
        }
    }

    /// F-28: after the first one, a migration takes nothing away that a server of the version before relies on.
    #[test]
    fn migrations_only_add() {
        for (database, migrations) in [("postgres", migrations!("postgres")), ("sqlite", migrations!("sqlite"))] {
            let migrations: Migrations = migrations;
            for (_, name, sql) in &migrations[1..] {
                let code = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
                let code = code.collect::<Vec<_>>().join(" ").to_uppercase();
                for word in ["DROP", "RENAME", "TRUNCATE", "DELETE"] {
                    let found =
                        code.split(|letter: char| !letter.is_alphabetic() && letter != '_').any(|one| one == word);
                    assert!(!found, "{database}/{name}: {word}");
                }
            }
        }
    }
}
