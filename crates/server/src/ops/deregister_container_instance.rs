//! DeregisterContainerInstance (CI-8).

use super::input::unexpected;
use crate::Context;
use crate::render::{InstanceView, ShowTags};
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DeregisterContainerInstanceRequest,
) -> Result<types::DeregisterContainerInstanceResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let instance = arns.instance_id(request.container_instance.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::DeregisterContainerInstance { instance, force: request.force == Some(true) };
    let row = match cluster.submit(command).await? {
        Output::Instance(row) => row,
        other => return Err(unexpected("DeregisterContainerInstance", &other)),
    };
    let view = cluster.read(|image| InstanceView::collect(image, &row))?;
    Ok(types::DeregisterContainerInstanceResponse {
        container_instance: Some(view.render(&cluster.arns, ShowTags::Yes)),
    })
}
