//! Who calls, and which namespace they mean. How a signature is checked is in `plimsoll_ecs_api::sigv4` and, for
//! agents, in `plimsoll_agent_proto::auth`.

use crate::server::Shell;
use crate::settings::{Auth, Credentials};
use axum::http::request::Parts;
use plimsoll_agent_proto::auth as agent_auth;
use plimsoll_ecs_api::sigv4::{self, RequestHead};
use plimsoll_ecs_api::{ApiError, code};
use plimsoll_model::Namespace;
use std::sync::Arc;
use tonic::Status;
use tonic::metadata::MetadataMap;

pub(crate) struct Caller {
    pub namespace: Namespace,
    pub arn: Arc<str>,
}

/// With verification off the region a request was signed for still counts: it is what the client is configured for.
/// `service` is the one that the request must be signed for.
pub(crate) fn authenticate(shell: &Shell, parts: &Parts, body: &[u8], service: &str) -> Result<Caller, ApiError> {
    let settings = &shell.settings;
    let head = request_head(parts)?;
    let (region, principal) = match &settings.auth {
        Auth::Open => (sigv4::region_of(&head.headers), "root".to_owned()),
        Auth::Keys(credentials) => {
            let now = shell.control.now().as_millis() / 1000;
            let identity = sigv4::verify_for(service, credentials, &head, body, now)?;
            (Some(identity.region), format!("user/{}", identity.access_key))
        }
    };
    let region: Arc<str> = match (region, &settings.region) {
        (None, _) => settings.default_region(),
        // Other services than ECS may have one region for all the world.
        (Some(signed_for), Some(pinned)) if signed_for != **pinned && service == sigv4::SERVICE => {
            let message = format!("Credential should be scoped to a valid region, not '{signed_for}'.");
            return Err(ApiError::new(code::INVALID_SIGNATURE, message));
        }
        (Some(signed_for), _) => signed_for.into(),
    };
    let account = Arc::clone(&settings.account_id);
    let arn = format!("arn:aws:iam::{account}:{principal}").into();
    Ok(Caller { namespace: Namespace { account, region }, arn })
}

/// Agents prove the possession of a key once per stream.
pub(crate) fn authenticate_agent(shell: &Shell, metadata: &MetadataMap) -> Result<(), Status> {
    match &shell.settings.auth {
        Auth::Open => Ok(()),
        Auth::Keys(credentials) => {
            let now = u64::try_from(shell.control.now().as_millis() / 1000).unwrap_or(0);
            agent_key(credentials, metadata, now)
        }
    }
}

fn agent_key(credentials: &Credentials, metadata: &MetadataMap, now: u64) -> Result<(), Status> {
    let mut values = metadata.get_all(agent_auth::HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Status::unauthenticated(format!("one {} entry is needed", agent_auth::HEADER)));
    };
    let value = value.to_str().map_err(|_| Status::unauthenticated("the authorization is not plain text"))?;
    let secret_of = |access_key: &str| credentials.secret(access_key).map(str::to_owned);
    match agent_auth::verify(value, now, secret_of) {
        Ok(_) => Ok(()),
        Err(error) => Err(Status::unauthenticated(error.to_string())),
    }
}

/// Of ECS's form: lower case, digits and hyphens.
pub(crate) fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn request_head(parts: &Parts) -> Result<RequestHead, ApiError> {
    let mut headers = Vec::with_capacity(parts.headers.len() + 1);
    for (name, value) in &parts.headers {
        let value = value.to_str().map_err(|_| ApiError::serialization(format!("header {name} is not plain text")))?;
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    // HTTP/2 has the host in its own place.
    if let Some(authority) = parts.uri.authority().filter(|_| !parts.headers.contains_key("host")) {
        headers.push(("host".to_owned(), authority.to_string()));
    }
    Ok(RequestHead {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
    })
}
