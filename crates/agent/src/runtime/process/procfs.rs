//! Whether a process is still the one it was: a pid alone may have been given to another since.

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fs;

/// A process of this boot of the machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Process {
    pub pid: i32,
    /// Clock ticks since boot.
    started: u64,
    boot: String,
}

impl Process {
    /// `None`: there is none, or it has ended and only waits to be collected.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Process { pid, started: start_of(&stat)?, boot: boot.trim().to_owned() })
    }

    pub(super) fn is_alive(&self) -> bool {
        Process::of(self.pid).as_ref() == Some(self)
    }

    pub(super) fn signal(&self, signal: Signal) {
        if self.is_alive() {
            signal::kill(Pid::from_raw(self.pid), signal).ok();
        }
    }

    /// It and all that is left of its process group.
    pub(super) fn kill_group(&self) {
        if self.is_alive() {
            signal::killpg(Pid::from_raw(self.pid), Signal::SIGKILL).ok();
        }
    }
}

/// Of the calling process, which has one thread.
pub(super) fn children() -> Vec<i32> {
    let own = std::process::id();
    let text = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The command name may hold spaces and parentheses: fields are counted from its end. The third is the state, the
/// 22nd the start time.
fn start_of(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    if ended { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_command_name() {
        let line = "7 (a) b (c)) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 1";
        assert_eq!(start_of(line), Some(12345));
        assert_eq!(start_of(&line.replace(") S", ") Z")), None);
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_the_same() {
        let own = Process::of(std::process::id() as i32).unwrap();
        assert!(own.is_alive());
        let earlier = Process { started: own.started - 1, ..own.clone() };
        assert!(!earlier.is_alive());
    }
}
