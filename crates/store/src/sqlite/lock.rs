//! One process per database file, for the life of the process.
//!
//! SQLite itself lets several processes write one file in turn; our state in memory does not survive that. The lock
//! goes with the process, however it ends.

use crate::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

pub(super) fn lock(database: &Path) -> Result<File, Error> {
    let file = lock_file(database);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&file);
    let locked = opened.map_err(|source| Error::File { file: file.clone(), source })?;
    match locked.try_lock() {
        Ok(()) => Ok(locked),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { file }),
        Err(TryLockError::Error(source)) => Err(Error::File { file, source }),
    }
}

/// Beside the database, and not the database itself, whose locks are SQLite's.
fn lock_file(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
