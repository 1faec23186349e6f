//! The listeners from outside: limits, answers to what is not an operation, authentication, agent streams.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion, in its helpers too")]

mod agents;
mod http;

use plimsoll_control::ControlSettings;
use plimsoll_server::{Auth, Credentials, Error, Limits, RunningServer, Server, ServerSettings};
use plimsoll_store::MemoryStore;
use std::sync::Arc;
use std::time::Duration;

pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub fn settings() -> ServerSettings {
    ServerSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        account_id: "123456789012".into(),
        region: None,
        auth: Auth::Open,
        store: Arc::new(MemoryStore::new()),
        control: ControlSettings::default(),
        limits: Limits { shutdown_grace: Duration::from_millis(200), ..Limits::default() },
    }
}

pub fn with_keys() -> ServerSettings {
    ServerSettings { auth: Auth::Keys(Credentials::from_iter([(ACCESS_KEY, SECRET)])), ..settings() }
}

pub async fn start(settings: ServerSettings) -> RunningServer {
    Server::start(settings).await.unwrap()
}

/// Nothing a test waits for takes this long.
pub async fn soon<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

#[tokio::test]
async fn an_open_server_does_not_listen_to_the_network() {
    let everywhere = ServerSettings { listen: "0.0.0.0:0".parse().unwrap(), ..settings() };
    let error = Server::start(everywhere.clone()).await.err().unwrap();
    assert!(matches!(error, Error::OpenToTheNetwork { .. }), "S-19: {error}");
    let with_keys = ServerSettings { auth: with_keys().auth, ..everywhere };
    start(with_keys).await.shutdown().await;
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let no_keys = ServerSettings { auth: Auth::Keys(Credentials::new()), ..settings() };
    assert!(matches!(Server::start(no_keys).await.err().unwrap(), Error::NoKeys));
    let account = ServerSettings { account_id: "12".into(), ..settings() };
    assert!(matches!(Server::start(account).await.err().unwrap(), Error::AccountId { .. }));
    let region = ServerSettings { region: Some("US east".into()), ..settings() };
    assert!(matches!(Server::start(region).await.err().unwrap(), Error::Region { .. }));
}
