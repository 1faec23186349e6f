//! DescribeClusters (CL-4 to CL-7): INACTIVE ones are shown as long as they are kept.

use super::input::distinct;
use crate::Context;
use crate::error_map::submit_error;
use crate::render::{self, ClusterInclude, ClusterView};
use crate::resolve::{self, Arns};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DescribeClustersRequest,
) -> Result<types::DescribeClustersResponse, ApiError> {
    let include = ClusterInclude::named(request.include.as_ref());
    let named = request.clusters.unwrap_or_default();
    let named = if named.is_empty() { vec![String::new()] } else { named };
    let all: Vec<Arns> = named.iter().map(|one| resolve::cluster_name(context, Some(one))).collect::<Result<_, _>>()?;
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for arns in distinct(all) {
        match view(context, &arns, include)? {
            Some(view) => clusters.push(view.render(&arns, include)),
            None => failures.push(render::missing(arns.cluster())),
        }
    }
    Ok(types::DescribeClustersResponse { clusters: Some(clusters), failures: Some(failures) })
}

fn view(context: &Context, arns: &Arns, include: ClusterInclude) -> Result<Option<ClusterView>, ApiError> {
    let Some(handle) = context.control.cluster(&arns.key) else { return Ok(None) };
    let view = handle.read(|image| image.cluster.as_ref().map(|row| ClusterView::collect(image, row, include)));
    view.map_err(|error| submit_error(arns, error))
}
