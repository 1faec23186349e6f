//! `plimsoll sim`: the files, threads, clock and terminal around placement experiments. What an experiment is and what
//! comes out of it is `plimsoll-experiments`.

mod data;
mod database;
mod error;
mod experiment;
mod parallel;
mod policies;
mod replay;
mod reproduce;
mod timing;
mod verdict;

pub use error::Error;
pub use parallel::Workers;

use clap::{Args, Subcommand};

/// Placement experiments: traces, policies, seeds, confidence intervals
///
/// `reproduce` shows that the policies here give published numbers; `run` makes an experiment of your own; `replay`
/// repeats what a server decided; `policies` lists what can be compared. No server, no nodes: tasks are placed in memory
/// by the policies of the placement crate, or, with `engine = "full"`, by the production scheduler in virtual time.
#[derive(Debug, Args)]
pub struct SimFlags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Reproduce(reproduce::ReproduceFlags),
    Run(experiment::RunFlags),
    Policies(policies::PoliciesFlags),
    Replay(replay::ReplayFlags),
}

/// Whether all went as it should: the exit status of `plimsoll sim`.
pub fn run(flags: &SimFlags) -> Result<bool, Error> {
    match &flags.command {
        Command::Reproduce(flags) => reproduce::run(flags),
        Command::Run(flags) => experiment::run(flags),
        Command::Replay(flags) => replay::run(flags),
        Command::Policies(_) => {
            policies::print();
            Ok(true)
        }
    }
}

/// An error with what caused it, on one line.
pub fn full_message(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        message.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    message
}
