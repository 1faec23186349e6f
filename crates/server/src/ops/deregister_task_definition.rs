//! DeregisterTaskDefinition (TD-76). Doing it again answers the same.

use super::definitions;
use crate::Context;
use crate::error_map::store_error;
use crate::render;
use crate::resolve::DefinitionReference;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::TaskDefinitionStatus;

pub(super) async fn run(
    context: &Context,
    request: types::DeregisterTaskDefinitionRequest,
) -> Result<types::DeregisterTaskDefinitionResponse, ApiError> {
    let unknown = || ApiError::client("Unable to describe task definition.");
    let id = match definitions::reference(context, request.task_definition.as_deref())? {
        Some(DefinitionReference::Revision(id)) => id,
        Some(DefinitionReference::Family(_)) => return Err(ApiError::client("Revision is missing.")),
        None => return Err(unknown()),
    };
    let definitions = context.control.definitions();
    let failed = |error| store_error(&error);
    let known = definitions.get(&context.namespace, &id).await.map_err(failed)?.ok_or_else(unknown)?;
    let changed = match known.status {
        TaskDefinitionStatus::Active => definitions
            .set_status(&context.namespace, &id, TaskDefinitionStatus::Inactive, context.now)
            .await
            .map_err(failed)?
            .ok_or_else(unknown)?,
        TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress => known,
    };
    Ok(types::DeregisterTaskDefinitionResponse {
        task_definition: Some(render::definition(&context.namespace, &changed)?),
    })
}
