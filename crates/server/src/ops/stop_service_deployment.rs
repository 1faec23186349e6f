//! StopServiceDeployment (DEP-53).

use super::input::invalid;
use crate::Context;
use crate::error_map::command_error;
use crate::resolve_history::{self, HistoryEntry};
use plimsoll_core::{Command, CommandError};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::DeploymentId;

pub(super) async fn run(
    context: &Context,
    request: types::StopServiceDeploymentRequest,
) -> Result<types::StopServiceDeploymentResponse, ApiError> {
    let arn = request.service_deployment_arn.as_deref().unwrap_or_default();
    let entry = resolve_history::service_deployment(context, arn)?;
    if request.stop_type.as_deref() == Some("ABORT") {
        return Err(invalid("The only stopType is ROLLBACK."));
    }
    let (Some(cluster), Some(deployment)) = (entry.cluster(context)?, entry.id) else {
        return Err(not_found(&entry));
    };
    cluster.submit(Command::StopServiceDeployment { service: entry.service.clone(), deployment }).await?;
    Ok(types::StopServiceDeploymentResponse { service_deployment_arn: Some(entry.arn) })
}

pub(super) fn not_found(entry: &HistoryEntry) -> ApiError {
    let deployment = entry.id.unwrap_or(DeploymentId::from_u64(0));
    command_error(&entry.arns, CommandError::ServiceDeploymentNotFound { deployment })
}
