//! Task definitions: immutable but for their status and tags, so they are cached by revision.

use crate::settings::ControlSettings;
use parking_lot::Mutex;
use plimsoll_model::{
    Family, Namespace, TagChange, TaskDefinition, TaskDefinitionId, TaskDefinitionStatus, Timestamp, TooManyTags,
};
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
    /// Counts changes of what is cached: what was read before one is not cached after it.
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

    /// Changes the tags; `None` when there is no such revision (TAG-2).
    pub async fn change_tags(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        change: &TagChange,
    ) -> Result<Option<Result<Arc<TaskDefinition>, TooManyTags>>, Error> {
        loop {
            let Some(before) = self.store.task_definition(namespace, id).await? else { return Ok(None) };
            let after = match change.applied_to(&before.tags) {
                Ok(after) => after,
                Err(too_many) => return Ok(Some(Err(too_many))),
            };
            let replaced = self.store.replace_task_definition_tags(namespace, id, &before.tags, &after).await;
            self.forget(namespace, id);
            // Somebody else changed them in between: look again.
            if replaced? {
                let row = TaskDefinition { tags: after, ..TaskDefinition::clone(&before) };
                return Ok(Some(Ok(Arc::new(row))));
            }
        }
    }

    /// Removes what was to be deleted before that time and nothing uses any more (TD-80).
    pub async fn delete_unused(&self, requested_before: Timestamp) -> Result<usize, Error> {
        let deleted = self.store.delete_unused_task_definitions(requested_before).await?;
        for (namespace, id) in &deleted {
            self.forget(namespace, id);
        }
        Ok(deleted.len())
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
        self.forget(namespace, id);
        changed
    }

    fn forget(&self, namespace: &Namespace, id: &TaskDefinitionId) {
        let key = (namespace.clone(), id.clone());
        let mut cache = self.cache.lock();
        cache.changes += 1;
        cache.entries.remove(&key);
        cache.order.retain(|other| *other != key);
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
