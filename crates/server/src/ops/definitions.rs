//! Looking up the task definition a request names (TD-77).

use super::input::invalid;
use crate::Context;
use crate::error_map::store_error;
use crate::resolve::{DefinitionReference, definition_reference};
use plimsoll_ecs_api::ApiError;
use plimsoll_model::{TaskDefinition, TaskDefinitionId, TaskDefinitionStatus};
use std::sync::Arc;

/// What an INACTIVE definition is answered with differs between tasks and services.
#[derive(Clone, Copy)]
pub(super) enum UsedBy<'a> {
    Tasks,
    Service,
    /// May keep the definition it has, whatever became of that.
    ServiceOn(&'a TaskDefinitionId),
}

/// `None` names a revision that cannot exist.
pub(super) fn reference(context: &Context, given: Option<&str>) -> Result<Option<DefinitionReference>, ApiError> {
    let given = given.filter(|text| !text.is_empty()).ok_or_else(|| invalid("taskDefinition cannot be empty."))?;
    definition_reference(&context.namespace, given)
}

/// Whatever its status; a family stands for its latest ACTIVE revision.
pub(super) async fn find(
    context: &Context,
    reference: Option<&DefinitionReference>,
) -> Result<Option<Arc<TaskDefinition>>, ApiError> {
    let definitions = context.control.definitions();
    let found = match reference {
        None => return Ok(None),
        Some(DefinitionReference::Family(family)) => definitions.latest(&context.namespace, family).await,
        Some(DefinitionReference::Revision(id)) => definitions.get(&context.namespace, id).await,
    };
    found.map_err(|error| store_error(&error))
}

/// One that tasks may be started from.
pub(super) async fn usable(
    context: &Context,
    reference: Option<&DefinitionReference>,
    used_by: UsedBy<'_>,
) -> Result<Arc<TaskDefinition>, ApiError> {
    let found = find(context, reference).await?.ok_or_else(|| ApiError::client("TaskDefinition not found."))?;
    match (found.status, used_by) {
        (TaskDefinitionStatus::Active, _) => Ok(found),
        (_, UsedBy::ServiceOn(id)) if found.id == *id => Ok(found),
        (_, UsedBy::Tasks) => Err(invalid("TaskDefinition is inactive")),
        (_, UsedBy::Service | UsedBy::ServiceOn(_)) => Err(ApiError::client("TaskDefinition is inactive")),
    }
}
