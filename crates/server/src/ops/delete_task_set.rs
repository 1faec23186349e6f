//! DeleteTaskSet (SVC-54).

use super::input::unexpected;
use super::task_set;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DeleteTaskSetRequest,
) -> Result<types::DeleteTaskSetResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let service = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let set = arns.task_set_id(&service, request.task_set.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::DeleteTaskSet { service, task_set: set, force: request.force == Some(true) };
    match cluster.submit(command).await? {
        Output::TaskSet(row) => Ok(types::DeleteTaskSetResponse { task_set: Some(task_set::shown(&cluster, &row)?) }),
        other => Err(unexpected("DeleteTaskSet", &other)),
    }
}
