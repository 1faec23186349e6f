//! Project tools. This file only names them; each lives in its own module.

mod ci;
mod citations;
mod codegen;
mod python;
mod simulate;
mod teeth;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tools: code generation, simulation runs and everything CI checks")]
struct Cli {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// Everything that must hold before a change lands; installs what it needs where it may
    Ci(ci::Options),
    /// Generate the ECS shape tables and types from the model file of an installed botocore
    Codegen(codegen::Args),
    /// Build the Python package of crates/python and check it; not part of `ci`
    Python(python::Options),
    /// Count the rules of docs/behaviour.md that tests cite, and list those that none does
    Rules(citations::Options),
    /// Run seeds of the simulator and check its invariants after every step
    Sim(simulate::Options),
    /// Switch planted bugs on, one at a time, and see that the simulator finds each
    Teeth,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().tool {
        Tool::Ci(options) => ci::run(&options),
        Tool::Codegen(args) => codegen::run(&args),
        Tool::Python(options) => python::run(&options),
        Tool::Rules(options) => citations::run(&options),
        Tool::Sim(options) => simulate::run(&options),
        Tool::Teeth => teeth::run(),
    }
}
