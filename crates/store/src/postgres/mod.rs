//! PostgreSQL: for several processes that share clusters between them.
//!
//! Commits go through fenced transactions (`transaction`), leases through a session of their own (`session`), reads
//! through a pool of their own.

mod account_settings;
mod capacity_providers;
mod connect;
mod definitions;
mod read;
mod session;
mod task_columns;
mod transaction;
mod write;

use crate::error::Error;
use crate::lease::Lease;
use crate::open::Settings;
use crate::sql_error::while_doing;
use crate::{DefinitionQuery, FamilyQuery, ProviderDeletion, Store};
use async_trait::async_trait;
use plimsoll_model::{
    Batch, CapacityProvider, ClusterKey, ClusterName, Family, Image, Namespace, Tags, TaskDefinition, TaskDefinitionId,
    TaskDefinitionStatus, Timestamp,
};
use session::LeaseSession;
use sqlx::Row;
use sqlx::postgres::PgPool;
use std::collections::BTreeMap;
use std::sync::Arc;
use transaction::WriteTransaction;

pub struct PostgresStore {
    writers: PgPool,
    readers: PgPool,
    leases: LeaseSession,
}

impl PostgresStore {
    /// Connects, checks that commits are durable, and brings the schema up to date.
    pub async fn open(url: &str, settings: &Settings) -> Result<Self, Error> {
        let options = connect::parse(url)?;
        let readers = connect::readers(&options, settings);
        connect::prepare(&readers, settings).await?;
        Ok(PostgresStore {
            writers: connect::writers(&options, settings),
            readers,
            leases: LeaseSession::new(connect::session(&options, settings), settings),
        })
    }

    async fn cluster_id(&self, cluster: &ClusterKey) -> Result<i32, Error> {
        let ClusterKey { namespace: Namespace { account, region }, name } = cluster;
        let sql = "WITH made AS (
                       INSERT INTO clusters (account, region, name) VALUES ($1, $2, $3)
                       ON CONFLICT (account, region, name) DO NOTHING RETURNING cluster_id)
                   SELECT cluster_id FROM made UNION ALL
                   SELECT cluster_id FROM clusters WHERE account = $1 AND region = $2 AND name = $3";
        loop {
            let query = sqlx::query_scalar::<_, i32>(sql).bind(&**account).bind(&**region).bind(name.as_str());
            let found = query.fetch_optional(&self.readers).await.map_err(while_doing("naming a cluster"))?;
            // Nothing when somebody else inserted it in this very moment: the next look finds it.
            let Some(id) = found else { continue };
            let lease = "INSERT INTO leases (cluster_id, epoch, renewed_at) VALUES ($1, 0, clock_timestamp())
                         ON CONFLICT (cluster_id) DO NOTHING";
            sqlx::query(lease).bind(id).execute(&self.readers).await.map_err(while_doing("naming a cluster"))?;
            return Ok(id);
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn clusters(&self) -> Result<Vec<ClusterKey>, Error> {
        let sql = "SELECT account, region, name FROM clusters WHERE document IS NOT NULL";
        let rows = sqlx::query(sql).fetch_all(&self.readers).await.map_err(while_doing("listing clusters"))?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            let texts = || Ok::<[String; 3], _>([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?]);
            let [account, region, name] = texts().map_err(while_doing("listing clusters"))?;
            let name =
                ClusterName::parse(&name).map_err(|error| crate::rows::corrupt("clusters", name, error.into()))?;
            keys.push(ClusterKey { namespace: Namespace { account: account.into(), region: region.into() }, name });
        }
        keys.sort_unstable();
        Ok(keys)
    }

    async fn acquire(&self, cluster: &ClusterKey) -> Result<Lease, Error> {
        let cluster_id = self.cluster_id(cluster).await?;
        self.leases.acquire(&self.readers, cluster, cluster_id).await
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error> {
        self.leases.renew(leases).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.leases.release(&self.readers, lease).await
    }

    async fn load(&self, lease: &Lease) -> Result<Image, Error> {
        read::load(&self.readers, lease).await
    }

    async fn commit(&self, lease: &Lease, batch: &Batch) -> Result<(), Error> {
        let mut transaction = WriteTransaction::begin(&self.writers, lease).await?;
        write::write(transaction.connection(), lease.cluster_id, batch).await?;
        transaction.commit().await
    }

    async fn register_task_definition(
        &self,
        namespace: &Namespace,
        definition: TaskDefinition,
    ) -> Result<Arc<TaskDefinition>, Error> {
        definitions::register(&self.readers, namespace, definition).await
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
        definitions::set_status(&self.readers, namespace, id, (status, at)).await
    }

    async fn replace_task_definition_tags(
        &self,
        namespace: &Namespace,
        id: &TaskDefinitionId,
        before: &Tags,
        after: &Tags,
    ) -> Result<bool, Error> {
        definitions::replace_tags(&self.readers, namespace, id, (before, after)).await
    }

    async fn delete_unused_task_definitions(
        &self,
        requested_before: Timestamp,
    ) -> Result<Vec<(Namespace, TaskDefinitionId)>, Error> {
        definitions::delete_unused(&self.readers, requested_before).await
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
        capacity_providers::create(&self.readers, namespace, row).await
    }

    async fn replace_capacity_provider(&self, namespace: &Namespace, row: &CapacityProvider) -> Result<bool, Error> {
        capacity_providers::replace(&self.readers, namespace, row).await
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
        capacity_providers::delete(&self.readers, namespace, name).await
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
        account_settings::set(&self.readers, namespace, principal, (name, value)).await
    }

    async fn ping(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map_err(while_doing("pinging"))?;
        Ok(())
    }
}
