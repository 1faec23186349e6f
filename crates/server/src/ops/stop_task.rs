//! StopTask (RUN-13).

use super::input::{shared, unexpected};
use crate::Context;
use crate::render::{ShowTags, TaskView};
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::StopTaskRequest,
) -> Result<types::StopTaskResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let task = arns.task_id(request.task.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let row = match cluster.submit(Command::StopTask { task, reason: shared(request.reason) }).await? {
        Output::Task(row) => row,
        other => return Err(unexpected("StopTask", &other)),
    };
    let view = cluster.read(|image| TaskView::collect(image, &row))?;
    Ok(types::StopTaskResponse { task: Some(view.render(&cluster.arns, ShowTags::Yes)) })
}
