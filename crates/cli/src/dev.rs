//! `plimsoll dev`: everything in one process.

use crate::agent::shim_command;
use crate::credentials::{self, KeyPair};
use crate::flags::{RuntimeFlag, SchedulerFlags, default_data_dir, parse_account_id};
use crate::reader;
use crate::stop;
use anyhow::{Context, Result};
use clap::Args;
use plimsoll_agent::{AccessKey, Agent, AgentSettings, Shutdown};
use plimsoll_control::{Control, ControlSettings};
use plimsoll_core::Command;
use plimsoll_core::command::CreateCluster;
use plimsoll_model::{ClusterKey, ClusterName, Namespace};
use plimsoll_server::{Auth, Limits, RunningServer, Server, ServerSettings};
use plimsoll_store::Store;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Run everything in one process: a control plane on an embedded database, one node and a cluster.
///
/// Prints the lines to paste into a shell. Ctrl-C stops the tasks and leaves no container behind; services and
/// definitions are kept in the data directory and come back with the next start.
#[derive(Args)]
pub struct DevFlags {
    /// Address and port to listen on
    #[arg(long, env = "PLIMSOLL_LISTEN", default_value = "127.0.0.1:7077", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where state is kept [default: ~/.local/share/plimsoll]
    #[arg(long, env = "PLIMSOLL_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// What runs the containers
    #[arg(long, env = "PLIMSOLL_RUNTIME", value_enum, default_value_t = RuntimeFlag::Auto)]
    runtime: RuntimeFlag,
    /// The cluster to make and join
    #[arg(long, env = "PLIMSOLL_CLUSTER", default_value = "default", value_name = "NAME")]
    cluster: String,
    /// The account in every ARN
    #[arg(long, env = "PLIMSOLL_ACCOUNT_ID", default_value = "000000000000", value_name = "ID",
          value_parser = parse_account_id)]
    account_id: String,
    /// The region in every ARN; requests signed for another are refused [default: AWS_REGION, else us-east-1]
    #[arg(long, env = "PLIMSOLL_REGION", value_name = "REGION")]
    region: Option<String>,
    /// Let in anybody who can connect; without it a key pair is made and printed
    #[arg(long, env = "PLIMSOLL_NO_AUTH")]
    no_auth: bool,
    /// Seconds that what is left of a STOPPED task stays on the machine
    #[arg(long, env = "PLIMSOLL_CONTAINER_RETENTION", default_value_t = 600, value_name = "SECONDS")]
    container_retention: u64,
    #[command(flatten)]
    scheduler: SchedulerFlags,
}

pub async fn run(flags: DevFlags) -> Result<()> {
    let data_dir = flags.data_dir.clone().unwrap_or_else(default_data_dir);
    std::fs::create_dir_all(&data_dir).with_context(|| format!("creating {}", data_dir.display()))?;
    let keys = if flags.no_auth { None } else { Some(credentials::read_or_make(&data_dir.join("keys"))?) };
    let cluster = ClusterName::parse(&flags.cluster)?;
    let namespace = Namespace { account: flags.account_id.as_str().into(), region: region(&flags).into() };

    let url = format!("sqlite://{}", data_dir.join("plimsoll.sqlite").display());
    let store = plimsoll_store::open(&url).await.context("opening the database")?;
    let mut control = flags.scheduler.control_settings();
    make_cluster(&store, &control, ClusterKey { namespace: namespace.clone(), name: cluster }).await?;
    let decision_log = flags.scheduler.open_decision_log(&mut control)?;
    let server = Server::start(ServerSettings {
        listen: flags.listen,
        account_id: namespace.account.clone(),
        region: Some(namespace.region.clone()),
        auth: keys.as_ref().map_or(Auth::Open, |pair| Auth::Keys(credentials::credentials(std::slice::from_ref(pair)))),
        store,
        control,
        limits: Limits::default(),
    })
    .await?;

    let mut settings =
        AgentSettings::new(format!("http://{}", server.addr), flags.cluster.as_str(), flags.runtime.choice());
    settings.cluster.region = Some(namespace.region.to_string());
    settings.data_dir = Some(data_dir.join("agent"));
    settings.timing.retention = Duration::from_secs(flags.container_retention);
    settings.shim_command = shim_command()?;
    settings.credentials =
        keys.as_ref().map(|pair| AccessKey { id: pair.access_key.clone(), secret: pair.secret.clone() });
    let agent = match Agent::start(settings).await {
        Ok(agent) => agent,
        Err(error) => {
            server.shutdown().await;
            return Err(error).context("starting the node");
        }
    };

    print_welcome(&flags, &namespace, &server, keys.as_ref(), agent.status().borrow().runtime.as_str());
    stop::requested().await?;
    reader::tell("\nStopping the tasks ...");
    // The node leaves first: a control plane that watched would start replacements.
    agent.shutdown(Shutdown::StopTasks).await;
    server.shutdown().await;
    drop(decision_log);
    reader::tell(format_args!("Stopped. Services and definitions are kept in {}.", data_dir.display()));
    Ok(())
}

/// The region clients on this machine will most likely sign for.
fn region(flags: &DevFlags) -> String {
    let from_environment = || {
        ["AWS_REGION", "AWS_DEFAULT_REGION"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    flags.region.clone().or_else(from_environment).unwrap_or_else(|| "us-east-1".to_owned())
}

/// Before anything listens, so that whoever reaches the server finds the cluster.
async fn make_cluster(store: &Arc<dyn Store>, settings: &ControlSettings, cluster: ClusterKey) -> Result<()> {
    let control = Control::start(Arc::clone(store), settings.clone()).await?;
    let handle = control.cluster_or_start(&cluster).await;
    handle.submit(Command::CreateCluster(CreateCluster::default())).await.context("creating the cluster")?;
    control.shutdown().await;
    Ok(())
}

fn print_welcome(
    flags: &DevFlags,
    namespace: &Namespace,
    server: &RunningServer,
    keys: Option<&KeyPair>,
    runtime: &str,
) {
    let (access_key, secret, note) = match keys {
        Some(pair) => (pair.access_key.as_str(), pair.secret.as_str(), String::new()),
        // Clients refuse to sign with nothing; any pair will do.
        None => ("any", "any", "\n# Open to everybody on this machine (--no-auth): any key will do.".to_owned()),
    };
    let cluster = if flags.cluster == "default" { String::new() } else { format!(" --cluster {}", flags.cluster) };
    let command = r#"["/bin/sh","-c","trap exit TERM; while :; do date; sleep 5 & wait; done"]"#;
    reader::tell(format_args!(
        "Plimsoll is up: cluster {cluster_name}, one node, runtime {runtime}. Ctrl-C stops everything.

# Paste into a shell:{note}
export AWS_ENDPOINT_URL_ECS=http://{addr}
export AWS_REGION={region} AWS_DEFAULT_REGION={region}
export AWS_ACCESS_KEY_ID={access_key}
export AWS_SECRET_ACCESS_KEY={secret}

# AWS CLI older than 1.29 or 2.13 wants --endpoint-url instead of the first line. A first service:
aws ecs register-task-definition --family clock --container-definitions \\
  '[{{\"name\":\"clock\",\"image\":\"busybox\",\"memory\":16,\"command\":{command}}}]'
aws ecs create-service{cluster} --service-name clock --task-definition clock --desired-count 3
aws ecs wait services-stable{cluster} --services clock && aws ecs list-tasks{cluster}
",
        cluster_name = flags.cluster,
        addr = server.addr,
        region = namespace.region,
    ));
}
