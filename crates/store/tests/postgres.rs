//! The suite on PostgreSQL, and what is PostgreSQL's alone: the fence, leases that run out, a server that restarts.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use async_trait::async_trait;
use plimsoll_model::{Batch, Change, TaskDefinition};
use plimsoll_store::conformance::{BackEnd, rows};
use plimsoll_store::testing::{TestDatabase, TestPostgres};
use plimsoll_store::{Error, Lease, PostgresStore, Settings, Store, open_with};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

struct Postgres(TestDatabase);

impl Postgres {
    async fn new() -> Self {
        Postgres(TestDatabase::create().await.unwrap())
    }

    async fn open_with_ttl(&self, lease_ttl: Duration) -> Arc<dyn Store> {
        let settings = Settings { lease_ttl, ..Settings::standard() };
        Arc::new(PostgresStore::open(self.0.url(), &settings).await.unwrap())
    }

    /// Sees and does what an operator can.
    async fn operator(&self) -> PgConnection {
        PgConnection::connect(self.0.url()).await.unwrap()
    }
}

#[async_trait]
impl BackEnd for Postgres {
    async fn open(&self) -> Arc<dyn Store> {
        self.open_with_ttl(Duration::from_secs(600)).await
    }

    async fn open_beside(&self) -> Option<Arc<dyn Store>> {
        Some(self.open().await)
    }
}

plimsoll_store::conformance_tests!(Postgres::new().await);

const LONG: Duration = Duration::from_secs(600);

/// A store with a lease and a cluster with an instance.
async fn writer(postgres: &Postgres, lease_ttl: Duration) -> (Arc<dyn Store>, Lease, Arc<TaskDefinition>) {
    let store = postgres.open_with_ttl(lease_ttl).await;
    let lease = store.acquire(&rows::key("fence")).await.unwrap();
    let definition = rows::definition("web");
    let definition = store.register_task_definition(&lease.cluster.namespace, definition).await.unwrap();
    store.commit(&lease, &Batch::from_changes(&rows::empty_instance(7))).await.unwrap();
    (store, lease, definition)
}

fn event_batch(sequence: u64) -> Batch {
    Batch::from_changes(&[Change::Event(Arc::new(rows::event("web", sequence, "written")))])
}

async fn scalar(operator: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(operator).await.unwrap()
}

/// Waits until the query says more than zero.
async fn until(operator: &mut PgConnection, sql: &str) {
    while scalar(operator, sql).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Holds up every commit that writes an event, in the middle of its transaction.
const STOP_COMMITS: &str = "BEGIN; LOCK TABLE service_events IN ACCESS EXCLUSIVE MODE";
const COMMIT_STOPPED: &str =
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'service_events'::regclass";
const WAITS_FOR_FENCE: &str =
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND mode = 'ExclusiveLock'
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

fn spawn_commit(store: &Arc<dyn Store>, lease: &Lease, batch: Batch) -> JoinHandle<Result<(), Error>> {
    let (store, lease) = (Arc::clone(store), lease.clone());
    tokio::spawn(async move { store.commit(&lease, &batch).await })
}

/// I-30, D-2: the commit either comes before the take-over, which waits for it, or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_over_waits_for_the_commit_it_finds_under_way() {
    let postgres = Postgres::new().await;
    let (first, lease, _) = writer(&postgres, LONG).await;
    let (mut stopper, mut operator) = (postgres.operator().await, postgres.operator().await);
    stopper.execute(STOP_COMMITS).await.unwrap();
    let committing = spawn_commit(&first, &lease, event_batch(1));
    until(&mut operator, COMMIT_STOPPED).await;

    // Its lease has run out as far as the next process is concerned.
    operator.execute("UPDATE leases SET renewed_at = renewed_at - interval '1 hour'").await.unwrap();
    let second = postgres.open_with_ttl(Duration::from_secs(60)).await;
    let taking_over = tokio::spawn({
        let (second, cluster) = (Arc::clone(&second), lease.cluster.clone());
        async move { second.acquire(&cluster).await }
    });
    until(&mut operator, WAITS_FOR_FENCE).await;
    assert!(!taking_over.is_finished());
    assert!(!committing.is_finished());

    stopper.execute("COMMIT").await.unwrap();
    committing.await.unwrap().unwrap();
    let taken = taking_over.await.unwrap().unwrap();
    let image = second.load(&taken).await.unwrap();
    assert_eq!(image.events.len(), 1);
    let late = first.commit(&lease, &event_batch(2)).await;
    assert!(matches!(late, Err(Error::Fenced { .. })), "{late:?}");
    assert_eq!(second.load(&taken).await.unwrap(), image);
}

/// F-2: the holder is stopped in mid-transaction; the server ends the transaction, and nothing of it is ever seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_stopped_for_too_long_never_lands() {
    let postgres = Postgres::new().await;
    let lease_ttl = Duration::from_millis(900);
    let (first, lease, _) = writer(&postgres, lease_ttl).await;
    let (mut stopper, mut operator) = (postgres.operator().await, postgres.operator().await);
    stopper.execute(STOP_COMMITS).await.unwrap();
    let committing = spawn_commit(&first, &lease, event_batch(1));
    until(&mut operator, COMMIT_STOPPED).await;

    let second = postgres.open_with_ttl(lease_ttl).await;
    let taken = loop {
        match second.acquire(&lease.cluster).await {
            Ok(taken) => break taken,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    stopper.execute("COMMIT").await.unwrap();
    let stopped = committing.await.unwrap();
    assert!(matches!(&stopped, Err(error) if error.is_retryable()), "{stopped:?}");
    assert!(second.load(&taken).await.unwrap().events.is_empty());
    let late = first.commit(&lease, &event_batch(2)).await;
    assert!(matches!(late, Err(Error::Fenced { .. })), "{late:?}");
}

/// A commit whose caller has gone may still land: `load` comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loading_waits_for_a_commit_nobody_waits_for() {
    let postgres = Postgres::new().await;
    let (store, lease, _) = writer(&postgres, LONG).await;
    let (mut stopper, mut operator) = (postgres.operator().await, postgres.operator().await);
    stopper.execute(STOP_COMMITS).await.unwrap();
    let committing = spawn_commit(&store, &lease, event_batch(1));
    until(&mut operator, COMMIT_STOPPED).await;
    committing.abort();

    let loading = tokio::spawn({
        let (store, lease) = (Arc::clone(&store), lease.clone());
        async move { store.load(&lease).await }
    });
    until(&mut operator, WAITS_FOR_FENCE).await;
    stopper.execute("COMMIT").await.unwrap();
    let image = loading.await.unwrap().unwrap();
    assert_eq!(store.load(&lease).await.unwrap(), image);
    // Whatever became of it, the writer goes on.
    store.commit(&lease, &event_batch(2)).await.unwrap();
    assert!(store.load(&lease).await.unwrap().events.values().any(|events| events.contains_key(&2)));
}

/// A holder that does not renew is replaced, although its session is alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_not_renewed_runs_out() {
    let postgres = Postgres::new().await;
    let (first, lease, _) = writer(&postgres, LONG).await;
    let patient = postgres.open_with_ttl(LONG).await;
    assert!(matches!(patient.acquire(&lease.cluster).await, Err(Error::LeaseHeld { .. })));
    let impatient = postgres.open_with_ttl(Duration::from_millis(300)).await;
    let taken = loop {
        match impatient.acquire(&lease.cluster).await {
            Ok(taken) => break taken,
            Err(error) => assert!(matches!(error, Error::LeaseHeld { .. }), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(taken.epoch.0, lease.epoch.0 + 1);
    assert_eq!(first.renew(std::slice::from_ref(&lease)).await.unwrap(), std::slice::from_ref(&lease.cluster));
    // The new holder shows a sign of life of its own, and is left alone while it renews.
    assert_eq!(impatient.renew(std::slice::from_ref(&taken)).await.unwrap(), []);
    assert!(matches!(patient.acquire(&lease.cluster).await, Err(Error::LeaseHeld { .. })));
}

/// As `kill -9` does: the holder's sessions end, and nobody waits for the lease to run out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_holder_is_replaced_at_once() {
    let postgres = Postgres::new().await;
    let (first, lease, _) = writer(&postgres, LONG).await;
    let second = postgres.open_with_ttl(LONG).await;
    assert!(matches!(second.acquire(&lease.cluster).await, Err(Error::LeaseHeld { .. })));
    let mut operator = postgres.operator().await;
    let end_holder = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(scalar(&mut operator, end_holder).await, 1);
    let gone = "SELECT (count(*) = 0)::integer::bigint FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until(&mut operator, gone).await;

    // Not dead after all: at its next renewal the sign of life is back.
    assert_eq!(first.renew(std::slice::from_ref(&lease)).await.unwrap(), []);
    assert!(matches!(second.acquire(&lease.cluster).await, Err(Error::LeaseHeld { .. })));

    assert_eq!(scalar(&mut operator, end_holder).await, 1);
    until(&mut operator, gone).await;
    let taken = second.acquire(&lease.cluster).await.unwrap();
    assert_eq!(taken.epoch.0, lease.epoch.0 + 1);
    assert_eq!(first.renew(std::slice::from_ref(&lease)).await.unwrap(), std::slice::from_ref(&lease.cluster));
}

/// F-4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_row_changed_by_hand_fences() {
    let postgres = Postgres::new().await;
    for harm in ["UPDATE leases SET epoch = epoch + 5", "DELETE FROM leases"] {
        let (store, lease, _) = writer(&postgres, LONG).await;
        postgres.operator().await.execute(harm).await.unwrap();
        let late = store.commit(&lease, &event_batch(1)).await;
        assert!(matches!(late, Err(Error::Fenced { .. })), "{harm}: {late:?}");
        assert!(matches!(store.load(&lease).await, Err(Error::Fenced { .. })), "{harm}");
        assert_eq!(store.renew(std::slice::from_ref(&lease)).await.unwrap(), std::slice::from_ref(&lease.cluster));
    }
}

/// F-5: the same store goes on after the server came back, without anybody's help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_server_is_survived() {
    let mut server = TestPostgres::start().await.unwrap();
    let settings = Settings { lease_ttl: LONG, connect_timeout: Duration::from_millis(300), ..Settings::standard() };
    let store = open_with(&server.url(), &settings).await.unwrap();
    let lease = store.acquire(&rows::key("restart")).await.unwrap();
    // Several connections in the pool, all of which will be dead.
    let commits: Vec<_> = (0..4).map(|sequence| spawn_commit(&store, &lease, event_batch(sequence))).collect();
    for commit in commits {
        commit.await.unwrap().unwrap();
    }
    server.stop().await.unwrap();
    for error in [
        store.commit(&lease, &event_batch(9)).await.unwrap_err(),
        store.load(&lease).await.unwrap_err(),
        store.renew(std::slice::from_ref(&lease)).await.unwrap_err(),
        store.ping().await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    }
    server.start_again().await.unwrap();
    store.commit(&lease, &event_batch(5)).await.unwrap();
    assert_eq!(store.renew(std::slice::from_ref(&lease)).await.unwrap(), []);
    store.ping().await.unwrap();
    assert_eq!(store.load(&lease).await.unwrap().events.values().next().unwrap().len(), 5);
}

/// D-1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_lose_commits_is_refused() {
    for value in ["off", "local"] {
        let postgres = Postgres::new().await;
        let set = format!("ALTER DATABASE {} SET synchronous_commit = {value}", postgres.0.name());
        postgres.operator().await.execute(AssertSqlSafe(set)).await.unwrap();
        let Err(error) = open_with(postgres.0.url(), &Settings::standard()).await else {
            panic!("opened with {value}")
        };
        assert!(matches!(error, Error::NotDurable { setting: "synchronous_commit", .. }), "{error:?}");
        let allowed = Settings { asynchronous_commit_allowed: true, ..Settings::standard() };
        open_with(postgres.0.url(), &allowed).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    let server = TestPostgres::start().await.unwrap();
    let mut operator = PgConnection::connect(&server.url()).await.unwrap();
    operator.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'").await.unwrap();
    let Err(error) = open_with(&server.url_of("latin"), &Settings::standard()).await else { panic!("opened") };
    assert!(matches!(&error, Error::Encoding { encoding } if encoding == "LATIN1"), "{error:?}");
}

/// F-7: a full or read-only server is a matter of time, not of the batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_server_is_a_passing_condition() {
    let postgres = Postgres::new().await;
    let (store, lease, _) = writer(&postgres, LONG).await;
    let mut operator = postgres.operator().await;
    let set = format!("ALTER DATABASE {} SET default_transaction_read_only = on", postgres.0.name());
    operator.execute(AssertSqlSafe(set)).await.unwrap();
    // It is for sessions that begin later.
    operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").await.unwrap();
    until(
        &mut operator,
        "SELECT (count(*) = 1)::integer::bigint FROM pg_stat_activity WHERE datname = current_database()",
    )
    .await;
    let error = store.commit(&lease, &event_batch(1)).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    store.load(&lease).await.unwrap();
}

/// Changes of state stay in their page and touch no index, whatever changes about a task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn task_and_usage_updates_touch_no_index() {
    let postgres = Postgres::new().await;
    let (store, lease, definition) = writer(&postgres, LONG).await;
    let tasks: Vec<_> = (1..=200).map(|id| rows::bare_task(id, 7, &definition.id)).collect();
    let mut changes: Vec<Change> = tasks.iter().map(rows::created).collect();
    changes.push(rows::used(7, 200));
    store.commit(&lease, &Batch::from_changes(&changes)).await.unwrap();
    // One in five: a page has room for some more versions of its rows, not for one of each at once.
    let changes = tasks.into_iter().step_by(5).map(|mut task| {
        rows::stop(&mut task);
        task.stopped_at = Some(rows::at(99));
        rows::updated(&task)
    });
    let mut changes: Vec<Change> = changes.collect();
    changes.push(rows::used(7, 160));
    store.commit(&lease, &Batch::from_changes(&changes)).await.unwrap();
    let mut operator = postgres.operator().await;
    // Sessions hand in their statistics when they have been idle for a while, or end.
    drop(store);
    until(&mut operator, "SELECT (n_tup_upd >= 40)::integer::bigint FROM pg_stat_user_tables WHERE relname = 'tasks'")
        .await;
    let cold = "SELECT (n_tup_upd - n_tup_hot_upd)::bigint FROM pg_stat_user_tables WHERE relname = ";
    assert_eq!(scalar(&mut operator, &format!("{cold}'tasks'")).await, 0);
    assert_eq!(scalar(&mut operator, &format!("{cold}'instance_usage'")).await, 0);
}
