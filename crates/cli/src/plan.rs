//! `plimsoll plan`: what a change of a service would do, step by step, without doing it.

mod show;

use crate::credentials;
use anyhow::{Context, Result, bail};
use clap::Args;
use plimsoll_agent_proto::auth;
use plimsoll_agent_proto::operator::v1::operator_client::OperatorClient;
use plimsoll_agent_proto::operator::v1::{Outcome, PlanReply, PlanRequest};
use serde_json::{Map, Value};
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tonic::transport::Endpoint;

/// A service of some ten thousand tasks.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Show what a change of a service would do, step by step, without doing it.
///
/// The control plane rehearses the change on a copy of the cluster, with its own scheduler
/// and nodes on which every task starts at once: which tasks start and stop where, in which
/// order, and what would be in the way.
///
/// Examples:
///   plimsoll plan web --task-definition web:8
///   plimsoll plan web --desired-count 40 --json
///   plimsoll plan --operation CreateService --input service.json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct PlanFlags {
    /// The service to update
    #[arg(required_unless_present = "input", conflicts_with = "input", value_name = "SERVICE")]
    service: Option<String>,
    /// Family, family:revision or ARN of another task definition
    #[arg(long, value_name = "DEFINITION", requires = "service")]
    task_definition: Option<String>,
    /// How many tasks it should have
    #[arg(long, value_name = "N", requires = "service")]
    desired_count: Option<u32>,
    /// Replace the tasks even if nothing else changes
    #[arg(long, requires = "service")]
    force_new_deployment: bool,
    /// The operation that --input is for: CreateService, UpdateService, DeleteService or one on task sets
    #[arg(long, default_value = "UpdateService", value_name = "NAME")]
    operation: String,
    /// An ECS request as JSON, `-` for standard input; what `aws ecs ... --cli-input-json` takes
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The cluster of the service [default: that of the input, else default]
    #[arg(long, env = "PLIMSOLL_CLUSTER", value_name = "NAME")]
    cluster: Option<String>,
    /// The region of the cluster, when the server has several
    #[arg(long, env = "PLIMSOLL_REGION", default_value = "", hide_default_value = true, value_name = "REGION")]
    region: String,
    /// Where the control plane is, http://HOST:PORT
    #[arg(long, env = "PLIMSOLL_SERVER", default_value = "http://127.0.0.1:7077", value_name = "URL")]
    server: String,
    /// Keys file whose first pair signs the request
    #[arg(long, env = "PLIMSOLL_KEYS_FILE", value_name = "FILE")]
    keys_file: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// Fails when the change would come to no good end, so that scripts can ask first.
pub async fn run(flags: PlanFlags) -> Result<()> {
    let request = PlanRequest {
        region: flags.region.clone(),
        operation: flags.operation.clone(),
        input: Value::Object(input(&flags)?).to_string(),
    };
    let reply = ask(&flags, request).await?;
    let outcome = reply.outcome();
    if flags.json {
        println!("{:#}", show::as_json(&reply));
    } else {
        print!("{}", show::as_text(&reply));
    }
    match outcome {
        Outcome::Steady => Ok(()),
        Outcome::Blocked => bail!("the change would not come to its end"),
        Outcome::Unfinished | Outcome::Unspecified => bail!("the change takes more steps than can be shown"),
    }
}

fn input(flags: &PlanFlags) -> Result<Map<String, Value>> {
    let mut input = match (&flags.input, &flags.service) {
        (Some(file), _) => read(file)?,
        (None, Some(service)) => Map::from_iter([("service".to_owned(), service.as_str().into())]),
        (None, None) => bail!("name a service, or give --input"),
    };
    let mut set = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            input.insert(member.to_owned(), value);
        }
    };
    set("cluster", flags.cluster.as_deref().map(Value::from));
    set("taskDefinition", flags.task_definition.as_deref().map(Value::from));
    set("desiredCount", flags.desired_count.map(Value::from));
    set("forceNewDeployment", flags.force_new_deployment.then_some(Value::Bool(true)));
    Ok(input)
}

fn read(file: &PathBuf) -> Result<Map<String, Value>> {
    let mut text = String::new();
    let name = file.display();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    }
    match serde_json::from_str(&text).with_context(|| format!("{name} is not JSON"))? {
        Value::Object(members) => Ok(members),
        other => bail!("{name}: expected an object, as in {{\"service\": \"web\"}}, not {other}"),
    }
}

async fn ask(flags: &PlanFlags, request: PlanRequest) -> Result<PlanReply> {
    let server = &flags.server;
    let endpoint = Endpoint::from_shared(server.clone()).with_context(|| format!("--server {server} is no URL"))?;
    let channel = endpoint.connect_timeout(CONNECT_TIMEOUT).connect().await;
    let channel = channel.with_context(|| format!("no control plane answers at {server}"))?;
    let mut request = tonic::Request::new(request);
    if let Some(file) = &flags.keys_file {
        let pair = credentials::read(file)?.swap_remove(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
        let value = auth::header_value(&pair.access_key, &pair.secret, now.as_secs());
        request.metadata_mut().insert(auth::HEADER, value.parse().context("the key is not plain text")?);
    }
    let mut client = OperatorClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    match client.plan(request).await {
        Ok(reply) => Ok(reply.into_inner()),
        Err(status) if status.code() == tonic::Code::Unauthenticated => {
            bail!("{} (plimsoll dev keeps its keys in DATA_DIR/keys: --keys-file)", status.message())
        }
        Err(status) => bail!("{}", status.message()),
    }
}
