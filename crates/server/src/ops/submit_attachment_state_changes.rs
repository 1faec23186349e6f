//! SubmitAttachmentStateChanges (OP-5): agents of networks that tasks here do not have are heard and change nothing.

use super::input::invalid;
use super::state_change::ACKNOWLEDGMENT;
use crate::Context;
use crate::resolve;
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::SubmitAttachmentStateChangesRequest,
) -> Result<types::SubmitAttachmentStateChangesResponse, ApiError> {
    for change in request.attachments.iter().flatten() {
        let status = change.status.as_deref().unwrap_or_default();
        if !["ATTACHED", "DETACHED"].contains(&status) {
            return Err(invalid(format!("status should be one of [ATTACHED,DETACHED], was {status:?}")));
        }
    }
    resolve::cluster(context, request.cluster.as_deref())?;
    Ok(types::SubmitAttachmentStateChangesResponse { acknowledgment: Some(ACKNOWLEDGMENT.into()) })
}
