//! Structured logs on standard error.

use clap::{Args, ValueEnum};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

#[derive(Args)]
pub struct LoggingFlags {
    /// What to log: a level, or targets with levels ("info,plimsoll_control=debug") [default: info; for dev: warn]
    #[arg(long, global = true, env = "PLIMSOLL_LOG", value_name = "FILTER")]
    log: Option<String>,
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
pub fn start(flags: &LoggingFlags, default: &str) {
    let wanted = flags.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(wanted).unwrap_or_else(|error| {
        eprintln!("plimsoll: --log {wanted:?} is not a filter ({error}); using {default}");
        EnvFilter::new(default)
    });
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let ansi = std::io::stderr().is_terminal() && !no_color;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    match flags.log_format {
        Format::Text => subscriber.init(),
        Format::Json => subscriber.json().init(),
    }
}
