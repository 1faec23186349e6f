//! `plimsoll plan`: what a change of a service would do, step by step, without doing it.

mod show;

use crate::operator::{self, ServerFlags};
use anyhow::{Result, bail};
use clap::Args;
use plimsoll_agent_proto::operator::v1::{Outcome, PlanRequest};
use serde_json::{Map, Value};
use std::path::PathBuf;

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
    #[command(flatten)]
    to: ServerFlags,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// Fails when the change would come to no good end, so that scripts can ask first.
pub async fn run(flags: PlanFlags) -> Result<()> {
    let request = PlanRequest {
        region: flags.to.region.clone(),
        operation: flags.operation.clone(),
        input: Value::Object(input(&flags)?).to_string(),
    };
    let reply = operator::ask(&flags.to, request, async |mut client, request| client.plan(request).await).await?;
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
        (Some(file), _) => operator::read(file)?,
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
