//! `ulimits` of a container definition as resource limits of the process.

use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ulimit {
    name: String,
    soft_limit: i64,
    hard_limit: i64,
}

impl Ulimit {
    pub(super) fn of(container: &Value) -> Result<Vec<Ulimit>, String> {
        let limits = match &container["ulimits"] {
            Value::Null => Vec::new(),
            given => Vec::<Ulimit>::deserialize(given).map_err(|error| format!("ulimits: {error}"))?,
        };
        match limits.iter().find(|limit| limit.resource().is_none()) {
            Some(limit) => Err(format!("ulimit {:?} is not known", limit.name)),
            None => Ok(limits),
        }
    }

    /// On the calling process, and so on what it starts.
    pub(super) fn apply(&self) -> nix::Result<()> {
        let limit = |value: i64| u64::try_from(value).unwrap_or(RLIM_INFINITY);
        match self.resource() {
            Some(resource) => setrlimit(resource, limit(self.soft_limit), limit(self.hard_limit)),
            None => Err(nix::Error::EINVAL),
        }
    }

    fn resource(&self) -> Option<Resource> {
        Some(match self.name.as_str() {
            "core" => Resource::RLIMIT_CORE,
            "cpu" => Resource::RLIMIT_CPU,
            "data" => Resource::RLIMIT_DATA,
            "fsize" => Resource::RLIMIT_FSIZE,
            "locks" => Resource::RLIMIT_LOCKS,
            "memlock" => Resource::RLIMIT_MEMLOCK,
            "msgqueue" => Resource::RLIMIT_MSGQUEUE,
            "nice" => Resource::RLIMIT_NICE,
            "nofile" => Resource::RLIMIT_NOFILE,
            "nproc" => Resource::RLIMIT_NPROC,
            "rss" => Resource::RLIMIT_RSS,
            "rtprio" => Resource::RLIMIT_RTPRIO,
            "rttime" => Resource::RLIMIT_RTTIME,
            "sigpending" => Resource::RLIMIT_SIGPENDING,
            "stack" => Resource::RLIMIT_STACK,
            _ => return None,
        })
    }
}
