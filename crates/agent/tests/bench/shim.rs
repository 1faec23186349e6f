//! The shim by itself, for tests that have no `plimsoll` binary to re-execute.

use std::process::ExitCode;

fn main() -> ExitCode {
    plimsoll_agent::process::shim_main(std::env::args_os().skip(1))
}
