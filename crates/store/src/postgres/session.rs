//! Leases, and the database connection that keeps them: one of its own, away from commits and their load (D-2).
//!
//! Besides renewing the rows, the session holds an advisory lock per lease, a sign of life: the server frees those the
//! moment the process dies, so the next process need not wait for the lease to run out.

use super::transaction::FENCE;
use crate::error::Error;
use crate::lease::Lease;
use crate::open::Settings;
use crate::rows::integer;
use crate::sql_error::while_doing;
use plimsoll_model::{ClusterKey, Epoch};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection, Row, query, query_scalar, raw_sql};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Mutex;

/// The key of a sign of life: cluster and epoch, so that every holder has one of its own, whatever becomes of the
/// holder before. One-part keys are a space apart from the two-part keys of the fence.
const SIGN_OF_LIFE: &str = "((cluster_id::bigint << 32) | (epoch & 4294967295))";

const TAKING: &str = "taking a lease";

pub(super) struct LeaseSession {
    options: PgConnectOptions,
    holder: String,
    lease_ttl: Duration,
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
        let state = Mutex::new(State { connection: None, held: BTreeMap::new() });
        LeaseSession { options, holder: holder(), lease_ttl: settings.lease_ttl, state }
    }

    /// Goes through a connection of `pool`, so that waiting for a hung holder does not hold up renewals.
    pub async fn acquire(&self, pool: &PgPool, cluster: &ClusterKey, cluster_id: i32) -> Result<Lease, Error> {
        let held_by = |holder| Error::LeaseHeld { cluster: cluster.clone(), holder };
        let seen = self.look(pool, cluster_id).await.map_err(while_doing(TAKING))?;
        // The fence's exclusive lock waits for commits of the holder, and its commits for us: not while it lives.
        if !seen.is_free {
            return Err(held_by(seen.holder.unwrap_or_default()));
        }
        let mut transaction = pool.begin().await.map_err(while_doing(TAKING))?;
        let raised = self.raise_epoch(&mut transaction, cluster_id, seen.epoch).await.map_err(while_doing(TAKING))?;
        let Some(epoch) = raised else {
            return Err(held_by("another process, since a moment ago".to_owned()));
        };
        // Before anybody can see the epoch, and ask whether its holder lives.
        self.sign_on(cluster_id, epoch).await?;
        if let Err(error) = transaction.commit().await {
            self.sign_off(cluster_id, epoch).await?;
            return Err(while_doing(TAKING)(error));
        }
        Ok(Lease { cluster: cluster.clone(), epoch, cluster_id })
    }

    /// Free: nobody's, our own, without a sign of life, or not renewed in time by the one clock both sides share.
    async fn look(&self, pool: &PgPool, cluster_id: i32) -> Result<Seen, sqlx::Error> {
        let sql = format!(
            "SELECT epoch, holder,
                    holder IS NULL OR holder = $2
                    OR renewed_at < clock_timestamp() - $3 * interval '1 millisecond'
                    OR pg_try_advisory_xact_lock({SIGN_OF_LIFE})
             FROM leases WHERE cluster_id = $1"
        );
        let lease_ttl_ms = i64::try_from(self.lease_ttl.as_millis()).unwrap_or(i64::MAX);
        let query = query(AssertSqlSafe(sql)).bind(cluster_id).bind(&self.holder).bind(lease_ttl_ms);
        let row = query.fetch_one(pool).await?;
        Ok(Seen { epoch: row.try_get(0)?, holder: row.try_get(1)?, is_free: row.try_get(2)? })
    }

    /// Waits until no commit of an earlier epoch is under way; each is ended by the server after a third of the time
    /// to live. `None` when somebody else was faster.
    async fn raise_epoch(
        &self,
        connection: &mut PgConnection,
        cluster_id: i32,
        seen: i64,
    ) -> Result<Option<Epoch>, sqlx::Error> {
        let timeout_ms = self.lease_ttl.as_millis();
        let lock =
            format!("SET LOCAL statement_timeout = {timeout_ms}; SELECT pg_advisory_xact_lock({FENCE}, {cluster_id})");
        raw_sql(AssertSqlSafe(lock)).execute(&mut *connection).await?;
        let raise = "UPDATE leases SET epoch = epoch + 1, holder = $2, renewed_at = clock_timestamp()
                     WHERE cluster_id = $1 AND epoch = $3 RETURNING epoch";
        let raise = query_scalar::<_, i64>(raise).bind(cluster_id).bind(&self.holder).bind(seen);
        let epoch = raise.fetch_optional(connection).await?;
        Ok(epoch.map(|epoch| Epoch(epoch.unsigned_abs())))
    }

    pub async fn renew(&self, leases: &[Lease]) -> Result<Vec<ClusterKey>, Error> {
        let doing = "renewing leases";
        let mut state = self.state.lock().await;
        let renewing = async {
            let mut connection = self.connect(&mut state).await?;
            let ids: Vec<i32> = leases.iter().map(|lease| lease.cluster_id).collect();
            let epochs: Vec<i64> = leases.iter().map(|lease| integer(lease.epoch.0)).collect();
            let query = query_scalar::<_, i32>(
                "UPDATE leases SET renewed_at = clock_timestamp()
                 FROM UNNEST($1::integer[], $2::bigint[]) AS ours (cluster_id, epoch)
                 WHERE leases.cluster_id = ours.cluster_id AND leases.epoch = ours.epoch AND leases.holder = $3
                 RETURNING leases.cluster_id",
            );
            let renewed = query.bind(ids).bind(epochs).bind(&self.holder).fetch_all(&mut connection).await?;
            state.connection = Some(connection);
            Ok(renewed)
        };
        let renewed = self.in_time(doing, renewing).await?;
        drop(state);
        let lost: Vec<&Lease> = leases.iter().filter(|lease| !renewed.contains(&lease.cluster_id)).collect();
        for lease in &lost {
            self.sign_off(lease.cluster_id, lease.epoch).await?;
        }
        Ok(lost.into_iter().map(|lease| lease.cluster.clone()).collect())
    }

    pub async fn release(&self, pool: &PgPool, lease: &Lease) -> Result<(), Error> {
        let sql = "UPDATE leases SET holder = NULL WHERE cluster_id = $1 AND epoch = $2 AND holder = $3";
        let query = query(sql).bind(lease.cluster_id).bind(integer(lease.epoch.0)).bind(&self.holder);
        query.execute(pool).await.map_err(while_doing("giving a lease back"))?;
        self.sign_off(lease.cluster_id, lease.epoch).await
    }

    async fn sign_on(&self, cluster_id: i32, epoch: Epoch) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let signing = async {
            let mut connection = self.connect(&mut state).await?;
            lock(&mut connection, "pg_try_advisory_lock", &[(cluster_id, epoch)]).await?;
            if let Some(before) = state.held.insert(cluster_id, epoch) {
                lock(&mut connection, "pg_advisory_unlock", &[(cluster_id, before)]).await?;
            }
            state.connection = Some(connection);
            Ok(())
        };
        self.in_time(TAKING, signing).await
    }

    /// Nothing to do when a later epoch has been signed on since.
    async fn sign_off(&self, cluster_id: i32, epoch: Epoch) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        if state.held.get(&cluster_id) != Some(&epoch) {
            return Ok(());
        }
        state.held.remove(&cluster_id);
        let signing = async {
            let mut connection = self.connect(&mut state).await?;
            lock(&mut connection, "pg_advisory_unlock", &[(cluster_id, epoch)]).await?;
            state.connection = Some(connection);
            Ok(())
        };
        self.in_time("giving a lease back", signing).await
    }

    /// The connection of last time if it still answers, else another one that shows the signs of life again.
    async fn connect(&self, state: &mut State) -> Result<PgConnection, sqlx::Error> {
        if let Some(mut connection) = state.connection.take()
            && connection.ping().await.is_ok()
        {
            return Ok(connection);
        }
        let mut connection = PgConnection::connect_with(&self.options).await?;
        let held: Vec<(i32, Epoch)> = state.held.iter().map(|(id, epoch)| (*id, *epoch)).collect();
        // One that is not granted is still held by our own connection of before, until the server notices its end.
        lock(&mut connection, "pg_try_advisory_lock", &held).await?;
        Ok(connection)
    }

    /// A server that does not answer costs one renewal, not all of them.
    async fn in_time<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(self.lease_ttl / 3, work).await {
            Ok(done) => done.map_err(while_doing(doing)),
            Err(source) => Err(Error::Unavailable { doing, source: source.into() }),
        }
    }
}

async fn lock(
    connection: &mut PgConnection,
    function: &'static str,
    leases: &[(i32, Epoch)],
) -> Result<(), sqlx::Error> {
    let sql = format!(
        "SELECT {function}({SIGN_OF_LIFE}) FROM UNNEST($1::integer[], $2::bigint[]) AS ours (cluster_id, epoch)"
    );
    let ids: Vec<i32> = leases.iter().map(|(id, _)| *id).collect();
    let epochs: Vec<i64> = leases.iter().map(|(_, epoch)| integer(epoch.0)).collect();
    query(AssertSqlSafe(sql)).bind(ids).bind(epochs).execute(connection).await?;
    Ok(())
}

/// Who we are, for people; the last part makes it ours alone, also where every container is process 1 of one host.
fn holder() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "unknown host".to_owned());
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{} process {} ({})", host.trim(), std::process::id(), &unique[..12])
}
