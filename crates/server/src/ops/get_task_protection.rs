//! GetTaskProtection (PROT-3).

use super::input::distinct;
use super::update_task_protection::failure;
use crate::Context;
use crate::render::protected_task;
use crate::resolve;
use plimsoll_core::ProtectionRefusal;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::TaskId;
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    request: types::GetTaskProtectionRequest,
) -> Result<types::GetTaskProtectionResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.tasks.unwrap_or_default();
    let ids: Vec<TaskId> = named.iter().map(|one| arns.task_id(one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let found = cluster.read(|image| {
        let row = |id| (id, image.tasks.get(&id).map(Arc::clone));
        distinct(ids).into_iter().map(row).collect::<Vec<_>>()
    })?;
    let (mut protected, mut failures) = (Vec::new(), Vec::new());
    for (id, row) in found {
        match row {
            None => failures.push(failure(cluster.arns.task(id), ProtectionRefusal::Missing)),
            Some(row) if row.service.is_some() && row.is_live() => protected.push(protected_task(&cluster.arns, &row)),
            Some(_) => failures.push(failure(cluster.arns.task(id), ProtectionRefusal::TaskNotValid)),
        }
    }
    Ok(types::GetTaskProtectionResponse { protected_tasks: Some(protected), failures: Some(failures) })
}
