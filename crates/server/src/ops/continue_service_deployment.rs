//! ContinueServiceDeployment (DEP-54): deployments that pause need lifecycle hooks, and there are none here (SVC-7).

use super::input::unsupported;
use super::stop_service_deployment::not_found;
use crate::{Context, resolve_history};
use plimsoll_ecs_api::{ApiError, types};
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    request: types::ContinueServiceDeploymentRequest,
) -> Result<types::ContinueServiceDeploymentResponse, ApiError> {
    let arn = request.service_deployment_arn.as_deref().unwrap_or_default();
    let entry = resolve_history::service_deployment(context, arn)?;
    match entry.look(context, |_, row| Arc::clone(row))? {
        Some(_) => Err(unsupported("The service deployment is not paused: this server has no lifecycle hooks.")),
        None => Err(not_found(&entry)),
    }
}
