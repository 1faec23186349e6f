//! Task definitions: immutable but for their status, so they are cached by revision.

use crate::settings::ControlSettings;
use parking_lot::Mutex;
use plimsoll_model::{Family, Namespace, TaskDefinition, TaskDefinitionId, TaskDefinitionStatus, Timestamp};
use plimsoll_store::{DefinitionQuery, Error, FamilyQuery, Store};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Definitions {
    store: Arc<dyn Store>,
    cached_max: usize,
    believed: Duration,
    cache: Mutex<Cache>,
}

type Key = (Namespace, TaskDefinitionId);

#[derive(Default)]
struct Cache {
    entries: HashMap<Key, (Arc<TaskDefinition>, Instant)>,
    /// Oldest first; each key once.
    order: VecDeque<Key>,
    /// Counts status changes: what was read before one is not cached after it.
    changes: u64,
}

impl Definitions {
    pub(crate) fn new(store: Arc<dyn Store>, settings: &ControlSettings) -> Self {
        Definitions {
            store,
            cached_max: settings.definitions_cached_max,
            believed: settings.definitions_believed,
            cache: Mutex::default(),
        }
    }

    pub async fn get(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        let key = (namespace.clone(), id.clone());
        let changes = {
            let cache = self.cache.lock();
            match cache.entries.get(&key) {
                Some((definition, read_at)) if read_at.elapsed() < self.believed => {
                    return Ok(Some(Arc::clone(definition)));
                }
                _ => cache.changes,
            }
        };
        let found = self.store.task_definition(namespace, id).await?;
        if let Some(definition) = &found {
            let mut cache = self.cache.lock();
            if cache.changes == changes {
                cache.put(key, Arc::clone(definition), self.cached_max);
            }
        }
        Ok(found)
    }

    /// The latest ACTIVE revision. Asks the store every time: another replica may have registered one.
    pub async fn latest(&self, namespace: &Namespace, family: &Family) -> Result<Option<Arc<TaskDefinition>>, Error> {
        self.store.latest_task_definition(namespace, family).await
    }

    /// Gives the definition the next revision of its family.
    pub async fn register(
        &self,
        namespace: &Namespace,
        definition: TaskDefinition,
    ) -> Result<Arc<TaskDefinition>, Error> {
        let registered = self.store.register_task_definition(namespace, definition).await?;
        let key = (namespace.clone(), registered.id.clone());
        self.cache.lock().put(key, Arc::clone(&registered), self.cached_max);
        Ok(registered)
    }

    pub async fn set_status(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        status: TaskDefinitionStatus,
        at: Timestamp,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        let changed = self.store.set_task_definition_status(namespace, id, status, at).await;
        // Also after a failure: the change may have been made.
        let key = (namespace.clone(), id.clone());
        let mut cache = self.cache.lock();
        cache.changes += 1;
        cache.entries.remove(&key);
        cache.order.retain(|other| *other != key);
        changed
    }

    pub async fn list(&self, namespace: &Namespace, query: &DefinitionQuery) -> Result<Vec<TaskDefinitionId>, Error> {
        self.store.list_task_definitions(namespace, query).await
    }

    pub async fn families(&self, namespace: &Namespace, query: &FamilyQuery) -> Result<Vec<Family>, Error> {
        self.store.list_families(namespace, query).await
    }
}

impl Cache {
    fn put(&mut self, key: Key, definition: Arc<TaskDefinition>, cached_max: usize) {
        if self.entries.insert(key.clone(), (definition, Instant::now())).is_none() {
            self.order.push_back(key);
        }
        while self.entries.len() > cached_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}
