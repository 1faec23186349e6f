//! RegisterTaskDefinition (TD, TAG-1). What a definition may say is the core's to know.

use crate::Context;
use crate::error_map::{definition_error, store_error};
use crate::render;
use plimsoll_core::task_definition::prepare;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{TaskDefinition, TaskDefinitionId};
use serde_json::Value;
use std::sync::Arc;

pub(super) async fn run(context: &Context, input: Value) -> Result<types::RegisterTaskDefinitionResponse, ApiError> {
    let Value::Object(members) = input else {
        return Err(ApiError::serialization("the request must be an object"));
    };
    let prepared = prepare(members).map_err(definition_error)?;
    // The store counts revisions; it ignores this one.
    let id = TaskDefinitionId { family: prepared.family, revision: 0 };
    let read = TaskDefinition::from_document(id, Arc::new(prepared.document));
    let mut definition = read.map_err(|error| {
        tracing::error!(%error, source = %error.source, "a prepared task definition does not read as one");
        ApiError::server("The task definition was accepted, but cannot be read.")
    })?;
    definition.registered_at = context.now;
    definition.registered_by = Arc::clone(&context.caller_arn);
    definition.requires_attributes = prepared.requires_attributes;
    definition.compatibilities = prepared.compatibilities;
    let tags = prepared.tags;
    definition.tags = tags.clone().unwrap_or_default();
    let registered = context.control.definitions().register(&context.namespace, definition).await;
    let registered = registered.map_err(|error| store_error(&error))?;
    Ok(types::RegisterTaskDefinitionResponse {
        task_definition: Some(render::definition(&context.namespace, &registered)?),
        tags: tags.as_ref().map(render::render_tags),
    })
}
