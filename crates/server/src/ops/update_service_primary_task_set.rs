//! UpdateServicePrimaryTaskSet (SVC-53).

use super::input::unexpected;
use super::task_set;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::UpdateServicePrimaryTaskSetRequest,
) -> Result<types::UpdateServicePrimaryTaskSetResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let service = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let set = arns.task_set_id(&service, request.primary_task_set.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    match cluster.submit(Command::UpdateServicePrimaryTaskSet { service, task_set: set }).await? {
        Output::TaskSet(row) => {
            let shown = task_set::shown(&cluster, &row)?;
            Ok(types::UpdateServicePrimaryTaskSetResponse { task_set: Some(shown) })
        }
        other => Err(unexpected("UpdateServicePrimaryTaskSet", &other)),
    }
}
