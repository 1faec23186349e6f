//! `plimsoll sim` without the rest of the binary: quicker to build while working on policies.

use clap::Parser;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "sim", max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    flags: plimsoll_lab::SimFlags,
}

fn main() -> ExitCode {
    match plimsoll_lab::run(&Cli::parse().flags) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sim: {}", plimsoll_lab::full_message(&error));
            ExitCode::FAILURE
        }
    }
}
