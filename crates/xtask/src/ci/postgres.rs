//! A Postgres for the tests: the one that is offered, else a private one that ends with this program.

use super::process::{Step, find};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(30);

pub struct Server {
    pub url: String,
    own: Option<Child>,
}

/// The directory of `initdb` and `postgres`. Debian keeps them out of `PATH`.
pub fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file())
        .collect();
    versions.sort();
    let in_path = || find("initdb", &[]).filter(|_| find("postgres", &[]).is_some());
    versions.pop().or_else(|| in_path()?.parent().map(PathBuf::from))
}

impl Server {
    pub fn answering_or_started(work: &Path) -> Result<Self> {
        if let Ok(url) = std::env::var("PLIMSOLL_TEST_POSTGRES_URL") {
            println!("using the server of PLIMSOLL_TEST_POSTGRES_URL");
            return Ok(Server { url, own: None });
        }
        let Some(binaries) = binaries() else {
            bail!("no PostgreSQL server found: apt-get install postgresql, or set PLIMSOLL_TEST_POSTGRES_URL");
        };
        start(&binaries, &work.join("postgres"))
    }
}

fn start(binaries: &Path, dir: &Path) -> Result<Server> {
    std::fs::create_dir_all(dir)?;
    let data = dir.join("data");
    let root = Step::new("id").args(["-u"]).output()?.trim() == "0";
    if root {
        // The server refuses to run as root; Debian's package brings the user `postgres`.
        open_to_all(dir)?;
        Step::new("chown").args(["postgres"]).args([dir]).run()?;
    }
    let as_server = |program: &str| {
        let program = binaries.join(program);
        if root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        }
    };
    let log = std::fs::File::create(dir.join("initdb.log"))?;
    let made = as_server("initdb")
        .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"])
        .arg(&data)
        .stdin(Stdio::null())
        .stdout(log)
        .status()
        .context("initdb")?;
    if !made.success() {
        bail!("initdb ended with {made}; see {}", dir.join("initdb.log").display());
    }
    let port = free_port()?;
    let log = std::fs::File::create(dir.join("postgres.log"))?;
    let own = as_server("postgres")
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k", "", "-c", "max_connections=200"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("postgres")?;
    let server = Server { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), own: Some(own) };
    let started = Instant::now();
    let ready =
        || Step::new(binaries.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).succeeds();
    while !ready() {
        if started.elapsed() > READY_WITHIN {
            bail!("the private Postgres did not answer; see {}", dir.join("postgres.log").display());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(server)
}

fn open_to_all(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    for ancestor in dir.ancestors().take(2) {
        std::fs::set_permissions(ancestor, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.own {
            // SIGQUIT: the data is thrown away with the directory.
            let ended = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            if !ended.is_ok_and(|status| status.success()) {
                eprintln!("could not stop the private Postgres with pid {}", child.id());
                return;
            }
            if let Err(error) = child.wait() {
                eprintln!("waiting for the private Postgres: {error}");
            }
        }
    }
}
