//! DescribeTaskSets (SVC-54, W-17).

use super::input::distinct;
use crate::Context;
use crate::error_map::command_error;
use crate::render::{self, ShowTags, TaskSetView};
use crate::resolve;
use plimsoll_core::CommandError;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{DeploymentController, DeploymentId, Image, ServiceName, ServiceStatus};

pub(super) async fn run(
    context: &Context,
    request: types::DescribeTaskSetsRequest,
) -> Result<types::DescribeTaskSetsResponse, ApiError> {
    let tags = ShowTags::included(request.include.as_ref());
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let service = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let named = request.task_sets.unwrap_or_default();
    let ids: Vec<DeploymentId> = named.iter().map(|one| arns.task_set_id(&service, one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let found = cluster.read(|image| look(image, &service, ids))?;
    let found = found.map_err(|error| command_error(&cluster.arns, error))?;
    let (mut task_sets, mut failures) = (Vec::new(), Vec::new());
    for one in found {
        match one {
            Ok(view) => task_sets.push(view.render(&cluster.arns, tags)),
            Err(id) => failures.push(render::missing(cluster.arns.task_set(&service, id))),
        }
    }
    Ok(types::DescribeTaskSetsResponse { task_sets: Some(task_sets), failures: Some(failures) })
}

/// Those that are named, in that order; else all of the service. What is not there is given back as it was named.
fn look(
    image: &Image,
    service: &ServiceName,
    ids: Vec<DeploymentId>,
) -> Result<Vec<Result<TaskSetView, DeploymentId>>, CommandError> {
    let name = service.clone();
    match image.services.get(service) {
        None => return Err(CommandError::ServiceNotFound { service: name }),
        Some(row) if row.controller != DeploymentController::External => {
            return Err(CommandError::ServiceWithoutTaskSets { service: name });
        }
        Some(row) if row.status == ServiceStatus::Inactive => {
            return Err(CommandError::ServiceNotActive { service: name });
        }
        Some(_) => {}
    }
    if ids.is_empty() {
        return Ok(TaskSetView::all_of(image, service).into_iter().map(Ok).collect());
    }
    let view = |id| {
        let row = image.deployments.get(&id).filter(|row| row.service == *service && row.task_set.is_some());
        row.map(|row| TaskSetView::collect(image, row)).ok_or(id)
    };
    Ok(distinct(ids).into_iter().map(view).collect())
}
