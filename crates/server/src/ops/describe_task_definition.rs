//! DescribeTaskDefinition (TD-79).

use super::definitions;
use crate::Context;
use crate::render::{self, ShowTags};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DescribeTaskDefinitionRequest,
) -> Result<types::DescribeTaskDefinitionResponse, ApiError> {
    let reference = definitions::reference(context, request.task_definition.as_deref())?;
    let found = definitions::find(context, reference.as_ref()).await?;
    let found = found.ok_or_else(|| ApiError::client("Unable to describe task definition."))?;
    Ok(types::DescribeTaskDefinitionResponse {
        task_definition: Some(render::definition(&context.namespace, &found)?),
        tags: Some(ShowTags::included(request.include.as_ref()).of(&found.tags)),
    })
}
