//! DescribeServiceDeployments (DEP-52). Each ARN names its cluster.

use super::input::distinct;
use crate::render::{self, ServiceDeploymentView};
use crate::{Context, resolve_history};
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DescribeServiceDeploymentsRequest,
) -> Result<types::DescribeServiceDeploymentsResponse, ApiError> {
    let named = request.service_deployment_arns.unwrap_or_default();
    let read = |arn: &String| resolve_history::service_deployment(context, arn);
    let named = named.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (mut service_deployments, mut failures) = (Vec::new(), Vec::new());
    for entry in distinct(named) {
        let view = entry.look(context, ServiceDeploymentView::collect)?;
        match view {
            Some(view) => service_deployments.push(view.render(&entry.arns)),
            None => failures.push(render::missing(entry.arn)),
        }
    }
    Ok(types::DescribeServiceDeploymentsResponse {
        service_deployments: Some(service_deployments),
        failures: Some(failures),
    })
}
