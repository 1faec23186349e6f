//! Capacity providers: asked for seldom, and so always of the store.

use plimsoll_model::{BUILT_IN_CAPACITY_PROVIDERS, CapacityProvider, Namespace};
use plimsoll_store::{Error, ProviderDeletion, Store};
use std::sync::Arc;
use tokio::sync::{RwLock, RwLockReadGuard};

/// A change that others keep overtaking is given up after this many attempts.
const CHANGES_TRIED_MAX: usize = 16;

pub struct CapacityProviders {
    store: Arc<dyn Store>,
    /// Held for reading from the look at the providers a cluster is to be associated with until that is committed, and
    /// for writing while one is deleted. Between processes nothing does this: see the decisions beside the crates.
    associating: RwLock<()>,
}

/// What came of changing a capacity provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderChange {
    Done(Arc<CapacityProvider>),
    Missing,
    /// Others changed it each time between the look at it and the change.
    Overtaken,
}

/// While this is held, this process deletes no capacity provider.
pub struct Associating<'a>(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'a, ()>);

impl CapacityProviders {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        CapacityProviders { store, associating: RwLock::default() }
    }

    pub async fn associating(&self) -> Associating<'_> {
        Associating(self.associating.read().await)
    }

    pub async fn get(&self, namespace: &Namespace, name: &str) -> Result<Option<Arc<CapacityProvider>>, Error> {
        self.store.capacity_provider(namespace, name).await
    }

    /// Those that were created, in order of name.
    pub async fn list(&self, namespace: &Namespace) -> Result<Vec<Arc<CapacityProvider>>, Error> {
        self.store.list_capacity_providers(namespace).await
    }

    /// The first of the names that is neither built in nor created.
    pub async fn first_unknown(&self, namespace: &Namespace, names: &[Arc<str>]) -> Result<Option<Arc<str>>, Error> {
        for name in names.iter().filter(|name| !BUILT_IN_CAPACITY_PROVIDERS.contains(&&***name)) {
            if self.get(namespace, name).await?.is_none() {
                return Ok(Some(Arc::clone(name)));
            }
        }
        Ok(None)
    }

    /// False when the name is taken.
    pub async fn create(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        self.store.create_capacity_provider(namespace, row).await
    }

    /// `edit` is made again from what others wrote in the meantime.
    pub async fn change(
        &self,
        namespace: &Namespace,
        name: &str,
        edit: impl Fn(&mut CapacityProvider) + Send + Sync,
    ) -> Result<ProviderChange, Error> {
        for _ in 0..CHANGES_TRIED_MAX {
            let Some(before) = self.get(namespace, name).await? else { return Ok(ProviderChange::Missing) };
            let mut after = CapacityProvider::clone(&before);
            edit(&mut after);
            after.version += 1;
            if self.store.replace_capacity_provider(namespace, &after).await? {
                return Ok(ProviderChange::Done(Arc::new(after)));
            }
        }
        Ok(ProviderChange::Overtaken)
    }

    pub async fn delete(&self, namespace: &Namespace, name: &str) -> Result<ProviderDeletion, Error> {
        let _nothing_associates = self.associating.write().await;
        self.store.delete_capacity_provider(namespace, name).await
    }
}
