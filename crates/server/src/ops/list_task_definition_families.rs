//! ListTaskDefinitionFamilies (TD-78).

use crate::Context;
use crate::error_map::store_error;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_store::{FamilyQuery, FamilyStatus};
use serde_json::Value;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListTaskDefinitionFamiliesResponse, ApiError> {
    let pager = Pager::<String>::of(operation, &input)?;
    let request: types::ListTaskDefinitionFamiliesRequest = parse(input)?;
    let status = match request.status.as_deref() {
        Some("ACTIVE") => FamilyStatus::Active,
        Some("INACTIVE") => FamilyStatus::Inactive,
        _ => FamilyStatus::All,
    };
    let query = FamilyQuery { prefix: request.family_prefix.unwrap_or_default(), status };
    let found = context.control.definitions().families(&context.namespace, &query).await;
    let found = found.map_err(|error| store_error(&error))?;
    let page = pager.page(found.iter().map(ToString::to_string), String::clone);
    Ok(types::ListTaskDefinitionFamiliesResponse { families: Some(page.items), next_token: page.next_token })
}
