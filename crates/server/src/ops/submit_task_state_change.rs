//! SubmitTaskStateChange (OP-5). Attachments and managed agents belong to networking that tasks here do not have.

use super::input::{invalid, shared};
use super::state_change::{self, timestamp};
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, command};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::SubmitTaskStateChangeRequest,
) -> Result<types::SubmitTaskStateChangeResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let Some(task) = request.task.filter(|task| !task.is_empty()) else {
        return Err(invalid("task cannot be empty."));
    };
    let containers = request.containers.unwrap_or_default().into_iter().map(state_change::container);
    let change = command::SubmitTaskStateChange {
        task: arns.task_id(&task)?,
        status: state_change::status(request.status.as_deref())?,
        reason: shared(request.reason),
        containers: containers.collect::<Result<_, _>>()?,
        pull_started_at: timestamp(request.pull_started_at),
        pull_stopped_at: timestamp(request.pull_stopped_at),
        execution_stopped_at: timestamp(request.execution_stopped_at),
    };
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::SubmitTaskStateChange(Box::new(change));
    let acknowledgment = state_change::acknowledge(&cluster, command).await?;
    Ok(types::SubmitTaskStateChangeResponse { acknowledgment })
}
