//! One call to the engine: bounded in time, its failures sorted by what can be done about them.

use bollard::errors::Error as EngineError;
use std::future::Future;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// There is no such container, image or volume.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken, or the container is in another state than the call expects.
    #[error("{0}")]
    Conflict(String),
    /// The engine understood and refused.
    #[error("{0}")]
    Refused(String),
    /// The engine did not answer, or not in time: it may or may not have done it.
    #[error("the container engine does not answer: {0}")]
    Silent(String),
}

pub(super) async fn call<T>(
    deadline: Duration,
    request: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(deadline, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(CallError::Silent(format!("no reply within {} s", deadline.as_secs()))),
    }
}

impl From<EngineError> for CallError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::DockerResponseServerError { status_code: 404, message } => CallError::NotFound(message),
            EngineError::DockerResponseServerError { status_code: 409, message } => CallError::Conflict(message),
            EngineError::DockerResponseServerError { message, .. } => CallError::Refused(message),
            EngineError::DockerStreamError { error } => CallError::Refused(error),
            other => CallError::Silent(other.to_string()),
        }
    }
}

/// Until it is done or refused. A silent engine is asked again, and once more with `patience` over.
pub(super) async fn persist<T, F: Future<Output = Result<T, CallError>>>(
    patience: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, CallError> {
    let give_up = tokio::time::Instant::now() + patience;
    loop {
        match attempt().await {
            Err(CallError::Silent(_)) if tokio::time::Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            result => return result,
        }
    }
}
