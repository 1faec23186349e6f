//! Durable state: one trait, three back ends, one conformance suite.
//!
//! A store keeps rows and hands out leases. It decides nothing: what a batch holds was decided by the core, and the
//! constraints here are only a second line behind it.

mod bench;
mod capacity_providers;
#[cfg(feature = "testing")]
#[allow(
    clippy::unwrap_used,
    reason = "a suite of tests, which is code of this crate so that every back end can run it"
)]
pub mod conformance;
mod definitions;
mod error;
mod lease;
mod memory;
mod migrate;
mod open;
mod postgres;
mod rows;
mod sql_error;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

pub use bench::{DatabaseSpeed, database_limit, database_speed};
pub use capacity_providers::ProviderDeletion;
pub use definitions::{DefinitionQuery, FamilyQuery, FamilyStatus};
pub use error::Error;
pub use lease::Lease;
pub use memory::MemoryStore;
pub use open::{Settings, open, open_with};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

use async_trait::async_trait;
use plimsoll_model::{
    Batch, CapacityProvider, ClusterKey, Family, Image, Namespace, Tags, TaskDefinition, TaskDefinitionId,
    TaskDefinitionStatus, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where acknowledged state lives.
///
/// Every method may be dropped at any await point: what it was writing is then either committed or not, and `load`
/// waits for that to be settled before it reads.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Clusters that have a row, in order.
    async fn clusters(&self) -> Result<Vec<ClusterKey>, Error>;

    /// The right to write a cluster, whether or not it has a row yet. `Error::LeaseHeld` while another process has it.
    /// A process that asks again for what it holds gets a higher epoch, which fences its own earlier lease: that is
    /// how a writer that failed is started again.
    async fn acquire(&self, cluster: &ClusterKey) -> Result<Lease, Error>;

    /// Says that the holder is alive. Returns the clusters whose lease is lost.
    async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error>;

    /// Gives a lease back, so that the next holder need not wait. Releasing a lease that is lost does nothing.
    async fn release(&self, lease: &Lease) -> Result<(), Error>;

    /// All rows of the cluster, with the task definitions they name. Every commit that was begun under an earlier
    /// lease, or whose outcome its caller never heard of, is settled before the first row is read.
    async fn load(&self, lease: &Lease) -> Result<Image, Error>;

    /// Writes the whole batch or nothing of it. `Error::Fenced` when the lease was taken over, however late the
    /// commit arrives.
    async fn commit(&self, lease: &Lease, batch: &Batch) -> Result<(), Error>;

    /// Gives the definition the next revision of its family (TD-75); the revision it comes with is ignored.
    async fn register_task_definition(
        &self,
        namespace: &Namespace,
        definition: TaskDefinition,
    ) -> Result<Arc<TaskDefinition>, Error>;

    async fn task_definition(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
    ) -> Result<Option<Arc<TaskDefinition>>, Error>;

    /// The latest ACTIVE revision (TD-79).
    async fn latest_task_definition(
        &self,
        namespace: &Namespace,
        family: &Family,
    ) -> Result<Option<Arc<TaskDefinition>>, Error>;

    /// `None` when there is no such revision. `at` becomes deregisteredAt the first time it leaves ACTIVE (TD-76).
    async fn set_task_definition_status(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        status: TaskDefinitionStatus,
        at: Timestamp,
    ) -> Result<Option<Arc<TaskDefinition>>, Error>;

    /// Puts the tags `after` in place of `before`; false when the definition has other tags than those, or is not there.
    async fn replace_task_definition_tags(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        before: &Tags,
        after: &Tags,
    ) -> Result<bool, Error>;

    /// Removes what was to be deleted before that time and is named by no row of any cluster, and says which
    /// definitions that were (TD-80). The numbers of their families are not given again (TD-75).
    async fn delete_unused_task_definitions(
        &self,
        requested_before: Timestamp,
    ) -> Result<Vec<(Namespace, TaskDefinitionId)>, Error>;

    async fn list_task_definitions(
        &self,
        namespace: &Namespace,
        query: &DefinitionQuery,
    ) -> Result<Vec<TaskDefinitionId>, Error>;

    async fn list_families(&self, namespace: &Namespace, query: &FamilyQuery) -> Result<Vec<Family>, Error>;

    /// False when the namespace has one of that name.
    async fn create_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error>;

    /// Takes the place of the version before its own. False when that is not the one stored: somebody else changed or
    /// deleted it.
    async fn replace_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error>;

    async fn capacity_provider(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<Arc<CapacityProvider>>, Error>;

    /// In order of name.
    async fn list_capacity_providers(&self, namespace: &Namespace) -> Result<Vec<Arc<CapacityProvider>>, Error>;

    /// Only one that no ACTIVE cluster of the namespace is associated with, whichever process writes that cluster.
    async fn delete_capacity_provider(&self, namespace: &Namespace, name: &str) -> Result<ProviderDeletion, Error>;

    /// What a principal has set for itself, by name (ACC-2).
    async fn account_settings(&self, namespace: &Namespace, principal: &str)
    -> Result<BTreeMap<String, String>, Error>;

    /// No value removes the setting.
    async fn set_account_setting(
        &self,
        namespace: &Namespace,
        principal: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Error>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), Error>;
}
