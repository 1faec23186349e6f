//! DescribeContainerInstances (CI-10, W-17).

use super::input::distinct;
use crate::Context;
use crate::render::{self, InstanceView, ShowTags};
use crate::resolve;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::InstanceId;

pub(super) async fn run(
    context: &Context,
    request: types::DescribeContainerInstancesRequest,
) -> Result<types::DescribeContainerInstancesResponse, ApiError> {
    let tags = ShowTags::included(request.include.as_ref());
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.container_instances.unwrap_or_default();
    let ids: Vec<InstanceId> = named.iter().map(|one| arns.instance_id(one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let found = cluster.read(|image| {
        let view = |id| (id, image.instances.get(&id).map(|row| InstanceView::collect(image, row)));
        distinct(ids).into_iter().map(view).collect::<Vec<_>>()
    })?;
    let (mut instances, mut failures) = (Vec::new(), Vec::new());
    for (id, view) in found {
        match view {
            Some(view) => instances.push(view.render(&cluster.arns, tags)),
            None => failures.push(render::missing(cluster.arns.instance(id))),
        }
    }
    Ok(types::DescribeContainerInstancesResponse { container_instances: Some(instances), failures: Some(failures) })
}
