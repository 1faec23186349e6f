//! DeleteAttributes (ATTR-4: an attribute that is not there is no error).

use super::attribute_target;
use super::input::unexpected;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DeleteAttributesRequest,
) -> Result<types::DeleteAttributesResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let targets = attribute_target::read(&arns, request.attributes.unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    match cluster.submit(Command::DeleteAttributes(targets)).await? {
        Output::Attributes(done) => {
            Ok(types::DeleteAttributesResponse { attributes: Some(attribute_target::render(&cluster.arns, &done)) })
        }
        other => Err(unexpected("DeleteAttributes", &other)),
    }
}
