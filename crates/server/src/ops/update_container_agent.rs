//! UpdateContainerAgent (OP-3): agents here are updated by whoever installed them.

use crate::Context;
use crate::error_map::command_error;
use crate::resolve;
use plimsoll_core::CommandError;
use plimsoll_ecs_api::{ApiError, code, types};
use plimsoll_model::InstanceStatus;

pub(super) async fn run(
    context: &Context,
    request: types::UpdateContainerAgentRequest,
) -> Result<types::UpdateContainerAgentResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let instance = arns.instance_id(request.container_instance.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let row = cluster.read(|image| image.instances.get(&instance).cloned())?;
    match row.filter(|row| row.status != InstanceStatus::Inactive) {
        None => Err(command_error(&cluster.arns, CommandError::InstanceNotFound { instance })),
        Some(row) if row.version_info.agent_version.is_none() => {
            Err(ApiError::new(code::MISSING_VERSION, "The container agent did not report a version."))
        }
        Some(_) => {
            Err(ApiError::new(code::NO_UPDATE_AVAILABLE, "There is no update available for your container agent."))
        }
    }
}
