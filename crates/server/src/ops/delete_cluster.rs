//! DeleteCluster (CL-8).

use super::input::unexpected;
use crate::Context;
use crate::render::{ClusterInclude, ClusterView};
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DeleteClusterRequest,
) -> Result<types::DeleteClusterResponse, ApiError> {
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let row = match cluster.submit(Command::DeleteCluster).await? {
        Output::Cluster(row) => row,
        other => return Err(unexpected("DeleteCluster", &other)),
    };
    let view = cluster.read(|image| ClusterView::collect(image, &row, ClusterInclude::ALL))?;
    Ok(types::DeleteClusterResponse { cluster: Some(view.render(&cluster.arns, ClusterInclude::ALL)) })
}
