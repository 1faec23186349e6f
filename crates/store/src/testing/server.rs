//! A PostgreSQL of the test's own, in a temporary directory, reachable by a socket there.
//!
//! A shell starts the server and then reads its standard input, which ends when the test process does, however it
//! ends: then the shell stops the server and removes the directory. So nothing is left behind by a test that was
//! killed, nor by a server kept in a `static`, which is never dropped.

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(60);

const SUPERVISE: &str = r#"
bin=$1; directory=$2; shift 2
cd "$directory"
[ -d data ] || "$bin/initdb" --no-sync -A trust -U postgres -E UTF8 --locale=C -D data >log 2>&1 || exit 1
"$bin/postgres" -D "$directory/data" -k "$directory" "$@" >>log 2>&1 &
server=$!
cat >/dev/null
# A server that has only just begun ignores QUIT, as a shell makes its children do, and dies of TERM.
kill -TERM "$server" 2>/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
[ -e keep ] || rm -rf "$directory"
"#;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "no PostgreSQL server binaries found: install PostgreSQL 15 or later (Debian: postgresql-15), put them on PATH, \
         or set PLIMSOLL_TEST_POSTGRES_URL to a server tests may make databases on"
    )]
    NotInstalled,
    #[error("PostgreSQL refuses to run as root, and there is no user postgres to run it as")]
    NoUser,
    #[error("{doing} failed: {output}")]
    Failed { doing: &'static str, output: String },
    #[error("{doing} failed")]
    Io { doing: &'static str, source: std::io::Error },
}

/// Stopped, and its files removed, when dropped.
pub struct TestPostgres {
    bin: PathBuf,
    /// `None` between [`TestPostgres::stop`] and [`TestPostgres::start_again`].
    supervisor: Option<Child>,
    directory: TempDir,
    user: Option<User>,
    settings: Vec<String>,
}

#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl TestPostgres {
    /// Starts a server that does not wait for disks: a test machine that loses power has lost the test.
    pub async fn start() -> Result<Self, StartError> {
        Self::start_with(&["fsync=off", "full_page_writes=off"]).await
    }

    pub async fn start_with(settings: &[&str]) -> Result<Self, StartError> {
        let bin = find_binaries().ok_or(StartError::NotInstalled)?;
        let directory = tempfile::Builder::new().prefix("plimsoll-pg-").tempdir();
        let directory = directory.map_err(|source| StartError::Io { doing: "making a directory", source })?;
        let user = user_for(directory.path())?;
        let mut server = TestPostgres { bin, supervisor: None, directory, user, settings: Vec::new() };
        let quiet = ["listen_addresses=", "max_connections=200", "shared_buffers=64MB", "log_checkpoints=off"];
        server.settings = quiet.iter().chain(settings).map(ToString::to_string).collect();
        server.start_again().await?;
        Ok(server)
    }

    /// A database every server has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    pub fn url_of(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.directory.path().display())
    }

    /// As a crash would: connections break, nothing is written out. The files stay.
    pub async fn stop(&mut self) -> Result<(), StartError> {
        let keep = self.directory.path().join("keep");
        std::fs::write(&keep, "").map_err(|source| StartError::Io { doing: "stopping the server", source })?;
        self.end_supervisor();
        std::fs::remove_file(keep).map_err(|source| StartError::Io { doing: "stopping the server", source })
    }

    pub async fn start_again(&mut self) -> Result<(), StartError> {
        let mut command = Command::new("/bin/sh");
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        command.args(["-c", SUPERVISE, "sh"]).arg(&self.bin).arg(self.directory.path());
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: an interrupt typed at the test reaches the server through the test's end, in order.
        command.process_group(0);
        let child = command.spawn().map_err(|source| StartError::Io { doing: "starting the server", source })?;
        self.supervisor = Some(child);
        self.wait_until_ready().await
    }

    async fn wait_until_ready(&mut self) -> Result<(), StartError> {
        let doing = "starting the server";
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let Err(error) = PgConnection::connect(&self.url()).await else { return Ok(()) };
            let supervisor = self.supervisor.as_mut().map(Child::try_wait).transpose();
            let ended = supervisor.map_err(|source| StartError::Io { doing, source })?.flatten().is_some();
            if ended || Instant::now() > deadline {
                let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
                return Err(StartError::Failed { doing, output: format!("{error}\n{log}") });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn end_supervisor(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            if let Err(error) = supervisor.wait() {
                eprintln!("test PostgreSQL in {}: {error}", self.directory.path().display());
            }
        }
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        self.end_supervisor();
    }
}

fn find_binaries() -> Option<PathBuf> {
    let has_server = |directory: &PathBuf| directory.join("postgres").is_file() && directory.join("initdb").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(directory) = std::env::split_paths(&path).find(has_server) {
        return Some(directory);
    }
    // Where Debian keeps them, one directory per major version; the newest wins.
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let directories = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).filter(has_server);
    directories.max_by_key(|bin| {
        let version = bin.parent().and_then(|version| version.file_name()).and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    })
}

/// Root hands the directory to the user postgres; everybody else runs the server themselves.
fn user_for(directory: &Path) -> Result<Option<User>, StartError> {
    use std::os::unix::fs::MetadataExt;
    let owner = directory.metadata().map_err(|source| StartError::Io { doing: "reading a directory", source })?.uid();
    if owner != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:")).ok_or(StartError::NoUser)?;
    let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
    let (Some(Ok(uid)), Some(Ok(gid))) = (numbers.next(), numbers.next()) else { return Err(StartError::NoUser) };
    chown(directory, Some(uid), Some(gid))
        .map_err(|source| StartError::Io { doing: "giving the directory to user postgres", source })?;
    Ok(Some(User { uid, gid }))
}
