//! SQLite: one process, one file, nothing to operate.
//!
//! One connection writes, a few read. Leases are numbers in the file: the lock beside it says who has them all.

mod account_settings;
mod capacity_providers;
mod definitions;
mod lock;
mod read;
mod write;

use crate::error::Error;
use crate::lease::Lease;
use crate::migrate::{Migrations, migrate, migrations};
use crate::open::Settings;
use crate::rows::{corrupt, integer};
use crate::sql_error::while_doing;
use crate::{DefinitionQuery, FamilyQuery, ProviderDeletion, Store};
use async_trait::async_trait;
use plimsoll_model::{
    Batch, CapacityProvider, ClusterKey, ClusterName, Epoch, Family, Image, Namespace, Tags, TaskDefinition,
    TaskDefinitionId, TaskDefinitionStatus, Timestamp,
};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row, query, query_scalar};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;

const MIGRATIONS: Migrations = migrations!("sqlite");

pub struct SqliteStore {
    /// Its commands run one after the other: whatever is sent here comes after every commit sent before, also one
    /// whose caller has gone.
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
    /// Held as long as the store lives.
    _lock: File,
}

impl SqliteStore {
    pub async fn open(file: &Path, settings: &Settings) -> Result<Self, Error> {
        if let Some(directory) = file.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(|source| Error::File { file: directory.to_owned(), source })?;
        }
        let lock = lock::lock(file)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // WAL with NORMAL would lose the last commits in a power cut (D-1).
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(settings.connect_timeout)
            // 64 MiB of pages: with random ids, the key index wants to stay in memory.
            .pragma("cache_size", "-65536")
            .disable_statement_logging();
        let mut writer = options.connect().await.map_err(while_doing("opening the database file"))?;
        migrate(&mut writer, MIGRATIONS).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(settings.reader_connections_max)
            .acquire_timeout(settings.connect_timeout)
            .connect_lazy_with(options.create_if_missing(false).read_only(true));
        Ok(SqliteStore { writer: Mutex::new(writer), readers, _lock: lock })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn clusters(&self) -> Result<Vec<ClusterKey>, Error> {
        let sql = "SELECT account, region, name FROM clusters WHERE document IS NOT NULL";
        let rows = query(sql).fetch_all(&self.readers).await.map_err(while_doing("listing clusters"))?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let texts = || Ok::<[String; 3], _>([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?]);
            let [account, region, name] = texts().map_err(while_doing("listing clusters"))?;
            let name = ClusterName::parse(&name).map_err(|error| corrupt("clusters", name, error.into()))?;
            keys.push(ClusterKey { namespace: Namespace { account: account.into(), region: region.into() }, name });
        }
        keys.sort_unstable();
        Ok(keys)
    }

    async fn acquire(&self, cluster: &ClusterKey) -> Result<Lease, Error> {
        let ClusterKey { namespace: Namespace { account, region }, name } = cluster;
        let sql = "INSERT INTO clusters (account, region, name, epoch) VALUES (?1, ?2, ?3, 1)
                   ON CONFLICT (account, region, name) DO UPDATE SET epoch = epoch + 1 RETURNING cluster_id, epoch";
        let mut writer = self.writer.lock().await;
        let query = query(sql).bind(&**account).bind(&**region).bind(name.as_str());
        let row = query.fetch_one(&mut *writer).await.map_err(while_doing("taking a lease"))?;
        let read = || Ok::<(i32, i64), _>((row.try_get(0)?, row.try_get(1)?));
        let (cluster_id, epoch) = read().map_err(while_doing("taking a lease"))?;
        Ok(Lease { cluster: cluster.clone(), epoch: Epoch(epoch.unsigned_abs()), cluster_id })
    }

    /// Nobody can take a lease away while this process lives, except this process. Reads beside the writer: a renewal
    /// does not wait for a long commit.
    async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error> {
        let mut reader = self.readers.acquire().await.map_err(while_doing("renewing leases"))?;
        let mut lost = Vec::new();
        for lease in leases {
            match check_epoch(&mut reader, lease).await {
                Ok(()) => {}
                Err(Error::Fenced { cluster, .. }) => lost.push(cluster),
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    /// There is nobody to give it to: the next process gets the file only when this one has ended.
    async fn release(&self, _lease: &Lease) -> Result<(), Error> {
        Ok(())
    }

    async fn load(&self, lease: &Lease) -> Result<Image, Error> {
        let mut writer = self.writer.lock().await;
        let mut snapshot = writer.begin().await.map_err(while_doing("loading a cluster"))?;
        check_epoch(&mut snapshot, lease).await?;
        read::load(&mut snapshot, lease).await
    }

    async fn commit(&self, lease: &Lease, batch: &Batch) -> Result<(), Error> {
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(while_doing("beginning a commit"))?;
        check_epoch(&mut transaction, lease).await?;
        write::write(&mut transaction, lease.cluster_id, batch).await?;
        transaction.commit().await.map_err(while_doing("committing"))
    }

    async fn register_task_definition(
        &self,
        namespace: &Namespace,
        definition: TaskDefinition,
    ) -> Result<Arc<TaskDefinition>, Error> {
        definitions::register(&mut *self.writer.lock().await, namespace, definition).await
    }

    async fn task_definition(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        definitions::get(&self.readers, namespace, id).await
    }

    async fn latest_task_definition(
        &self,
        namespace: &Namespace,
        family: &Family,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        definitions::latest(&self.readers, namespace, family).await
    }

    async fn set_task_definition_status(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        status: TaskDefinitionStatus,
        at: Timestamp,
    ) -> Result<Option<Arc<TaskDefinition>>, Error> {
        definitions::set_status(&mut *self.writer.lock().await, namespace, id, (status, at)).await
    }

    async fn replace_task_definition_tags(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        before: &Tags,
        after: &Tags,
    ) -> Result<bool, Error> {
        definitions::replace_tags(&mut *self.writer.lock().await, namespace, id, (before, after)).await
    }

    async fn delete_unused_task_definitions(
        &self,
        requested_before: Timestamp,
    ) -> Result<Vec<(Namespace, TaskDefinitionId)>, Error> {
        definitions::delete_unused(&mut *self.writer.lock().await, requested_before).await
    }

    async fn list_task_definitions(
        &self,
        namespace: &Namespace,
        query: &DefinitionQuery,
    ) -> Result<Vec<TaskDefinitionId>, Error> {
        definitions::list(&self.readers, namespace, query).await
    }

    async fn list_families(&self, namespace: &Namespace, query: &FamilyQuery) -> Result<Vec<Family>, Error> {
        definitions::families(&self.readers, namespace, query).await
    }

    async fn create_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        capacity_providers::create(&mut *self.writer.lock().await, namespace, row).await
    }

    async fn replace_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        capacity_providers::replace(&mut *self.writer.lock().await, namespace, row).await
    }

    async fn capacity_provider(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<Arc<CapacityProvider>>, Error> {
        capacity_providers::get(&self.readers, namespace, name).await
    }

    async fn list_capacity_providers(&self, namespace: &Namespace) -> Result<Vec<Arc<CapacityProvider>>, Error> {
        capacity_providers::list(&self.readers, namespace).await
    }

    async fn delete_capacity_provider(&self, namespace: &Namespace, name: &str) -> Result<ProviderDeletion, Error> {
        capacity_providers::delete(&mut *self.writer.lock().await, namespace, name).await
    }

    async fn account_settings(
        &self,
        namespace: &Namespace,
        principal: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        account_settings::of_principal(&self.readers, namespace, principal).await
    }

    async fn set_account_setting(
        &self,
        namespace: &Namespace,
        principal: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Error> {
        account_settings::set(&mut *self.writer.lock().await, namespace, principal, (name, value)).await
    }

    async fn ping(&self) -> Result<(), Error> {
        query("SELECT 1").execute(&self.readers).await.map_err(while_doing("pinging"))?;
        Ok(())
    }
}

async fn check_epoch(connection: &mut SqliteConnection, lease: &Lease) -> Result<(), Error> {
    let query = query_scalar::<_, i64>("SELECT epoch FROM clusters WHERE cluster_id = ?1").bind(lease.cluster_id);
    let epoch = query.fetch_optional(connection).await.map_err(while_doing("reading the epoch"))?;
    if epoch == Some(integer(lease.epoch.0)) {
        return Ok(());
    }
    Err(Error::Fenced { cluster: lease.cluster.clone(), epoch: lease.epoch })
}
