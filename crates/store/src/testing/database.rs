//! A database of one test's own.

use super::{StartError, TestPostgres};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::str::FromStr;
use tokio::sync::OnceCell;

/// The server of this test process, unless PLIMSOLL_TEST_POSTGRES_URL names one. It ends with the process.
static SERVER: OnceCell<TestPostgres> = OnceCell::const_new();

/// Dropped with the test that made it.
pub struct TestDatabase {
    url: String,
    name: String,
    server: String,
}

impl TestDatabase {
    pub async fn create() -> Result<Self, StartError> {
        let server = match std::env::var("PLIMSOLL_TEST_POSTGRES_URL") {
            Ok(url) => url,
            Err(_) => SERVER.get_or_try_init(TestPostgres::start).await?.url(),
        };
        let name = format!("plimsoll_test_{}", uuid::Uuid::new_v4().simple());
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
            .await
            .map_err(|error| StartError::Failed { doing: "making a database", output: error.to_string() })?;
        let options = PgConnectOptions::from_str(&server).map(|options| options.database(&name));
        let url = options.map(|options| options.to_url_lossy().to_string());
        let url = url.map_err(|error| StartError::Failed { doing: "reading a url", output: error.to_string() })?;
        Ok(TestDatabase { url, name, server })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    /// On a thread of its own: the runtime of the test may be at its end, and cannot be waited for from here.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let dropped = runtime
                .map(|runtime| runtime.block_on(run(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))));
            if let Ok(Err(error)) = dropped {
                eprintln!("database {name} not dropped: {error}");
            }
        });
        if dropping.join().is_err() {
            eprintln!("database {} not dropped", self.name);
        }
    }
}

async fn run(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    connection.close().await
}
