//! `plimsoll server`: the control plane alone.

use crate::flags::{SchedulerFlags, parse_account_id};
use crate::{credentials, stop};
use anyhow::{Context, Result, bail};
use clap::Args;
use plimsoll_server::{Auth, Limits, Server, ServerSettings};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Run the control plane: the ECS API, the agents' gateway, /metrics and /healthz on one port.
///
/// Agents join with `plimsoll agent --server http://HOST:PORT --cluster NAME`. State is in the database alone: kill
/// the server at any moment and start it again.
#[derive(Args)]
pub struct ServerFlags {
    /// Address and port to listen on
    #[arg(long, env = "PLIMSOLL_LISTEN", default_value = "127.0.0.1:7077", value_name = "ADDR")]
    listen: SocketAddr,
    /// postgres://user:password@host:port/database or sqlite://path
    #[arg(long, env = "PLIMSOLL_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: String,
    /// The account in every ARN
    #[arg(long, env = "PLIMSOLL_ACCOUNT_ID", default_value = "000000000000", value_name = "ID",
          value_parser = parse_account_id)]
    account_id: String,
    /// Serve this region only; without it every region a request is signed for is a namespace of its own
    #[arg(long, env = "PLIMSOLL_REGION", value_name = "REGION")]
    region: Option<String>,
    /// File with lines of ACCESS_KEY_ID SECRET_ACCESS_KEY; requests and agents must be signed with one of them
    #[arg(long, env = "PLIMSOLL_KEYS_FILE", value_name = "FILE", conflicts_with = "no_auth")]
    keys_file: Option<PathBuf>,
    /// Let in anybody who can connect; only on a loopback address
    #[arg(long, env = "PLIMSOLL_NO_AUTH")]
    no_auth: bool,
    #[command(flatten)]
    scheduler: SchedulerFlags,
}

pub async fn run(flags: ServerFlags) -> Result<()> {
    let auth = match &flags.keys_file {
        Some(path) => Auth::Keys(credentials::credentials(&credentials::read(path)?)),
        None if flags.no_auth || flags.listen.ip().is_loopback() => Auth::Open,
        None => bail!("{} is not a loopback address: give --keys-file FILE, or listen on 127.0.0.1", flags.listen),
    };
    let mut control = flags.scheduler.control_settings();
    let decision_log = flags.scheduler.open_decision_log(&mut control)?;
    let store = plimsoll_store::open(&flags.database_url).await.context("opening the database")?;
    let server = Server::start(ServerSettings {
        listen: flags.listen,
        account_id: flags.account_id.as_str().into(),
        region: flags.region.as_deref().map(Into::into),
        auth: auth.clone(),
        store,
        control,
        limits: Limits::default(),
    })
    .await?;
    let access = match auth {
        Auth::Open => "open to everybody on loopback",
        Auth::Keys(_) => "signed requests only",
    };
    tracing::info!(address = %server.addr, access, "serving");
    stop::requested().await?;
    tracing::info!("stopping; tasks keep running");
    server.shutdown().await;
    drop(decision_log);
    Ok(())
}
