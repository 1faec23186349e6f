//! A container engine for the tests: the one that answers, else a private dockerd that ends with this program.

use super::process::{Step, find};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Made from the machine's static busybox: there is no registry to pull from.
pub const TEST_IMAGE: &str = "plimsoll-test-busybox:latest";
const READY_WITHIN: Duration = Duration::from_secs(60);
const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

pub struct Engine {
    pub host: String,
    own: Option<Child>,
}

pub fn default_engine_answers() -> bool {
    answers(DEFAULT_HOST)
}

fn client(host: &str) -> Step {
    Step::new("docker").args(["-H", host])
}

fn answers(host: &str) -> bool {
    client(host).args(["version", "--format", "{{.Server.Version}}"]).succeeds()
}

impl Engine {
    pub fn answering_or_started(work: &Path) -> Result<Self> {
        let offered = std::env::var("PLIMSOLL_TEST_DOCKER").or_else(|_| std::env::var("DOCKER_HOST"));
        let engine = match offered {
            Ok(host) if answers(&host) => Engine { host, own: None },
            Ok(host) => bail!("the container engine at {host} does not answer"),
            Err(_) if default_engine_answers() => Engine { host: DEFAULT_HOST.into(), own: None },
            Err(_) => start(&work.join("docker"))?,
        };
        import_test_image(&engine.host, work)?;
        Ok(engine)
    }
}

fn start(dir: &Path) -> Result<Engine> {
    let Some(dockerd) = find("dockerd", &["/usr/sbin", "/sbin"]) else {
        bail!("no container engine answers and dockerd is not installed: apt-get install docker.io");
    };
    std::fs::create_dir_all(dir)?;
    let host = format!("unix://{}", dir.join("docker.sock").display());
    let log = std::fs::File::create(dir.join("dockerd.log"))?;
    let own = Command::new(dockerd)
        .arg("--data-root")
        .arg(dir.join("data"))
        .arg("--exec-root")
        .arg(dir.join("exec"))
        .arg("--pidfile")
        .arg(dir.join("pid"))
        .args(["-H", &host, "--iptables=false", "--ip-forward=false", "--ip-masq=false"])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("dockerd")?;
    let mut engine = Engine { host, own: Some(own) };
    let started = Instant::now();
    while !answers(&engine.host) {
        let ended = engine.own.as_mut().map(Child::try_wait).transpose()?.flatten();
        if ended.is_some() || started.elapsed() > READY_WITHIN {
            let log = std::fs::read_to_string(dir.join("dockerd.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            bail!(
                "the private dockerd does not answer (root is needed); its last lines, newest first:\n{}",
                tail.join("\n")
            );
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(engine)
}

/// An image of one static busybox with its applets as links.
fn import_test_image(host: &str, work: &Path) -> Result<()> {
    if client(host).args(["image", "inspect", TEST_IMAGE]).succeeds() {
        return Ok(());
    }
    let busybox = [PathBuf::from("/bin/busybox"), PathBuf::from("/usr/bin/busybox")]
        .into_iter()
        .find(|path| path.exists())
        .context("busybox-static is not installed")?;
    let tree = work.join("image");
    std::fs::create_dir_all(tree.join("bin"))?;
    std::fs::create_dir_all(tree.join("tmp"))?;
    std::fs::copy(&busybox, tree.join("bin/busybox"))?;
    for applet in Step::new(&busybox).args(["--list"]).output()?.lines().filter(|applet| *applet != "busybox") {
        std::os::unix::fs::symlink("busybox", tree.join("bin").join(applet))?;
    }
    let archive = work.join("image.tar");
    Step::new("tar").args(["-C"]).args([&tree]).args(["-cf"]).args([&archive]).args(["."]).run()?;
    client(host).args(["import"]).args([&archive]).args([TEST_IMAGE]).output()?;
    Ok(())
}

impl Drop for Engine {
    fn drop(&mut self) {
        let Some(child) = &mut self.own else { return };
        let containers = client(&self.host).args(["ps", "-aq"]).output().unwrap_or_default();
        let ids: Vec<&str> = containers.split_whitespace().collect();
        if !ids.is_empty() && !client(&self.host).args(["rm", "-f"]).args(&ids).succeeds() {
            eprintln!("could not remove {} containers of the private dockerd", ids.len());
        }
        if !Step::new("kill").args([child.id().to_string()]).succeeds() {
            eprintln!("could not stop the private dockerd with pid {}", child.id());
            return;
        }
        if let Err(error) = child.wait() {
            eprintln!("waiting for the private dockerd: {error}");
        }
    }
}
