//! ListTagsForResource (TAG-2). The model declares no error of its own for what is not there.

use super::input::invalid;
use super::taggable::{self, Taggable};
use crate::Context;
use crate::error_map::{store_error, submit_error};
use crate::render::render_tags;
use crate::resolve::Arns;
use plimsoll_core::command::TagTarget;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{ClusterStatus, Image, Tags};

pub(super) async fn run(
    context: &Context,
    request: types::ListTagsForResourceRequest,
) -> Result<types::ListTagsForResourceResponse, ApiError> {
    let tags = match taggable::read(context, request.resource_arn.as_deref())? {
        Taggable::InCluster(arns, target) => tags_in_cluster(context, &arns, &target)?,
        Taggable::CapacityProvider(name) => {
            let found = context.control.capacity_providers().get(&context.namespace, &name).await;
            found.map_err(|error| store_error(&error))?.ok_or_else(not_found)?.tags.clone()
        }
        Taggable::Definition(None) => return Err(not_found()),
        Taggable::Definition(Some(id)) => {
            let found = context.control.definitions().get(&context.namespace, &id).await;
            found.map_err(|error| store_error(&error))?.ok_or_else(not_found)?.tags.clone()
        }
    };
    Ok(types::ListTagsForResourceResponse { tags: Some(render_tags(&tags)) })
}

fn not_found() -> ApiError {
    invalid("The specified resource was not found.")
}

fn tags_in_cluster(context: &Context, arns: &Arns, target: &TagTarget) -> Result<Tags, ApiError> {
    let handle = context.control.cluster(&arns.key).ok_or_else(ApiError::cluster_not_found)?;
    let look = |image: &Image| -> Result<Tags, ApiError> {
        let cluster = image.cluster.as_ref().ok_or_else(ApiError::cluster_not_found)?;
        if cluster.status != ClusterStatus::Active {
            // Terraform knows the object to be gone by this text.
            return Err(invalid("The specified cluster is inactive. Specify an active cluster and try again."));
        }
        let found = match target {
            TagTarget::Cluster => Some(&cluster.tags),
            TagTarget::Service(name) => image.services.get(name).map(|row| &row.tags),
            TagTarget::Task(id) => image.tasks.get(id).map(|row| &row.tags),
            TagTarget::Instance(id) => image.instances.get(id).map(|row| &row.tags),
        };
        found.cloned().ok_or_else(not_found)
    };
    handle.read(look).map_err(|error| submit_error(arns, error))?
}
