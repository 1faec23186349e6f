//! TagResource and UntagResource (TAG-1, TAG-2).

use super::input::invalid;
use super::taggable::{self, Taggable};
use super::tags;
use crate::Context;
use crate::error_map::store_error;
use crate::resolve;
use plimsoll_control::ProviderChange;
use plimsoll_core::Command;
use plimsoll_ecs_api::{ApiError, code, types};
use plimsoll_model::{CapacityProvider, MANAGED_TAG_PREFIX, TagChange, TaskDefinition, TaskDefinitionId, TooManyTags};
use std::sync::Arc;

pub(super) async fn tag(
    context: &Context,
    request: types::TagResourceRequest,
) -> Result<types::TagResourceResponse, ApiError> {
    change(context, request.resource_arn.as_deref(), TagChange::Put(tags::read(request.tags))).await?;
    Ok(types::TagResourceResponse {})
}

pub(super) async fn untag(
    context: &Context,
    request: types::UntagResourceRequest,
) -> Result<types::UntagResourceResponse, ApiError> {
    let keys = request.tag_keys.unwrap_or_default();
    if let Some(managed) = keys.iter().find(|key| key.to_ascii_lowercase().starts_with(MANAGED_TAG_PREFIX)) {
        return Err(invalid(format!(
            "tagKeys has {managed:?}: keys that begin with {MANAGED_TAG_PREFIX} are reserved"
        )));
    }
    let keys = keys.into_iter().map(Arc::from).collect();
    change(context, request.resource_arn.as_deref(), TagChange::Remove(keys)).await?;
    Ok(types::UntagResourceResponse {})
}

async fn change(context: &Context, arn: Option<&str>, change: TagChange) -> Result<(), ApiError> {
    match taggable::read(context, arn)? {
        Taggable::InCluster(arns, target) => {
            let cluster = resolve::active_cluster(context, arns)?;
            cluster.submit(Command::ChangeTags { target, change }).await.map(|_| ())
        }
        Taggable::CapacityProvider(name) => change_provider(context, &name, &change).await,
        Taggable::Definition(None) => Err(not_found()),
        Taggable::Definition(Some(id)) => change_definition(context, &id, &change).await,
    }
}

fn not_found() -> ApiError {
    ApiError::new(code::RESOURCE_NOT_FOUND, "The specified resource was not found.")
}

async fn change_provider(context: &Context, name: &str, change: &TagChange) -> Result<(), ApiError> {
    let providers = context.control.capacity_providers();
    let failed = |error| store_error(&error);
    let known = providers.get(&context.namespace, name).await.map_err(failed)?.ok_or_else(not_found)?;
    change.applied_to(&known.tags).map_err(too_many)?;
    let edit = |row: &mut CapacityProvider| {
        if let Ok(tags) = change.applied_to(&row.tags) {
            row.tags = tags;
        }
    };
    match providers.change(&context.namespace, name, edit).await.map_err(failed)? {
        ProviderChange::Done(_) => Ok(()),
        ProviderChange::Missing => Err(not_found()),
        ProviderChange::Overtaken => Err(ApiError::server("Others change the capacity provider; try again.")),
    }
}

fn too_many(error: TooManyTags) -> ApiError {
    ApiError::new(code::LIMIT_EXCEEDED, format!("{error}."))
}

async fn change_definition(context: &Context, id: &TaskDefinitionId, change: &TagChange) -> Result<(), ApiError> {
    let changed = context.control.definitions().change_tags(&context.namespace, id, change).await;
    let changed = changed.map_err(|error| store_error(&error))?.ok_or_else(not_found)?;
    let definition = changed.map_err(too_many)?;
    tell_clusters(context, &definition).await;
    Ok(())
}

/// Clusters that use the definition remember its tags, for the tasks that inherit them. One that cannot be told reads
/// them when it is loaded the next time.
async fn tell_clusters(context: &Context, definition: &Arc<TaskDefinition>) {
    for handle in context.control.clusters(&context.namespace) {
        let uses = handle.read(|image| image.definitions.contains_key(&definition.id));
        if let Ok(true) = uses
            && let Err(error) = handle.submit(Command::DefinitionTagged(Arc::clone(definition))).await
        {
            tracing::warn!(cluster = %handle.key().name, definition = %definition.id, %error, "tags not passed on");
        }
    }
}
