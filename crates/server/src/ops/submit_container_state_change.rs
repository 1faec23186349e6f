//! SubmitContainerStateChange (OP-5).

use super::input::invalid;
use super::state_change;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, command};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::SubmitContainerStateChangeRequest,
) -> Result<types::SubmitContainerStateChangeResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let Some(task) = request.task.filter(|task| !task.is_empty()) else {
        return Err(invalid("task cannot be empty."));
    };
    let change = command::SubmitContainerStateChange {
        task: arns.task_id(&task)?,
        container: state_change::container(types::ContainerStateChange {
            container_name: request.container_name,
            exit_code: request.exit_code,
            network_bindings: request.network_bindings,
            reason: request.reason,
            runtime_id: request.runtime_id,
            status: request.status,
            ..Default::default()
        })?,
    };
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::SubmitContainerStateChange(Box::new(change));
    let acknowledgment = state_change::acknowledge(&cluster, command).await?;
    Ok(types::SubmitContainerStateChangeResponse { acknowledgment })
}
