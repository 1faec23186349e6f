//! DeleteService (SVC-16).

use super::input::unexpected;
use super::service;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DeleteServiceRequest,
) -> Result<types::DeleteServiceResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let name = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::DeleteService { service: name, force: request.force == Some(true) };
    match cluster.submit(command).await? {
        Output::Service(name) => Ok(types::DeleteServiceResponse { service: Some(service::shown(&cluster, &name)?) }),
        other => Err(unexpected("DeleteService", &other)),
    }
}
