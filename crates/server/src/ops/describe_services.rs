//! DescribeServices (SVC-10, SVC-11, SVC-17, W-17).

use super::input::distinct;
use crate::Context;
use crate::render::{self, ServiceView, ShowTags};
use crate::resolve;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::ServiceName;

pub(super) async fn run(
    context: &Context,
    request: types::DescribeServicesRequest,
) -> Result<types::DescribeServicesResponse, ApiError> {
    let tags = ShowTags::included(request.include.as_ref());
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.services.unwrap_or_default();
    let names: Vec<ServiceName> = named.iter().map(|one| arns.service_name(one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let found = cluster.read(|image| {
        let view = |name| (image.services.get(&name).map(|row| ServiceView::collect(image, row)), name);
        distinct(names).into_iter().map(view).collect::<Vec<_>>()
    })?;
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for (view, name) in found {
        match view {
            Some(view) => services.push(view.render(&cluster.arns, tags)),
            None => failures.push(render::missing(cluster.arns.service(&name))),
        }
    }
    Ok(types::DescribeServicesResponse { services: Some(services), failures: Some(failures) })
}
