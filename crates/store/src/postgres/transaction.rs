//! One fenced transaction: it commits only while its lease is the last one given (D-2, I-30).

use crate::error::Error;
use crate::lease::Lease;
use crate::rows::integer;
use crate::sql_error::{classify, is_lost_connection, while_doing};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::{AssertSqlSafe, Row, raw_sql};

/// First half of the two-part advisory lock key; the second is the cluster. "PLIM" in ASCII.
pub(super) const FENCE: i32 = 0x504c_494d;

/// A connection inside a transaction. Dropped anywhere before the end of [`WriteTransaction::commit`], it closes the
/// connection, and the server rolls back: nothing half-done ever returns to the pool.
pub(super) struct WriteTransaction {
    connection: Option<PoolConnection<Postgres>>,
}

impl WriteTransaction {
    /// Takes the fence's shared lock, and then reads the epoch.
    ///
    /// The order is the point. A take-over holds the exclusive lock while it raises the epoch, so with the shared lock
    /// held nobody can raise it before this transaction ends; and in READ COMMITTED the second SELECT has a snapshot
    /// of its own, taken after the lock was granted, so it sees every take-over that came first. One message carries
    /// all three statements: the server still runs them one after the other, each with its own snapshot.
    pub async fn begin(pool: &PgPool, lease: &Lease) -> Result<Self, Error> {
        let cluster_id = lease.cluster_id;
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED;
             SELECT pg_advisory_xact_lock_shared({FENCE}, {cluster_id});
             SELECT epoch FROM leases WHERE cluster_id = {cluster_id}"
        );
        let (transaction, rows) = Self::begin_on_live_connection(pool, sql).await?;
        // The first row is the lock's, which is void.
        let epoch = rows.get(1).map(|row| row.try_get::<i64, _>(0)).transpose();
        if epoch.map_err(while_doing("reading the epoch"))? != Some(integer(lease.epoch.0)) {
            return Err(Error::Fenced { cluster: lease.cluster.clone(), epoch: lease.epoch });
        }
        Ok(transaction)
    }

    /// Connections that died in the pool are thrown away until one answers: nothing has been written yet, so trying
    /// again is safe. Every connection of the pool may be dead, but no more than that.
    async fn begin_on_live_connection(pool: &PgPool, sql: String) -> Result<(Self, Vec<sqlx::postgres::PgRow>), Error> {
        let mut attempts_left = pool.options().get_max_connections();
        loop {
            let connection = pool.acquire().await.map_err(while_doing("connecting"))?;
            let mut transaction = WriteTransaction { connection: Some(connection) };
            match raw_sql(AssertSqlSafe(sql.clone())).fetch_all(transaction.connection()).await {
                Ok(rows) => return Ok((transaction, rows)),
                Err(error) if is_lost_connection(&error) && attempts_left > 0 => attempts_left -= 1,
                Err(error) => return Err(classify("beginning a commit", error)),
            }
        }
    }

    pub fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("only commit takes the connection, together with self")
    }

    pub async fn commit(mut self) -> Result<(), Error> {
        raw_sql("COMMIT").execute(self.connection()).await.map_err(while_doing("committing"))?;
        drop(self.connection.take());
        Ok(())
    }
}

impl Drop for WriteTransaction {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}
