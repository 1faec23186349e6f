//! ListTaskDefinitions (TD-78).

use crate::Context;
use crate::error_map::store_error;
use crate::resolve::definition_arn;
use plimsoll_ecs_api::page::{Page, Pager};
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::{Family, TaskDefinitionId, TaskDefinitionStatus};
use plimsoll_store::DefinitionQuery;
use serde_json::Value;
use std::cmp::Reverse;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListTaskDefinitionsResponse, ApiError> {
    let request: types::ListTaskDefinitionsRequest = parse(input.clone())?;
    let status = request.status.as_deref().and_then(TaskDefinitionStatus::parse);
    let descending = request.sort.as_deref() == Some("DESC");
    let named = request.family_prefix.as_deref().filter(|family| !family.is_empty());
    let found = match named.map(Family::parse).transpose() {
        Ok(family) => {
            let status = status.unwrap_or(TaskDefinitionStatus::Active);
            let query = DefinitionQuery { family, status, descending };
            let found = context.control.definitions().list(&context.namespace, &query).await;
            found.map_err(|error| store_error(&error))?
        }
        // No family has such a name.
        Err(_) => Vec::new(),
    };
    let key = |id: &TaskDefinitionId| (id.family.to_string(), u64::from(id.revision));
    let Page { items, next_token } = if descending {
        Pager::of(operation, &input)?.page(found, |id| Reverse(key(id)))
    } else {
        Pager::of(operation, &input)?.page(found, key)
    };
    let arns = items.iter().map(|id| definition_arn(&context.namespace, id)).collect();
    Ok(types::ListTaskDefinitionsResponse { task_definition_arns: Some(arns), next_token })
}
