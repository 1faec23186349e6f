//! The ECS API's way in and out: `POST /` becomes an operation and a JSON value, the answer becomes awsJson 1.1.
//! What each operation does is in [`crate::ops`].

use crate::neighbours::Neighbour;
use crate::operator::Stage;
use crate::ops;
use crate::server::Shell;
use crate::settings::ServerSettings;
use crate::{auth, body};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::FutureExt;
use plimsoll_control::Control;
use plimsoll_ecs_api::{ApiError, Operation, code, sigv4};
use plimsoll_model::{Namespace, Timestamp};
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const AWS_JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");

/// What an operation knows besides its input.
#[derive(Clone)]
pub struct Context {
    pub control: Arc<Control>,
    /// Account and region the request is for.
    pub namespace: Namespace,
    /// Shown as `registeredBy`, `createdBy`.
    pub caller_arn: Arc<str>,
    pub settings: Arc<ServerSettings>,
    /// The base URL this request was sent to, without a trailing slash; what DiscoverPollEndpoint answers.
    pub endpoint: String,
    pub now: Timestamp,
    /// Commands are rehearsed there instead of being carried out.
    pub(crate) stage: Option<Stage>,
}

/// Answers everything that is not another route.
pub(crate) async fn handle(State(shell): State<Arc<Shell>>, request: Request) -> Response {
    let request_id = uuid::Uuid::new_v4().to_string();
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    if let Some(neighbour) = Neighbour::of(&parts) {
        let (response, code) = neighbour.answer(&shell, &parts, body, &request_id).await;
        shell.metrics.request("", code, started.elapsed());
        return response;
    }
    let request = Request::from_parts(parts, body);
    let operation = operation(&request);
    let name = operation.as_ref().map_or("", |operation| operation.name);
    let result = without_panic(answer(&shell, request, operation)).await;
    let code = result.as_ref().map_or_else(|error| error.code, |_| "");
    if let Err(error) = &result
        && error.status >= 500
    {
        tracing::error!(request_id, operation = name, %error, "request failed");
    }
    shell.metrics.request(name, code, started.elapsed());
    response(&request_id, result)
}

/// Wrong method, wrong path, wrong or missing target: to ECS clients one case (W-5).
fn operation(request: &Request) -> Result<&'static Operation, ApiError> {
    let target = request.headers().get(&TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.uri().path() != "/" {
        return Err(ApiError::new(code::UNKNOWN_OPERATION, "operations are sent to the path /").with_status(404));
    }
    if request.method() != Method::POST {
        return Err(ApiError::new(code::UNKNOWN_OPERATION, "operations are sent with POST").with_status(405));
    }
    Operation::lookup(target)
}

async fn answer(
    shell: &Arc<Shell>,
    request: Request,
    operation: Result<&'static Operation, ApiError>,
) -> Result<Value, ApiError> {
    let operation = operation?;
    let (parts, body) = request.into_parts();
    let body = body::read(body, &shell.settings.limits).await?;
    let caller = auth::authenticate(shell, &parts, &body, sigv4::SERVICE)?;
    let input = plimsoll_ecs_api::validate(operation, &body)?;
    let context = Context {
        control: Arc::clone(&shell.control),
        namespace: caller.namespace,
        caller_arn: caller.arn,
        settings: Arc::clone(&shell.settings),
        endpoint: endpoint(&parts, shell),
        now: shell.control.now(),
        stage: None,
    };
    context.control.settled().await;
    let result = ops::dispatch(&context, operation, input).await;
    let Err(error) = &result else { return result };
    if error.code != code::CLUSTER_NOT_FOUND || !is_new_elsewhere(&context.control).await {
        return result;
    }
    let input = plimsoll_ecs_api::validate(operation, &body)?;
    context.control.settled().await;
    ops::dispatch(&context, operation, input).await
}

/// Whether there are clusters in the store that nobody here knew of: another server has made them.
async fn is_new_elsewhere(control: &Control) -> bool {
    match control.discover().await {
        Ok(found) => found > 0,
        Err(error) => {
            tracing::warn!(%error, "the store was not asked for new clusters");
            false
        }
    }
}

/// A panic is our bug in one request, not the end of the others on the connection.
async fn without_panic(answer: impl Future<Output = Result<Value, ApiError>>) -> Result<Value, ApiError> {
    let caught = AssertUnwindSafe(answer).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(ApiError::server("internal error")))
}

/// As the client wrote it, so that an agent behind a name or a proxy comes back the same way.
fn endpoint(parts: &axum::http::request::Parts, shell: &Shell) -> String {
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    match host {
        Some(host) => format!("http://{host}"),
        None => format!("http://{}", shell.addr),
    }
}

fn response(request_id: &str, result: Result<Value, ApiError>) -> Response {
    let (status, body) = match result {
        Ok(value) => (StatusCode::OK, value.to_string()),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, error.body().to_string())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, AWS_JSON);
    headers.insert(REQUEST_ID, HeaderValue::from_str(request_id).expect("a uuid is plain ascii"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_the_server() {
        let answered = without_panic(async { panic!("planted") }).await;
        let error = answered.unwrap_err();
        assert_eq!((error.code, error.status), ("ServerException", 500));
    }
}
