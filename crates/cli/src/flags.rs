//! Flags that several subcommands share, and how their values are read.

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use plimsoll_control::{ControlSettings, DecisionLog, DecisionLogWriter};
use std::path::PathBuf;
use std::time::Duration;

/// The scheduler's settings: the same for every cluster of a server.
#[derive(Args)]
pub struct SchedulerFlags {
    /// Seconds a silent node keeps its tasks before they are replaced elsewhere, or "never"
    #[arg(long, env = "PLIMSOLL_DISCONNECT_GRACE", default_value = "120", value_name = "SECONDS")]
    pub disconnect_grace: Grace,
    /// Seconds a task without health check must be RUNNING before it counts as healthy; the hosted service uses 40
    #[arg(long, env = "PLIMSOLL_HEALTHY_SECONDS", default_value_t = 0, value_name = "SECONDS")]
    pub healthy_seconds: u64,
    /// Seconds that STOPPED tasks and INACTIVE services stay describable
    #[arg(long, env = "PLIMSOLL_RETENTION", default_value_t = 3600, value_name = "SECONDS")]
    pub retention: u64,
    /// Seconds a task waits for an instance of a capacity provider with managed scaling before it is given up
    #[arg(long, env = "PLIMSOLL_PROVISIONING_TIMEOUT", default_value_t = 900, value_name = "SECONDS")]
    pub provisioning_timeout: u64,
    /// Append every placement decision to this file, for `plimsoll sim replay`
    #[arg(long, env = "PLIMSOLL_DECISION_LOG", value_name = "FILE")]
    pub decision_log: Option<PathBuf>,
    /// MiB at which the decision log ends
    #[arg(long, env = "PLIMSOLL_DECISION_LOG_MAX", default_value_t = 1024, value_name = "MIB")]
    pub decision_log_max: u64,
}

impl SchedulerFlags {
    /// Opens the decision log where one is wanted. It is complete when the server has stopped and what is returned is
    /// dropped.
    pub fn open_decision_log(&self, settings: &mut ControlSettings) -> Result<Option<DecisionLogWriter>> {
        let Some(path) = &self.decision_log else { return Ok(None) };
        let opened = DecisionLog::open(path, self.decision_log_max.saturating_mul(1 << 20));
        let (log, writer) = opened.with_context(|| format!("opening the decision log {}", path.display()))?;
        settings.decision_log = Some(log);
        Ok(Some(writer))
    }

    pub fn control_settings(&self) -> ControlSettings {
        let mut settings = ControlSettings::default();
        settings.scheduler.disconnect_grace_ms = self.disconnect_grace.0.map(|grace| grace.as_millis() as u64);
        settings.scheduler.healthy_ms = self.healthy_seconds.saturating_mul(1000);
        settings.scheduler.retention_ms = self.retention.saturating_mul(1000);
        settings.scheduler.provisioning_timeout_ms = self.provisioning_timeout.saturating_mul(1000);
        settings
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grace(pub Option<Duration>);

impl std::str::FromStr for Grace {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "never" {
            return Ok(Grace(None));
        }
        let seconds: u32 =
            text.parse().map_err(|_| format!("{text:?} is neither a number of seconds nor \"never\""))?;
        Ok(Grace(Some(Duration::from_secs(seconds.into()))))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum RuntimeFlag {
    /// Docker if an engine answers, else processes
    Auto,
    /// Containers of a Docker (or Podman) engine
    Docker,
    /// A process group per container, for machines without an engine
    Process,
}

impl RuntimeFlag {
    pub fn choice(self) -> plimsoll_agent::RuntimeChoice {
        match self {
            RuntimeFlag::Auto => plimsoll_agent::RuntimeChoice::Auto,
            RuntimeFlag::Docker => plimsoll_agent::RuntimeChoice::Docker,
            RuntimeFlag::Process => plimsoll_agent::RuntimeChoice::Process,
        }
    }
}

/// `name` or `name=value`, as attributes are.
pub fn parse_attribute(text: &str) -> std::result::Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    let charset = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./\\".contains(&byte);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(charset) {
        return Err(format!(
            "attribute name {name:?} must be 1 to 128 of letters, digits, '_', '-', '.', '/' and '\\'"
        ));
    }
    Ok((name.to_owned(), value))
}

/// Twelve digits, as AWS clients expect in ARNs.
pub fn parse_account_id(text: &str) -> std::result::Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not twelve digits"))
    }
}

/// `$XDG_DATA_HOME/plimsoll`, else `~/.local/share/plimsoll`, else a directory here.
pub fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    base.map_or_else(|| PathBuf::from(".plimsoll"), |base| base.join("plimsoll"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_or_explained() {
        assert_eq!("never".parse(), Ok(Grace(None)));
        assert_eq!("5".parse(), Ok(Grace(Some(Duration::from_secs(5)))));
        assert!("soon".parse::<Grace>().is_err());
        assert_eq!(parse_attribute("a=b=c"), Ok(("a".into(), Some("b=c".into()))));
        assert_eq!(parse_attribute("gpu"), Ok(("gpu".into(), None)));
        assert!(parse_attribute("=x").is_err());
        assert!(parse_account_id("12345678901a").is_err());
    }
}
