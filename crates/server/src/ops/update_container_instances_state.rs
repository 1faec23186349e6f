//! UpdateContainerInstancesState (CI-6, CI-7).

use super::input::{distinct, invalid, unexpected};
use crate::Context;
use crate::render::{self, InstanceView, ShowTags};
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{InstanceId, InstanceStatus};

pub(super) async fn run(
    context: &Context,
    request: types::UpdateContainerInstancesStateRequest,
) -> Result<types::UpdateContainerInstancesStateResponse, ApiError> {
    let status = match request.status.as_deref() {
        Some("ACTIVE") => InstanceStatus::Active,
        Some("DRAINING") => InstanceStatus::Draining,
        _ => return Err(invalid("Container instance status should be one of [ACTIVE, DRAINING]")),
    };
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.container_instances.unwrap_or_default();
    let instances: Vec<InstanceId> = named.iter().map(|one| arns.instance_id(one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::UpdateContainerInstancesState { instances: distinct(instances), status };
    let (rows, failures) = match cluster.submit(command).await? {
        Output::Instances { instances, failures } => (instances, failures),
        other => return Err(unexpected("UpdateContainerInstancesState", &other)),
    };
    let views = cluster.read(|image| rows.iter().map(|row| InstanceView::collect(image, row)).collect::<Vec<_>>())?;
    let shown = views.iter().map(|view| view.render(&cluster.arns, ShowTags::Yes)).collect();
    Ok(types::UpdateContainerInstancesStateResponse {
        container_instances: Some(shown),
        failures: Some(render::failures(&cluster.arns, &failures)),
    })
}
