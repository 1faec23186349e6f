//! The session that keeps this process's leases: its own connection, away from commits and their load (D-2).
//!
//! Besides renewing the rows, it holds an advisory lock per lease. The server frees those the moment the process dies,
//! so the next process need not wait for the lease to run out.

use super::transaction::FENCE;
use crate::error::Error;
use crate::lease::Lease;
use crate::open::Settings;
use crate::rows::integer;
use crate::sql_error::while_doing;
use plimsoll_model::{ClusterKey, Epoch};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row, raw_sql};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Mutex;

/// The key of a lease's sign of life: cluster and epoch, so that every holder has one of its own, whatever becomes of
/// the holder before. One-part keys are a space apart from the two-part keys of the fence.
const SIGN_OF_LIFE: &str = "((cluster_id::bigint << 32) | (epoch & 4294967295))";

pub(super) struct LeaseSession {
    options: PgConnectOptions,
    holder: String,
    lease_ttl_ms: i64,
    connect_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    /// Taken out while in use: what was interrupted in the middle is not used again.
    connection: Option<PgConnection>,
    held: BTreeMap<i32, Epoch>,
}

struct Seen {
    epoch: i64,
    holder: Option<String>,
    is_free: bool,
}

impl LeaseSession {
    pub fn new(options: PgConnectOptions, settings: &Settings) -> Self {
        LeaseSession {
            options,
            holder: holder(),
            lease_ttl_ms: i64::try_from(settings.lease_ttl.as_millis()).unwrap_or(i64::MAX),
            connect_timeout: settings.connect_timeout,
            state: Mutex::new(State { connection: None, held: BTreeMap::new() }),
        }
    }

    pub async fn acquire(&self, cluster: &ClusterKey, cluster_id: i32) -> Result<Lease, Error> {
        let mut state = self.state.lock().await;
        let mut connection = self.connect(&mut state).await?;
        // On failure the connection is dropped, and with it the sign of life of an epoch that may never come.
        let acquired = self.acquire_on(&mut connection, cluster_id).await.map_err(while_doing("taking a lease"))?;
        if let Ok(epoch) = &acquired
            && let Some(before) = state.held.insert(cluster_id, *epoch)
        {
            sign_off(&mut connection, cluster_id, before).await?;
        }
        state.connection = Some(connection);
        match acquired {
            Ok(epoch) => Ok(Lease { cluster: cluster.clone(), epoch, cluster_id }),
            Err(holder) => Err(Error::LeaseHeld { cluster: cluster.clone(), holder }),
        }
    }

    /// The epoch, or else who has it. The exclusive lock is asked for only when the lease looks free: it waits for the
    /// commits of the holder, and a holder that lives must not wait for us.
    async fn acquire_on(&self, connection: &mut PgConnection, id: i32) -> Result<Result<Epoch, String>, sqlx::Error> {
        let seen = self.look(connection, id).await?;
        if !seen.is_free {
            return Ok(Err(seen.holder.unwrap_or_default()));
        }
        let mut transaction = connection.begin().await?;
        let lock = format!("SELECT pg_advisory_xact_lock({FENCE}, {id})");
        raw_sql(AssertSqlSafe(lock)).execute(&mut *transaction).await?;
        let taken = format!(
            "WITH taken AS (
                 UPDATE leases SET epoch = epoch + 1, holder = $2, renewed_at = clock_timestamp()
                 WHERE cluster_id = $1 AND epoch = $3 RETURNING cluster_id, epoch)
             SELECT epoch, pg_try_advisory_lock({SIGN_OF_LIFE}) FROM taken"
        );
        let row = sqlx::query(AssertSqlSafe(taken)).bind(id).bind(&self.holder).bind(seen.epoch);
        let Some(row) = row.fetch_optional(&mut *transaction).await? else {
            return Ok(Err("another process, since a moment ago".to_owned()));
        };
        let epoch = row.try_get::<i64, _>(0)?;
        transaction.commit().await?;
        Ok(Ok(Epoch(epoch.unsigned_abs())))
    }

    /// Free: nobody's, our own, without a sign of life, or not renewed in time by the one clock both sides share.
    async fn look(&self, connection: &mut PgConnection, cluster_id: i32) -> Result<Seen, sqlx::Error> {
        let sql = format!(
            "SELECT epoch, holder,
                    holder IS NULL OR holder = $2
                    OR renewed_at < clock_timestamp() - $3 * interval '1 millisecond'
                    OR pg_try_advisory_xact_lock({SIGN_OF_LIFE})
             FROM leases WHERE cluster_id = $1"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(cluster_id).bind(&self.holder).bind(self.lease_ttl_ms);
        let row = query.fetch_one(connection).await?;
        Ok(Seen { epoch: row.try_get(0)?, holder: row.try_get(1)?, is_free: row.try_get(2)? })
    }

    pub async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error> {
        let mut state = self.state.lock().await;
        let mut connection = self.connect(&mut state).await?;
        let ids: Vec<i32> = leases.iter().map(|lease| lease.cluster_id).collect();
        let epochs: Vec<i64> = leases.iter().map(|lease| integer(lease.epoch.0)).collect();
        let query = sqlx::query_scalar::<_, i32>(
            "UPDATE leases SET renewed_at = clock_timestamp()
             FROM UNNEST($1::integer[], $2::bigint[]) AS ours (cluster_id, epoch)
             WHERE leases.cluster_id = ours.cluster_id AND leases.epoch = ours.epoch AND leases.holder = $3
             RETURNING leases.cluster_id",
        );
        let renewed = query.bind(ids).bind(epochs).bind(&self.holder).fetch_all(&mut connection).await;
        let renewed = renewed.map_err(while_doing("renewing leases"))?;
        let lost: Vec<&Lease> = leases.iter().filter(|lease| !renewed.contains(&lease.cluster_id)).collect();
        for lease in &lost {
            if state.held.get(&lease.cluster_id) == Some(&lease.epoch) {
                state.held.remove(&lease.cluster_id);
                sign_off(&mut connection, lease.cluster_id, lease.epoch).await?;
            }
        }
        state.connection = Some(connection);
        Ok(lost.into_iter().map(|lease| lease.cluster.clone()).collect())
    }

    pub async fn release(&self, lease: &Lease) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let mut connection = self.connect(&mut state).await?;
        let query = sqlx::query("UPDATE leases SET holder = NULL WHERE cluster_id = $1 AND epoch = $2 AND holder = $3");
        let query = query.bind(lease.cluster_id).bind(integer(lease.epoch.0)).bind(&self.holder);
        query.execute(&mut connection).await.map_err(while_doing("giving a lease back"))?;
        if state.held.get(&lease.cluster_id) == Some(&lease.epoch) {
            state.held.remove(&lease.cluster_id);
            sign_off(&mut connection, lease.cluster_id, lease.epoch).await?;
        }
        state.connection = Some(connection);
        Ok(())
    }

    /// The connection of last time if it still answers, else a new one that shows the signs of life again.
    async fn connect(&self, state: &mut State) -> Result<PgConnection, Error> {
        if let Some(mut connection) = state.connection.take()
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        let connecting = tokio::time::timeout(self.connect_timeout, PgConnection::connect_with(&self.options)).await;
        let doing = "connecting";
        let mut connection = connecting
            .map_err(|source| Error::Unavailable { doing, source: source.into() })?
            .map_err(while_doing(doing))?;
        let ids: Vec<i32> = state.held.keys().copied().collect();
        let epochs: Vec<i64> = state.held.values().map(|epoch| integer(epoch.0)).collect();
        // One that is not granted is still held by our own connection of before, until the server notices its end.
        let locks = format!(
            "SELECT pg_try_advisory_lock({SIGN_OF_LIFE})
             FROM UNNEST($1::integer[], $2::bigint[]) AS ours (cluster_id, epoch)"
        );
        let query = sqlx::query(AssertSqlSafe(locks)).bind(ids).bind(epochs);
        query.execute(&mut connection).await.map_err(while_doing(doing))?;
        Ok(connection)
    }
}

async fn sign_off(connection: &mut PgConnection, cluster_id: i32, epoch: Epoch) -> Result<(), Error> {
    let unlock = format!(
        "SELECT pg_advisory_unlock({SIGN_OF_LIFE}) FROM (VALUES ($1::integer, $2::bigint)) AS ours (cluster_id, epoch)"
    );
    let query = sqlx::query(AssertSqlSafe(unlock)).bind(cluster_id).bind(integer(epoch.0));
    query.execute(connection).await.map_err(while_doing("giving a lease back"))?;
    Ok(())
}

/// Who we are, for people; the last part makes it ours alone, also where every container is process 1 of one host.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "unknown host".to_owned());
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{} process {} ({})", host.trim(), std::process::id(), &unique[..12])
}
