//! Memory and CPU limits through cgroups, version 1 or 2, where this agent may write them.
//!
//! A task is a group with the task's limits, its containers are groups within it with their own.

use crate::runtime::launch::Launch;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use plimsoll_core::node::LaunchSpec;
use plimsoll_model::TaskId;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";
const OURS: &str = "plimsoll";
const CPU_PERIOD_MICROS: u64 = 100_000;

pub(super) struct Cgroups {
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    One,
    Two,
}

/// The group of one container, as the shim needs it.
#[derive(Serialize, Deserialize)]
pub(super) struct Group {
    /// One directory per hierarchy.
    pub directories: Vec<PathBuf>,
    /// Where the shim goes once its child is in the group: its own memory must not count.
    pub outside: Vec<PathBuf>,
    /// Holds a line `oom_kill <count>`.
    oom_counter: PathBuf,
}

struct Limits {
    memory_bytes: Option<u64>,
    reservation_bytes: Option<u64>,
    cpu_shares: Option<u64>,
    /// A hard limit, in units of 1024 per core.
    cpu_units_max: Option<u64>,
}

impl Cgroups {
    /// Tries it with a group that is removed again.
    pub(super) fn probe() -> Option<Self> {
        let version = if Path::new(ROOT).join("cgroup.controllers").exists() { Version::Two } else { Version::One };
        let cgroups = Cgroups { version };
        let limits = Limits {
            memory_bytes: Some(64 << 20),
            reservation_bytes: None,
            cpu_shares: None,
            cpu_units_max: Some(1024),
        };
        let name = format!("probe-{}", std::process::id());
        let written = cgroups.make(&name, &limits);
        for directory in cgroups.directories(&name) {
            fs::remove_dir(directory).ok();
        }
        match written {
            Ok(()) => Some(cgroups),
            Err(error) => {
                tracing::debug!(%error, ?version, "cgroups cannot be used");
                None
            }
        }
    }

    pub(super) fn create(&self, spec: &LaunchSpec, index: usize) -> io::Result<Group> {
        let launch = Launch::new(spec, index).ok_or_else(|| io::Error::other("no such container"))?;
        let bytes = |mib: u32| u64::from(mib) << 20;
        let task = spec.task.to_string();
        self.make(
            &task,
            &Limits {
                memory_bytes: launch.task_memory_mib.map(bytes),
                reservation_bytes: None,
                cpu_shares: launch.task_cpu_units.map(u64::from),
                cpu_units_max: launch.task_cpu_units.map(u64::from),
            },
        )?;
        let name = format!("{task}/{index}");
        self.make(
            &name,
            &Limits {
                memory_bytes: launch.memory_mib.map(bytes),
                reservation_bytes: launch.memory_reservation_mib.map(bytes),
                // The least there is, and what ECS agents pass for 0 and 1 (TD-10).
                cpu_shares: Some(u64::from(launch.cpu_units).max(2)),
                cpu_units_max: None,
            },
        )?;
        let directories = self.directories(&name);
        let oom_counter = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        Ok(Group { oom_counter: directories[0].join(oom_counter), outside: self.hierarchies(), directories })
    }

    /// Whether nothing is left. A group can be removed once the last of its processes has been collected.
    pub(super) fn remove(&self, task: TaskId) -> bool {
        let mut gone = true;
        for directory in self.directories(&task.to_string()) {
            let children = fs::read_dir(&directory).into_iter().flatten().flatten();
            for child in children.filter(|child| child.path().is_dir()) {
                fs::remove_dir(child.path()).ok();
            }
            fs::remove_dir(&directory).ok();
            gone &= !directory.exists();
        }
        gone
    }

    /// Memory first.
    fn hierarchies(&self) -> Vec<PathBuf> {
        match self.version {
            Version::One => ["memory", "cpu"].map(|controller| Path::new(ROOT).join(controller)).into(),
            Version::Two => vec![PathBuf::from(ROOT)],
        }
    }

    fn directories(&self, name: &str) -> Vec<PathBuf> {
        self.hierarchies().into_iter().map(|root| root.join(OURS).join(name)).collect()
    }

    fn make(&self, name: &str, limits: &Limits) -> io::Result<()> {
        let directories = self.directories(name);
        for (directory, hierarchy) in directories.iter().zip(self.hierarchies()) {
            fs::create_dir_all(directory)?;
            if self.version == Version::Two {
                delegate(directory, &hierarchy)?;
            }
        }
        match self.version {
            Version::One => write_version_one(&directories[0], &directories[1], limits),
            Version::Two => write_version_two(&directories[0], limits),
        }
    }
}

impl Group {
    /// Brings the calling process, and what it starts from now on, into the group.
    pub(super) fn enter(&self) -> io::Result<()> {
        move_self_into(&self.directories)
    }

    pub(super) fn leave(&self) -> io::Result<()> {
        move_self_into(&self.outside)
    }

    pub(super) fn kill_all(&self) {
        for directory in &self.directories {
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            for pid in text.lines().filter_map(|line| line.parse().ok()) {
                signal::kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
            }
        }
    }

    /// How often a process of it was killed for want of memory, in all runs.
    pub(super) fn out_of_memory_count(&self) -> u64 {
        let text = fs::read_to_string(&self.oom_counter).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }
}

fn move_self_into(directories: &[PathBuf]) -> io::Result<()> {
    let pid = std::process::id().to_string();
    directories.iter().try_for_each(|directory| fs::write(directory.join("cgroup.procs"), &pid))
}

fn write_version_one(memory: &Path, cpu: &Path, limits: &Limits) -> io::Result<()> {
    // Already so, and then not writable, wherever systemd has set up the machine.
    fs::write(memory.join("memory.use_hierarchy"), "1").ok();
    write_some(&memory.join("memory.limit_in_bytes"), limits.memory_bytes)?;
    write_some(&memory.join("memory.soft_limit_in_bytes"), limits.reservation_bytes)?;
    write_some(&cpu.join("cpu.shares"), limits.cpu_shares)?;
    write_some(&cpu.join("cpu.cfs_period_us"), limits.cpu_units_max.map(|_| CPU_PERIOD_MICROS))?;
    write_some(&cpu.join("cpu.cfs_quota_us"), limits.cpu_units_max.map(quota_micros))
}

fn write_version_two(group: &Path, limits: &Limits) -> io::Result<()> {
    write_some(&group.join("memory.max"), limits.memory_bytes)?;
    write_some(&group.join("memory.low"), limits.reservation_bytes)?;
    write_some(&group.join("cpu.weight"), limits.cpu_shares.map(weight_of_shares))?;
    match limits.cpu_units_max {
        Some(units) => fs::write(group.join("cpu.max"), format!("{} {CPU_PERIOD_MICROS}", quota_micros(units))),
        None => Ok(()),
    }
}

/// Lets the groups above `group` pass their controllers on to it.
fn delegate(group: &Path, hierarchy: &Path) -> io::Result<()> {
    let mut above: Vec<&Path> = group.ancestors().skip(1).take_while(|one| one.starts_with(hierarchy)).collect();
    above.reverse();
    above.iter().try_for_each(|one| fs::write(one.join("cgroup.subtree_control"), "+memory +cpu"))
}

fn write_some(file: &Path, value: Option<u64>) -> io::Result<()> {
    value.map_or(Ok(()), |value| fs::write(file, value.to_string()))
}

/// The kernel takes no less than a millisecond.
fn quota_micros(units: u64) -> u64 {
    (units * CPU_PERIOD_MICROS / 1024).max(1_000)
}

/// 2..262144 onto 1..10000, as container engines do.
fn weight_of_shares(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_quotas_keep_within_what_the_kernel_takes() {
        assert_eq!([2, 1024, 262_144].map(weight_of_shares), [1, 39, 10_000]);
        assert_eq!([1, 512, 2048].map(quota_micros), [1_000, 50_000, 200_000]);
    }
}
