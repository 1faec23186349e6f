//! One health check of a container: executed inside it, ended with all it started when its time is over.
//!
//! A process of its own, like the shim: it can enter the container's group, and if the agent that asked is killed it
//! still sees to the end of the check.

use super::directory::Directory;
use super::procfs;
use super::shim::{inside, spawn};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::io;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The argument behind the container's directory that asks for a check.
pub(super) const CHECK: &str = "--check";

/// Most checks take milliseconds, some take as long as they may.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(1);
const LOOK_EVERY_MAX: Duration = Duration::from_millis(20);

/// Succeeds when the check did.
pub(super) fn check(directory: &Directory) -> io::Result<ExitCode> {
    let order = directory.order()?;
    let Some(check) = &order.health_check else { return Err(io::Error::other("the container has no health check")) };
    let mut command = inside(directory, &order, &check.arguments)?;
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let main = spawn(command, &order)?;
    let succeeded = ended_well(main, Instant::now() + check.timeout)?;
    end_all(main);
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// False when it failed or did not end in time.
fn ended_well(main: Pid, deadline: Instant) -> io::Result<bool> {
    let mut pause = LOOK_EVERY_MIN;
    loop {
        match waitpid(main, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, code) => return Ok(code == 0),
            WaitStatus::Signaled(..) => return Ok(false),
            _ if Instant::now() >= deadline => return Ok(false),
            _ => {}
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LOOK_EVERY_MAX);
    }
}

/// Its process group, and whatever left that and has become a child of this process.
fn end_all(main: Pid) {
    loop {
        killpg(main, Signal::SIGKILL).ok();
        for child in procfs::children() {
            kill(Pid::from_raw(child), Signal::SIGKILL).ok();
        }
        if nix::sys::wait::wait() == Err(nix::errno::Errno::ECHILD) {
            return;
        }
    }
}
