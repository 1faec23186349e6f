//! The suite on rows in memory.

use async_trait::async_trait;
use plimsoll_store::conformance::BackEnd;
use plimsoll_store::{MemoryStore, Store};
use std::sync::Arc;

struct Memory(MemoryStore);

#[async_trait]
impl BackEnd for Memory {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.another_process())
    }

    async fn open_beside(&self) -> Option<Arc<dyn Store>> {
        Some(self.open().await)
    }
}

plimsoll_store::conformance_tests!(Memory(MemoryStore::new()));
