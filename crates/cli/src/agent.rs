//! `plimsoll agent`: a node, or thousands of simulated ones.

use crate::flags::{RuntimeFlag, default_data_dir, parse_attribute};
use crate::{SHIM, credentials, stop};
use anyhow::{Context, Result, bail};
use clap::Args;
use plimsoll_agent::{
    AccessKey, Agent, AgentSettings, CAPACITY_PROVIDER_ATTRIBUTE, ClusterAddress, Latency, RuntimeChoice, Shutdown,
    SimulatedSettings,
};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// Run a node: it joins a cluster and runs the tasks placed on it.
///
/// Containers outlive the agent: after a restart it finds them again by their labels and reports what it missed.
#[derive(Args)]
pub struct AgentFlags {
    /// Where the control plane is, http://HOST:PORT; several are tried in turn
    #[arg(
        long,
        env = "PLIMSOLL_SERVER",
        default_value = "http://127.0.0.1:7077",
        value_name = "URL",
        value_delimiter = ','
    )]
    server: Vec<String>,
    /// The cluster to join
    #[arg(long, env = "PLIMSOLL_CLUSTER", default_value = "default", value_name = "NAME")]
    cluster: String,
    /// The region of that cluster, when the server has several
    #[arg(long, env = "PLIMSOLL_REGION", value_name = "REGION")]
    region: Option<String>,
    /// What runs the containers
    #[arg(long, env = "PLIMSOLL_RUNTIME", value_enum, default_value_t = RuntimeFlag::Auto)]
    runtime: RuntimeFlag,
    /// Where the node's identity is kept [default: ~/.local/share/plimsoll/agent]
    #[arg(long, env = "PLIMSOLL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Register this attribute, for memberOf and spread; may be given often. ecs.availability-zone sets the zone
    #[arg(long = "attribute", env = "PLIMSOLL_ATTRIBUTES", value_name = "NAME=VALUE", value_delimiter = ',',
          value_parser = parse_attribute)]
    attributes: Vec<(String, Option<String>)>,
    /// The capacity provider this node belongs to: tasks of strategies that name it may run here
    #[arg(long, env = "PLIMSOLL_CAPACITY_PROVIDER", value_name = "NAME")]
    capacity_provider: Option<String>,
    /// CPU units to offer, 1024 per core [default: all cores]
    #[arg(long, env = "PLIMSOLL_CPU", value_name = "UNITS")]
    cpu: Option<u32>,
    /// Memory to offer in MiB [default: all but 256]
    #[arg(long, env = "PLIMSOLL_MEMORY", value_name = "MIB")]
    memory: Option<u32>,
    /// Seconds that what is left of a STOPPED task stays on the machine
    #[arg(long, env = "PLIMSOLL_CONTAINER_RETENTION", default_value_t = 3600, value_name = "SECONDS")]
    container_retention: u64,
    /// Containers that the container engine is asked to create and start at once
    #[arg(long, env = "PLIMSOLL_STARTS_AT_ONCE", default_value = "16", value_name = "COUNT")]
    starts_at_once: NonZeroUsize,
    /// Keys file whose first pair the agent signs in with
    #[arg(long, env = "PLIMSOLL_KEYS_FILE", value_name = "FILE")]
    keys_file: Option<PathBuf>,
    #[command(flatten)]
    simulation: SimulationFlags,
}

#[derive(Args)]
#[command(next_help_heading = "Simulated nodes")]
pub struct SimulationFlags {
    /// Be this many nodes that only pretend to run containers
    #[arg(long, env = "PLIMSOLL_SIMULATE", value_name = "N")]
    pub simulate: Option<NonZeroU32>,
    /// Availability zones the nodes are dealt over
    #[arg(long, env = "PLIMSOLL_SIMULATE_ZONES", default_value = "3", value_name = "N")]
    pub simulate_zones: NonZeroU32,
    /// Milliseconds from start to RUNNING: a number or a range A-B
    #[arg(long, env = "PLIMSOLL_SIMULATE_START_MS", default_value = "0", value_name = "MS", value_parser = parse_latency)]
    pub simulate_start_ms: Latency,
    /// Containers of a thousand that fail to start
    #[arg(long, env = "PLIMSOLL_SIMULATE_FAILURES", default_value_t = 0, value_name = "PERMILLE",
          value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub simulate_failures: u32,
    /// Milliseconds after which containers exit with code 0: a number or a range A-B [default: never]
    #[arg(long, env = "PLIMSOLL_SIMULATE_RUN_MS", value_name = "MS", value_parser = parse_latency)]
    pub simulate_run_ms: Option<Latency>,
    /// Same seed, same fates
    #[arg(long, env = "PLIMSOLL_SIMULATE_SEED", default_value_t = 0, value_name = "SEED")]
    pub simulate_seed: u64,
}

/// `--cpu` and `--memory` are the size of each simulated node when given.
const SIMULATED_CPU_UNITS: u32 = 16 * 1024;
const SIMULATED_MEMORY_MIB: u32 = 64 * 1024;

pub async fn run(flags: AgentFlags) -> Result<()> {
    let runtime = match flags.simulation.simulate {
        None => flags.runtime.choice(),
        Some(nodes) => RuntimeChoice::Simulated(SimulatedSettings {
            nodes,
            cpu_units: flags.cpu.unwrap_or(SIMULATED_CPU_UNITS),
            memory_mib: flags.memory.unwrap_or(SIMULATED_MEMORY_MIB),
            zones: flags.simulation.simulate_zones,
            start_latency: flags.simulation.simulate_start_ms.clone(),
            start_failures_permille: flags.simulation.simulate_failures,
            run_time: flags.simulation.simulate_run_ms.clone(),
            seed: flags.simulation.simulate_seed,
        }),
    };
    let Some(server) = flags.server.first() else { bail!("--server names no server") };
    let mut settings = AgentSettings::new(server.clone(), flags.cluster.clone(), runtime);
    settings.servers = flags.server;
    settings.cluster = ClusterAddress { account: None, region: flags.region, name: flags.cluster };
    settings.attributes = flags.attributes.into_iter().collect();
    if let Some(name) = flags.capacity_provider.filter(|name| !name.is_empty()) {
        settings.attributes.insert(CAPACITY_PROVIDER_ATTRIBUTE.to_owned(), Some(name));
    }
    // Simulated nodes are new ones at each start unless they are given a place to remember who they were.
    settings.data_dir = match (flags.data_dir, flags.simulation.simulate) {
        (None, None) => Some(default_data_dir().join("agent")),
        (dir, _) => dir,
    };
    settings.machine.cpu_units = flags.cpu;
    settings.machine.memory_mib = flags.memory;
    settings.timing.retention = Duration::from_secs(flags.container_retention);
    settings.engine.starts_at_once = flags.starts_at_once;
    settings.shim_command = shim_command()?;
    if let Some(path) = &flags.keys_file {
        let pair = credentials::read(path)?.swap_remove(0);
        settings.credentials = Some(AccessKey { id: pair.access_key, secret: pair.secret });
    }
    let agent = Agent::start(settings).await?;
    stop::requested().await?;
    tracing::info!("stopping; containers keep running");
    agent.shutdown(Shutdown::LeaveTasks).await;
    Ok(())
}

/// This very binary, in its hidden role.
pub fn shim_command() -> Result<Vec<std::ffi::OsString>> {
    let program = std::env::current_exe().context("finding this program for the process runtime")?;
    Ok(vec![program.into(), SHIM.into()])
}

pub fn parse_latency(text: &str) -> Result<Latency, String> {
    let number =
        |text: &str| text.trim().parse::<u64>().map_err(|_| format!("{text:?} is not a number of milliseconds"));
    let (low, high) = match text.split_once('-') {
        Some((low, high)) => (number(low)?, number(high)?),
        None => (number(text)?, number(text)?),
    };
    if low > high {
        return Err(format!("the range {text} ends before it begins"));
    }
    Ok(low..=high)
}

#[cfg(test)]
mod tests {
    use super::parse_latency;

    #[test]
    fn latencies_are_numbers_or_ranges() {
        assert_eq!(parse_latency("5"), Ok(5..=5));
        assert_eq!(parse_latency("5-10"), Ok(5..=10));
        assert!(parse_latency("10-5").is_err());
        assert!(parse_latency("x").is_err());
    }
}
