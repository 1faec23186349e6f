//! A dockerd of one's own: one that may be killed.

// Each test file uses a part of this, and a bench that cannot be set up is a failed test.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_WITHIN: Duration = Duration::from_secs(60);

pub struct PrivateEngine {
    directory: tempfile::TempDir,
    live_restore: bool,
    dockerd: Option<Child>,
}

impl PrivateEngine {
    /// `None` where Docker was not asked for. Where it was, this needs root and dockerd.
    pub fn started(live_restore: bool) -> Option<Self> {
        if std::env::var("PLIMSOLL_TEST_DOCKER").is_err() {
            println!("PLIMSOLL_TEST_DOCKER is not set: Docker was not asked for");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("plimsoll-dockerd-").tempdir().unwrap();
        let mut engine = PrivateEngine { directory, live_restore, dockerd: None };
        engine.start();
        super::import_image(&engine.host());
        Some(engine)
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock"))
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Returns when it answers.
    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("dockerd.log")).unwrap();
        let program = ["/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"];
        let program = program.into_iter().find(|path| Path::new(path).exists()).expect("dockerd is installed");
        // In a network of its own: without a bridge it takes the machine's docker0 away from whatever engine uses it.
        let mut command = Command::new("unshare");
        command
            .args(["--net", program])
            .args(["--data-root", &self.path("data"), "--exec-root", &self.path("exec")])
            .args(["--pidfile", &self.path("pid"), "-H", &self.host(), "--bridge=none", "--iptables=false"])
            .args(["--ip-forward=false", "--ip-masq=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if self.live_restore {
            command.arg("--live-restore");
        }
        let mut dockerd = command.spawn().unwrap();
        let give_up = Instant::now() + READY_WITHIN;
        while !self.answers() {
            let ended = dockerd.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.path("dockerd.log")).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < give_up, "dockerd does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        self.dockerd = Some(dockerd);
    }

    fn answers(&self) -> bool {
        let Ok(mut socket) = UnixStream::connect(self.path("docker.sock")) else { return false };
        let mut answer = [0; 64];
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let asked = socket.write_all(b"GET /_ping HTTP/1.0\r\n\r\n").and_then(|()| socket.read(&mut answer));
        asked.is_ok_and(|read| answer[..read].windows(4).any(|word| word == b" 200"))
    }

    /// In the middle of whatever it does. Its containerd goes with it and has to be collected: as long as that is a
    /// zombie the next dockerd waits for it, and not every init collects.
    pub fn kill(&mut self) {
        nix::sys::prctl::set_child_subreaper(true).unwrap();
        let containerd = std::fs::read_to_string(self.path("exec/containerd/containerd.pid")).unwrap();
        let containerd = nix::unistd::Pid::from_raw(containerd.trim().parse().unwrap());
        let mut dockerd = self.dockerd.take().expect("it runs");
        dockerd.kill().unwrap();
        dockerd.wait().unwrap();
        nix::sys::signal::kill(containerd, nix::sys::signal::Signal::SIGKILL).ok();
        nix::sys::wait::waitpid(containerd, None).unwrap();
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        if self.dockerd.is_none() && !std::thread::panicking() {
            self.start();
        }
        let host = self.host();
        let script = format!("docker -H {host} ps -aq | xargs -r docker -H {host} rm -f");
        Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).status().ok();
        if let Some(mut dockerd) = self.dockerd.take() {
            Command::new("kill").arg(dockerd.id().to_string()).status().ok();
            dockerd.wait().ok();
        }
    }
}
