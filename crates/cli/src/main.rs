//! `plimsoll`: the one binary. Subcommands are thin: they read flags and start what the other crates hold.

mod agent;
mod bench;
mod credentials;
mod dev;
mod explain;
mod flags;
mod logging;
mod operator;
mod plan;
mod reader;
mod server;
mod stop;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The subcommand the process runtime starts once per container. Hidden: nobody types it.
const SHIM: &str = "process-shim";

/// An ECS-compatible container orchestrator that you run yourself.
///
/// Start with `plimsoll dev`: a control plane, a node and a cluster in one process. Then point the AWS CLI, boto3 or
/// Terraform at it with --endpoint-url (or AWS_ENDPOINT_URL_ECS).
#[derive(Parser)]
#[command(name = "plimsoll", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    logging: logging::LoggingFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dev(Box<dev::DevFlags>),
    Server(Box<server::ServerFlags>),
    Agent(Box<agent::AgentFlags>),
    Bench(Box<bench::BenchFlags>),
    Plan(Box<plan::PlanFlags>),
    Explain(Box<explain::ExplainFlags>),
    Sim(Box<plimsoll_lab::SimFlags>),
}

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == SHIM) {
        return plimsoll_agent::process::shim_main(args);
    }
    let cli = Cli::parse();
    if matches!(cli.command, Command::Bench(_) | Command::Plan(_) | Command::Explain(_) | Command::Sim(_)) {
        reader::end_when_gone();
    }
    // Experiments compute on threads of their own; there is nothing to wait for.
    if let Command::Sim(flags) = &cli.command {
        return sim(flags);
    }
    // What dev prints is for reading and pasting; a log between the lines would only be in the way.
    let default = if matches!(cli.command, Command::Dev(_)) { "warn" } else { "info" };
    logging::start(&cli.logging, default);
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plimsoll: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn sim(flags: &plimsoll_lab::SimFlags) -> ExitCode {
    match plimsoll_lab::run(flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("plimsoll: {}", plimsoll_lab::full_message(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Dev(flags) => dev::run(*flags).await,
        Command::Server(flags) => server::run(*flags).await,
        Command::Agent(flags) => agent::run(*flags).await,
        Command::Bench(flags) => bench::run(*flags).await,
        Command::Plan(flags) => plan::run(*flags).await,
        Command::Explain(flags) => explain::run(*flags).await,
        Command::Sim(_) => unreachable!("experiments are run before there is a runtime"),
    }
}
