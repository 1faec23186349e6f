//! Starts and stops everything that runs in a server process.

use crate::listener;
use crate::metrics::Metrics;
use crate::settings::{Auth, ServerSettings};
use crate::{api, gateway, health, metrics, operator};
use axum::Router;
use axum::routing::{any_service, get};
use plimsoll_control::Control;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{listen} can be reached from other machines and no access keys are configured; \
         configure some or listen on a loopback address"
    )]
    OpenToTheNetwork { listen: SocketAddr },
    #[error("authentication is on and no access key is configured")]
    NoKeys,
    #[error("account id {given:?} is not twelve digits")]
    AccountId { given: Arc<str> },
    #[error("region {given:?} is not of 1 to 64 of a-z, 0-9 and -")]
    Region { given: Arc<str> },
    #[error("cannot listen on {listen}")]
    Listen {
        listen: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot start the control plane")]
    Control(#[source] plimsoll_control::Error),
}

/// What handlers share.
pub(crate) struct Shell {
    pub settings: Arc<ServerSettings>,
    pub control: Arc<Control>,
    pub metrics: Metrics,
    pub addr: SocketAddr,
    /// Cancelled when the server stops: streams end.
    pub stop: CancellationToken,
}

pub struct Server;

impl Server {
    /// Returns when every cluster of the store is served and the port answers.
    pub async fn start(settings: ServerSettings) -> Result<RunningServer, Error> {
        check(&settings)?;
        let listen = settings.listen;
        let unable = |source| Error::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(unable)?;
        let addr = listener.local_addr().map_err(unable)?;
        let control =
            Control::start(Arc::clone(&settings.store), settings.control.clone()).await.map_err(Error::Control)?;
        let stop = CancellationToken::new();
        let shell = Arc::new(Shell {
            settings: Arc::new(settings),
            control: Arc::clone(&control),
            metrics: Metrics::new(),
            addr,
            stop: stop.clone(),
        });
        let accepting = tokio::spawn(listener::run(Arc::clone(&shell), listener, router(shell)));
        tracing::info!(%addr, "server listens");
        Ok(RunningServer { addr, control, stop, accepting })
    }
}

/// A server that answers. Dropping it leaves it running; [`RunningServer::shutdown`] ends it.
pub struct RunningServer {
    pub addr: SocketAddr,
    pub control: Arc<Control>,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl RunningServer {
    /// Takes no more connections, gives requests under way the grace of the settings, commits, gives the leases back.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "listener did not end");
        }
        self.control.shutdown().await;
    }
}

fn check(settings: &ServerSettings) -> Result<(), Error> {
    match &settings.auth {
        Auth::Open if !settings.listen.ip().is_loopback() => {
            return Err(Error::OpenToTheNetwork { listen: settings.listen });
        }
        Auth::Keys(credentials) if credentials.is_empty() => return Err(Error::NoKeys),
        Auth::Open | Auth::Keys(_) => {}
    }
    let account = &settings.account_id;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::AccountId { given: Arc::clone(account) });
    }
    match &settings.region {
        Some(region) if !crate::auth::is_region(region) => Err(Error::Region { given: Arc::clone(region) }),
        _ => Ok(()),
    }
}

fn router(shell: Arc<Shell>) -> Router {
    Router::new()
        .route("/healthz", get(health::handle))
        .route("/metrics", get(metrics::handle))
        .route("/plimsoll.agent.v1.AgentGateway/{*method}", any_service(gateway::service(Arc::clone(&shell))))
        .route("/plimsoll.operator.v1.Operator/{*method}", any_service(operator::service(Arc::clone(&shell))))
        .fallback(api::handle)
        .method_not_allowed_fallback(api::handle)
        .with_state(shell)
}
