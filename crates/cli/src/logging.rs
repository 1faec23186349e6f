//! Structured logs on standard error.

use clap::{Args, ValueEnum};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub struct LoggingFlags {
    /// What to log: a level, or targets with levels ("info,plimsoll_control=debug")
    #[arg(long, global = true, env = "PLIMSOLL_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
    /// How to log
    #[arg(long, global = true, env = "PLIMSOLL_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Colours only on a terminal, and never when NO_COLOR is set to anything.
pub fn start(flags: &LoggingFlags) {
    let filter = EnvFilter::try_new(&flags.log).unwrap_or_else(|error| {
        eprintln!("plimsoll: --log {:?} is not a filter ({error}); using info", flags.log);
        EnvFilter::new("info")
    });
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let ansi = std::io::stderr().is_terminal() && !no_color;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    match flags.log_format {
        Format::Text => subscriber.init(),
        Format::Json => subscriber.json().init(),
    }
}
