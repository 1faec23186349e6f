//! The suite on SQLite, and what is SQLite's alone.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use async_trait::async_trait;
use plimsoll_store::conformance::BackEnd;
use plimsoll_store::{Error, Store, open};
use std::sync::Arc;
use tempfile::TempDir;

struct Sqlite(TempDir);

impl Sqlite {
    fn new() -> Self {
        Sqlite(TempDir::new().unwrap())
    }

    fn url(&self) -> String {
        format!("sqlite://{}/in a directory/plimsoll.db", self.0.path().display())
    }
}

#[async_trait]
impl BackEnd for Sqlite {
    async fn open(&self) -> Arc<dyn Store> {
        open(&self.url()).await.unwrap()
    }

    async fn open_beside(&self) -> Option<Arc<dyn Store>> {
        assert!(matches!(open(&self.url()).await, Err(Error::Locked { .. })));
        None
    }
}

plimsoll_store::conformance_tests!(Sqlite::new());

#[tokio::test]
async fn a_second_process_is_told_which_file_is_in_use() {
    let sqlite = Sqlite::new();
    let first = sqlite.open().await;
    let Err(error) = open(&sqlite.url()).await else { panic!("opened twice") };
    assert!(error.to_string().contains("plimsoll.db.lock"), "{error}");
    assert!(!error.is_retryable());
    drop(first);
    sqlite.open().await;
}
