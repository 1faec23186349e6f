//! UpdateTaskSet (SVC-51).

use super::input::{invalid, unexpected};
use super::task_set;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::UpdateTaskSetRequest,
) -> Result<types::UpdateTaskSetResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let service = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let set = arns.task_set_id(&service, request.task_set.as_deref().unwrap_or_default())?;
    let given = request.scale.as_ref().ok_or_else(|| invalid("scale cannot be empty."))?;
    let scale = task_set::scale(given)?;
    let cluster = resolve::active_cluster(context, arns)?;
    match cluster.submit(Command::UpdateTaskSet { service, task_set: set, scale }).await? {
        Output::TaskSet(row) => Ok(types::UpdateTaskSetResponse { task_set: Some(task_set::shown(&cluster, &row)?) }),
        other => Err(unexpected("UpdateTaskSet", &other)),
    }
}
