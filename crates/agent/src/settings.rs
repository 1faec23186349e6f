//! What an agent is told when it starts. Read from flags and files elsewhere.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// `http://host:port`, tried in turn.
    pub servers: Vec<String>,
    pub cluster: ClusterAddress,
    /// What the agent signs in with; a server that is open asks for nothing.
    pub credentials: Option<AccessKey>,
    pub runtime: RuntimeChoice,
    /// Registered beside the built-in attributes, over them where the names are the same.
    pub attributes: BTreeMap<String, Option<String>>,
    /// Identity, and for the process runtime its containers. Only a simulated fleet can do without.
    pub data_dir: Option<PathBuf>,
    pub machine: MachineSettings,
    pub engine: EngineSettings,
    /// Program and leading arguments that end up in [`crate::process::shim_main`]. The process runtime starts one per
    /// container, with the container's directory appended.
    pub shim_command: Vec<OsString>,
    pub timing: TimingSettings,
    pub reconnect: ReconnectSettings,
}

impl AgentSettings {
    /// The documented defaults around the three things that have none.
    pub fn new(server: impl Into<String>, cluster: impl Into<String>, runtime: RuntimeChoice) -> Self {
        AgentSettings {
            servers: vec![server.into()],
            cluster: ClusterAddress { account: None, region: None, name: cluster.into() },
            credentials: None,
            runtime,
            attributes: BTreeMap::new(),
            data_dir: None,
            machine: MachineSettings {
                cpu_units: None,
                memory_mib: None,
                memory_reserve_mib: 256,
                availability_zone: None,
                instance_type: None,
            },
            engine: EngineSettings::documented(),
            shim_command: Vec::new(),
            timing: TimingSettings {
                heartbeat: Duration::from_secs(10),
                // As long as STOPPED tasks stay visible (TL-12), so that what is left can be looked at as long.
                retention: Duration::from_secs(3600),
                start_timeout: Duration::from_secs(180),
                stop_timeout: Duration::from_secs(30),
            },
            reconnect: ReconnectSettings { initial: Duration::from_millis(250), max: Duration::from_secs(15) },
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    pub id: String,
    pub secret: String,
}

/// Never shows the secret (I-38).
impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessKey({})", self.id)
    }
}

/// Without account or region the server's own are meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterAddress {
    pub account: Option<String>,
    pub region: Option<String>,
    pub name: String,
}

#[derive(Clone, Debug)]
pub enum RuntimeChoice {
    /// Docker if an engine answers, else processes.
    Auto,
    Docker,
    Process,
    Simulated(SimulatedSettings),
}

/// What the node registers with where the machine is not simply measured.
#[derive(Clone, Debug)]
pub struct MachineSettings {
    /// 1024 are one core; absent: all cores.
    pub cpu_units: Option<u32>,
    /// Absent: all memory, less the reserve.
    pub memory_mib: Option<u32>,
    /// Kept for the machine itself when its memory is measured.
    pub memory_reserve_mib: u32,
    /// Attribute `ecs.availability-zone`; "local" when absent.
    pub availability_zone: Option<String>,
    /// Attribute `ecs.instance-type`; derived from the size when absent.
    pub instance_type: Option<String>,
}

/// How a container engine is reached and how much is asked of it.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// `unix://...`; absent: the variable DOCKER_HOST, else the usual socket.
    pub host: Option<String>,
    /// Containers created and started at once; more only makes the engine slower for all.
    pub starts_at_once: NonZeroUsize,
    /// When a call that does little work in the engine counts as unanswered.
    pub quick_call: Duration,
    /// The same for calls that touch disks and networks.
    pub slow_call: Duration,
    /// How long a start asks again when the engine does not answer, as one that restarts.
    pub patience: Duration,
}

impl EngineSettings {
    pub const fn documented() -> Self {
        EngineSettings {
            host: None,
            starts_at_once: NonZeroUsize::new(16).expect("not zero"),
            quick_call: Duration::from_secs(30),
            slow_call: Duration::from_secs(120),
            patience: Duration::from_secs(60),
        }
    }
}

#[derive(Clone, Debug)]
pub struct TimingSettings {
    pub heartbeat: Duration,
    /// How long what is left of a STOPPED task stays on the machine.
    pub retention: Duration,
    /// For containers without `startTimeout`; pulling does not count.
    pub start_timeout: Duration,
    /// For containers without `stopTimeout` (TL-6).
    pub stop_timeout: Duration,
}

/// The wait doubles from `initial` to `max`; each is shortened at random by up to half, so that a thousand agents do
/// not come back in the same instant (F-25).
#[derive(Clone, Debug)]
pub struct ReconnectSettings {
    pub initial: Duration,
    pub max: Duration,
}

/// Virtual nodes: they count, wait and report like real ones and run nothing.
#[derive(Clone, Debug)]
pub struct SimulatedSettings {
    pub nodes: NonZeroU32,
    /// Size of each node. The measured machine plays no part.
    pub cpu_units: u32,
    pub memory_mib: u32,
    /// Nodes are dealt over this many availability zones: "zone-1", "zone-2", ...
    pub zones: NonZeroU32,
    /// From start to RUNNING, per container.
    pub start_latency: Latency,
    /// Of a thousand containers, how many fail to start.
    pub start_failures_permille: u32,
    /// How long containers run before they exit with code 0; absent: for ever.
    pub run_time: Option<Latency>,
    /// Same seed: the n-th container of a node meets the same fate in every run.
    pub seed: u64,
}

/// Milliseconds; a range of one value is a fixed latency.
pub type Latency = RangeInclusive<u64>;
