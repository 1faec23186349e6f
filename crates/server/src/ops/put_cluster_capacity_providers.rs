//! PutClusterCapacityProviders (CL-11): both lists are given, and each replaces the one of before.

use super::capacity;
use super::input::unexpected;
use crate::Context;
use crate::render::{ClusterInclude, ClusterView};
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::PutClusterCapacityProvidersRequest,
) -> Result<types::PutClusterCapacityProvidersResponse, ApiError> {
    let strategy = request.default_capacity_provider_strategy.as_ref();
    let association = capacity::association(context, request.capacity_providers.as_ref(), strategy)?;
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let _nothing_is_deleted = context.control.capacity_providers().associating().await;
    capacity::check_known(context, &association).await?;
    let row = match cluster.submit(Command::PutClusterCapacityProviders(association)).await? {
        Output::Cluster(row) => row,
        other => return Err(unexpected("PutClusterCapacityProviders", &other)),
    };
    let view = cluster.read(|image| ClusterView::collect(image, &row, ClusterInclude::ALL))?;
    Ok(types::PutClusterCapacityProvidersResponse { cluster: Some(view.render(&cluster.arns, ClusterInclude::ALL)) })
}
