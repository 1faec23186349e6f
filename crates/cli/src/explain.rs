//! `plimsoll explain`: why tasks are where they are, or are nowhere.

mod show;

use crate::operator::{self, ServerFlags};
use anyhow::{Result, bail};
use clap::Args;
use plimsoll_agent_proto::operator::v1::explain_request::Subject;
use plimsoll_agent_proto::operator::v1::{EcsRequest, ExplainRequest};
use serde_json::Value;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// Say why tasks are where they are, or are nowhere.
///
/// Of a service: where its tasks are, and what every instance says to those it misses (or to
/// one more). Of a task: how its instance ranks at this moment. Of a request: where its tasks
/// would go. What refuses, what alone stands in the way, which instance comes closest and what
/// it lacks, and how the best of the others rank.
///
/// Examples:
///   plimsoll explain web
///   plimsoll explain --task 0f9de17a6465404e8b0ed19c8d5cd2e6
///   plimsoll explain --operation RunTask --input task.json --json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct ExplainFlags {
    /// The service to explain
    #[arg(required_unless_present_any = ["task", "input"], conflicts_with_all = ["task", "input"], value_name = "SERVICE")]
    service: Option<String>,
    /// Id or ARN of a task that is not STOPPED; what RunTask was told of it besides its definition is not kept
    #[arg(long, value_name = "TASK", conflicts_with = "input")]
    task: Option<String>,
    /// The operation that --input is for: RunTask, CreateService or UpdateService
    #[arg(long, default_value = "RunTask", value_name = "NAME")]
    operation: String,
    /// An ECS request as JSON, `-` for standard input; what `aws ecs ... --cli-input-json` takes
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The cluster [default: that of the input, else default]
    #[arg(long, env = "PLIMSOLL_CLUSTER", value_name = "NAME")]
    cluster: Option<String>,
    /// How many instances are named in each list
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    instances: u32,
    #[command(flatten)]
    to: ServerFlags,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(flags: ExplainFlags) -> Result<()> {
    let request = ExplainRequest {
        region: flags.to.region.clone(),
        cluster: flags.cluster.clone().unwrap_or_default(),
        subject: Some(subject(&flags)?),
        instances_max: flags.instances,
    };
    let reply = operator::ask(&flags.to, request, async |mut client, request| client.explain(request).await).await?;
    if flags.json {
        println!("{:#}", show::as_json(&reply));
    } else {
        print!("{}", show::as_text(&reply, show::Colours::wanted(std::io::stdout().is_terminal())));
    }
    Ok(())
}

fn subject(flags: &ExplainFlags) -> Result<Subject> {
    match (&flags.input, &flags.task, &flags.service) {
        (Some(file), ..) => {
            let mut input = operator::read(file)?;
            if let Some(cluster) = &flags.cluster {
                input.insert("cluster".to_owned(), cluster.as_str().into());
            }
            let input = Value::Object(input).to_string();
            Ok(Subject::Request(EcsRequest { operation: flags.operation.clone(), input }))
        }
        (None, Some(task), _) => Ok(Subject::Task(task.clone())),
        (None, None, Some(service)) => Ok(Subject::Service(service.clone())),
        (None, None, None) => bail!("name a service, or give --task or --input"),
    }
}
