//! PutAttributes (ATTR-1 to ATTR-3).

use super::attribute_target;
use super::input::unexpected;
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::PutAttributesRequest,
) -> Result<types::PutAttributesResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let targets = attribute_target::read(&arns, request.attributes.unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    match cluster.submit(Command::PutAttributes(targets)).await? {
        Output::Attributes(done) => {
            Ok(types::PutAttributesResponse { attributes: Some(attribute_target::render(&cluster.arns, &done)) })
        }
        other => Err(unexpected("PutAttributes", &other)),
    }
}
