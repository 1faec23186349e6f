//! Rows per second by back end and size of batch: `commit_speed [tasks [url...]]`.
//!
//! Without urls: memory, SQLite in a temporary directory, and a PostgreSQL of this program's own, which waits for its
//! disk as one in production does.

use plimsoll_store::testing::TestPostgres;
use plimsoll_store::{DatabaseSpeed, database_speed};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let tasks = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let mut urls: Vec<String> = arguments.collect();
    let directory = tempfile::tempdir()?;
    let mut postgres = None;
    if urls.is_empty() {
        let server = postgres.insert(TestPostgres::start_with(&["shared_buffers=256MB", "max_wal_size=4GB"]).await?);
        let sqlite = format!("sqlite://{}", directory.path().join("bench.db").display());
        urls = vec!["memory:".to_owned(), sqlite, server.url()];
    }
    println!("{:10} {:>6} {:>9} {:>9} {:>9} {:>9}", "", "batch", "created", "running", "stopped", "overall");
    for url in &urls {
        let name = url.split(':').next().unwrap_or_default();
        for batch in [500, 2_000] {
            let DatabaseSpeed { created, running, stopped, overall } = database_speed(url, tasks, batch).await?;
            println!("{name:10} {batch:6} {created:9.0} {running:9.0} {stopped:9.0} {overall:9.0}");
        }
    }
    Ok(())
}
