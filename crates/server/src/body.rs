//! Request bodies: bounded in size and time.

use crate::settings::Limits;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use plimsoll_ecs_api::ApiError;

pub(crate) async fn read(body: Body, limits: &Limits) -> Result<Bytes, ApiError> {
    let collected = Limited::new(body, limits.body_bytes_max).collect();
    match tokio::time::timeout(limits.body_timeout, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let message = format!("request body exceeds {} bytes", limits.body_bytes_max);
            Err(ApiError::serialization(message).with_status(413))
        }
        Ok(Err(_)) => Err(ApiError::serialization("request body ended early")),
        Err(_) => {
            let message = format!("request body took more than {} seconds", limits.body_timeout.as_secs());
            Err(ApiError::serialization(message).with_status(408))
        }
    }
}
