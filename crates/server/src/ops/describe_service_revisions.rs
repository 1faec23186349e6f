//! DescribeServiceRevisions (DEP-52). Each ARN names its cluster.

use super::input::distinct;
use crate::render;
use crate::{Context, resolve_history};
use plimsoll_ecs_api::{ApiError, types};
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    request: types::DescribeServiceRevisionsRequest,
) -> Result<types::DescribeServiceRevisionsResponse, ApiError> {
    let named = request.service_revision_arns.unwrap_or_default();
    let read = |arn: &String| resolve_history::service_revision(context, arn);
    let named = named.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (mut service_revisions, mut failures) = (Vec::new(), Vec::new());
    for entry in distinct(named) {
        match entry.look(context, |_, row| Arc::clone(row))? {
            Some(row) => service_revisions.push(render::service_revision(&entry.arns, &row)),
            None => failures.push(render::missing(entry.arn)),
        }
    }
    Ok(types::DescribeServiceRevisionsResponse { service_revisions: Some(service_revisions), failures: Some(failures) })
}
