//! DescribeTasks (W-17).

use super::input::distinct;
use crate::Context;
use crate::render::{self, ShowTags, TaskView};
use crate::resolve;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::TaskId;

pub(super) async fn run(
    context: &Context,
    request: types::DescribeTasksRequest,
) -> Result<types::DescribeTasksResponse, ApiError> {
    let tags = ShowTags::included(request.include.as_ref());
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.tasks.unwrap_or_default();
    let ids: Vec<TaskId> = named.iter().map(|one| arns.task_id(one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let found = cluster.read(|image| {
        let view = |id| (id, image.tasks.get(&id).map(|row| TaskView::collect(image, row)));
        distinct(ids).into_iter().map(view).collect::<Vec<_>>()
    })?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for (id, view) in found {
        match view {
            Some(view) => tasks.push(view.render(&cluster.arns, tags)),
            None => failures.push(render::missing(cluster.arns.task(id))),
        }
    }
    Ok(types::DescribeTasksResponse { tasks: Some(tasks), failures: Some(failures) })
}
