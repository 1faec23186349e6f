//! `plimsoll bench`: how fast tasks become durable, beside what the bare database could do.
//!
//! The server runs in this process, the simulated nodes in another, as they would on other machines. Everything goes
//! over HTTP and the agents' stream; nothing is measured that a user would not get.

mod client;
mod measure;
mod report;

use crate::stop;
use anyhow::{Context, Result, bail};
use clap::Args;
use client::Client;
use plimsoll_server::{Auth, Limits, RunningServer, Server, ServerSettings};
use report::Report;
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measure durable task placements per second, end to end, and the bare database's limit in the same run.
///
/// Creates a cluster of simulated nodes and one service, waits until every task is RUNNING in the database, and ends
/// with a line that reads `bench: durable X tasks/s, database limit Y rows/s, ratio Z`. X counts tasks; each is
/// written at least twice (placed, RUNNING). Y counts the same rows written in batches with no scheduler at all.
#[derive(Args)]
pub struct BenchFlags {
    /// postgres://user:password@host:port/database or sqlite://path; what the run writes stays in a cluster of its own
    #[arg(long, env = "PLIMSOLL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// Simulated container instances
    #[arg(long, env = "PLIMSOLL_BENCH_INSTANCES", default_value_t = 1000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=20_000))]
    instances: u32,
    /// Tasks of the one service
    #[arg(long, env = "PLIMSOLL_BENCH_TASKS", default_value_t = 10_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tasks: u32,
    /// Also replace every task once by a rolling update, and say how long it took
    #[arg(long, env = "PLIMSOLL_BENCH_ROLL")]
    roll: bool,
    /// Print one JSON object before the last line
    #[arg(long)]
    json: bool,
    /// Give up after this many seconds
    #[arg(long, env = "PLIMSOLL_BENCH_TIMEOUT", default_value_t = 600, value_name = "SECONDS")]
    timeout: u64,
}

pub async fn run(flags: BenchFlags) -> Result<()> {
    tokio::select! {
        outcome = measure_all(&flags) => outcome,
        stopped = stop::requested() => { stopped?; bail!("interrupted") }
    }
}

async fn measure_all(flags: &BenchFlags) -> Result<()> {
    let store = plimsoll_store::open(&flags.database_url).await.context("opening the database")?;
    let server = Server::start(ServerSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        account_id: "000000000000".into(),
        region: None,
        auth: Auth::Open,
        store,
        control: plimsoll_control::ControlSettings::default(),
        limits: Limits::default(),
    })
    .await?;
    let outcome = measure_with(flags, &server).await;
    server.shutdown().await;
    let (mut report, rows) = outcome?;
    report.progress("writing the same rows through the bare database ...");
    report.database_rows_per_second =
        plimsoll_store::database_limit(&flags.database_url, rows, measure::LIMIT_BATCH).await?;
    report.print(flags.json)
}

async fn measure_with(flags: &BenchFlags, server: &RunningServer) -> Result<(Report, usize)> {
    let client = Arc::new(Client::new(server.addr));
    let cluster = format!("bench-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let deadline = Instant::now() + Duration::from_secs(flags.timeout);
    let mut report = Report::new(flags.instances, flags.tasks);
    client.call("CreateCluster", json!({ "clusterName": cluster })).await?;

    let mut agent = start_nodes(flags, server, &cluster)?;
    report.progress("waiting for the nodes to join ...");
    let started = Instant::now();
    let ready = json!({ "cluster": cluster, "filter": "agentConnected == true" });
    measure::until(deadline, "the nodes have joined", || async {
        Ok(client.count_pages("ListContainerInstances", &ready, "containerInstanceArns").await?
            == flags.instances as usize)
    })
    .await?;
    report.join_seconds = started.elapsed().as_secs_f64();

    register(&client, "1").await?;
    let resident_before = measure::resident_bytes()?;
    let probe = measure::Probe::start(Arc::clone(&client), cluster.clone());
    report.progress("creating the service ...");
    let started = Instant::now();
    client
        .call(
            "CreateService",
            json!({
                "cluster": cluster, "serviceName": "bench", "taskDefinition": "bench", "desiredCount": flags.tasks,
                "placementStrategy": [{"type": "spread", "field": "instanceId"}],
            }),
        )
        .await?;
    measure::until(deadline, "every task is RUNNING", || steady(&client, &cluster, flags.tasks)).await?;
    report.create_seconds = started.elapsed().as_secs_f64();
    report.resident_bytes_per_task =
        measure::resident_bytes()?.saturating_sub(resident_before) as f64 / f64::from(flags.tasks);

    if flags.roll {
        report.progress("rolling every task ...");
        let started = Instant::now();
        register(&client, "2").await?;
        client
            .call("UpdateService", json!({ "cluster": cluster, "service": "bench", "taskDefinition": "bench" }))
            .await?;
        measure::until(deadline, "the rollout has ended", || steady(&client, &cluster, flags.tasks)).await?;
        report.roll_seconds = Some(started.elapsed().as_secs_f64());
    }
    report.latencies = probe.stop().await?;
    agent.kill().await.context("stopping the simulated nodes")?;
    clean_up(&client, &cluster).await?;
    Ok((report, flags.tasks as usize))
}

fn start_nodes(flags: &BenchFlags, server: &RunningServer, cluster: &str) -> Result<tokio::process::Child> {
    let program = std::env::current_exe().context("finding this program")?;
    tokio::process::Command::new(program)
        .args(["agent", "--server", &format!("http://{}", server.addr), "--cluster", cluster])
        .args(["--simulate", &flags.instances.to_string(), "--log", "warn"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting the simulated nodes")
}

async fn register(client: &Client, version: &str) -> Result<()> {
    let definition = json!({
        "family": "bench",
        "containerDefinitions": [{
            "name": "app", "image": "none", "memory": 64, "cpu": 10,
            "environment": [{"name": "VERSION", "value": version}],
        }],
    });
    client.call("RegisterTaskDefinition", definition).await.map(drop)
}

/// What `aws ecs wait services-stable` looks at.
async fn steady(client: &Client, cluster: &str, tasks: u32) -> Result<bool> {
    let reply = client.call("DescribeServices", json!({ "cluster": cluster, "services": ["bench"] })).await?;
    let service = &reply["services"][0];
    let one_deployment = service["deployments"].as_array().is_some_and(|deployments| deployments.len() == 1);
    Ok(one_deployment && service["runningCount"] == tasks)
}

/// Leaves nothing running: the nodes are gone, so their instances are deregistered by force.
async fn clean_up(client: &Client, cluster: &str) -> Result<()> {
    client.call("DeleteService", json!({ "cluster": cluster, "service": "bench", "force": true })).await?;
    let query = json!({ "cluster": cluster });
    for instance in client.all_pages("ListContainerInstances", &query, "containerInstanceArns").await? {
        let body = json!({ "cluster": cluster, "containerInstance": instance, "force": true });
        client.call("DeregisterContainerInstance", body).await?;
    }
    client.call("DeleteCluster", json!({ "cluster": cluster })).await.map(drop)
}
