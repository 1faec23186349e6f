//! Talking to the operators' service of a control plane: which one, and who asks.

use crate::credentials;
use anyhow::{Context, Result, bail};
use clap::Args;
use plimsoll_agent_proto::auth;
use plimsoll_agent_proto::operator::v1::operator_client::OperatorClient;
use serde_json::{Map, Value};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

/// A service of some ten thousand tasks.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct ServerFlags {
    /// The region of the cluster, when the server has several
    #[arg(long, env = "PLIMSOLL_REGION", default_value = "", hide_default_value = true, value_name = "REGION")]
    pub region: String,
    /// Where the control plane is, http://HOST:PORT
    #[arg(long, env = "PLIMSOLL_SERVER", default_value = "http://127.0.0.1:7077", value_name = "URL")]
    server: String,
    /// Keys file whose first pair signs the request
    #[arg(long, env = "PLIMSOLL_KEYS_FILE", value_name = "FILE")]
    keys_file: Option<PathBuf>,
}

/// Signs a request, sends it with `send` and says of a refusal what the server said.
pub async fn ask<Q, A>(
    to: &ServerFlags,
    request: Q,
    send: impl AsyncFnOnce(OperatorClient<Channel>, Request<Q>) -> Result<Response<A>, Status>,
) -> Result<A> {
    let server = &to.server;
    let endpoint = Endpoint::from_shared(server.clone()).with_context(|| format!("--server {server} is no URL"))?;
    let channel = endpoint.connect_timeout(CONNECT_TIMEOUT).connect().await;
    let channel = channel.with_context(|| format!("no control plane answers at {server}"))?;
    let mut request = Request::new(request);
    if let Some(file) = &to.keys_file {
        let pair = credentials::read(file)?.swap_remove(0);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
        let value = auth::header_value(&pair.access_key, &pair.secret, now.as_secs());
        request.metadata_mut().insert(auth::HEADER, value.parse().context("the key is not plain text")?);
    }
    let client = OperatorClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    match send(client, request).await {
        Ok(reply) => Ok(reply.into_inner()),
        Err(status) if status.code() == tonic::Code::Unauthenticated => {
            bail!("{} (plimsoll dev keeps its keys in DATA_DIR/keys: --keys-file)", status.message())
        }
        Err(status) => bail!("{}", status.message()),
    }
}

/// An ECS request from a file, `-` being standard input.
pub fn read(file: &Path) -> Result<Map<String, Value>> {
    let mut text = String::new();
    let name = file.display();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    }
    match serde_json::from_str(&text).with_context(|| format!("{name} is not JSON"))? {
        Value::Object(members) => Ok(members),
        other => bail!("{name}: expected an object, as in {{\"service\": \"web\"}}, not {other}"),
    }
}
