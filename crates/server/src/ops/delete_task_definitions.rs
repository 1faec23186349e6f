//! DeleteTaskDefinitions (TD-80): INACTIVE revisions become DELETE_IN_PROGRESS and go when nothing uses them any more.

use super::definitions;
use super::input::distinct;
use crate::Context;
use crate::error_map::store_error;
use crate::render;
use crate::resolve::{DefinitionReference, definition_arn};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{TaskDefinitionId, TaskDefinitionStatus};

const STILL_ACTIVE: &str =
    "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";

pub(super) async fn run(
    context: &Context,
    request: types::DeleteTaskDefinitionsRequest,
) -> Result<types::DeleteTaskDefinitionsResponse, ApiError> {
    let named = request.task_definitions.unwrap_or_default();
    let read = |given: &String| Ok((given.clone(), revision(context, given)?));
    let named = named.iter().map(read).collect::<Result<Vec<_>, ApiError>>()?;
    let (mut task_definitions, mut failures) = (Vec::new(), Vec::new());
    for (given, id) in distinct(named) {
        let Some(id) = id else {
            failures.push(render::missing(given));
            continue;
        };
        match delete(context, &id).await? {
            Deleted::Yes(shown) => task_definitions.push(*shown),
            Deleted::StillActive => failures.push(types::Failure {
                arn: Some(definition_arn(&context.namespace, &id)),
                reason: Some(STILL_ACTIVE.into()),
                detail: None,
            }),
            Deleted::Missing => failures.push(render::missing(definition_arn(&context.namespace, &id))),
        }
    }
    Ok(types::DeleteTaskDefinitionsResponse { task_definitions: Some(task_definitions), failures: Some(failures) })
}

/// `None` names a revision that cannot exist.
fn revision(context: &Context, given: &str) -> Result<Option<TaskDefinitionId>, ApiError> {
    match definitions::reference(context, Some(given))? {
        Some(DefinitionReference::Revision(id)) => Ok(Some(id)),
        Some(DefinitionReference::Family(_)) => Err(ApiError::client("Revision is missing.")),
        None => Ok(None),
    }
}

enum Deleted {
    Yes(Box<types::TaskDefinition>),
    StillActive,
    Missing,
}

async fn delete(context: &Context, id: &TaskDefinitionId) -> Result<Deleted, ApiError> {
    let definitions = context.control.definitions();
    let failed = |error| store_error(&error);
    let Some(known) = definitions.get(&context.namespace, id).await.map_err(failed)? else {
        return Ok(Deleted::Missing);
    };
    let row = match known.status {
        TaskDefinitionStatus::Active => return Ok(Deleted::StillActive),
        TaskDefinitionStatus::DeleteInProgress => known,
        TaskDefinitionStatus::Inactive => {
            let status = TaskDefinitionStatus::DeleteInProgress;
            let changed = definitions.set_status(&context.namespace, id, status, context.now).await.map_err(failed)?;
            let Some(row) = changed else { return Ok(Deleted::Missing) };
            row
        }
    };
    Ok(Deleted::Yes(Box::new(render::definition(&context.namespace, &row)?)))
}
