//! ListServices (SVC-10): ACTIVE ones.

use crate::Context;
use crate::resolve;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::{Image, LaunchType, Service, ServiceName, ServiceStatus};
use serde_json::Value;
use std::ops::Bound;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListServicesResponse, ApiError> {
    let pager = Pager::<String>::of(operation, &input)?;
    let request: types::ListServicesRequest = parse(input)?;
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let filter = Filter {
        launch_type: request.launch_type.filter(|text| !text.is_empty()),
        scheduling_strategy: request.scheduling_strategy.filter(|text| !text.is_empty()),
        resource_management_type: request.resource_management_type.filter(|text| !text.is_empty()),
    };
    let after = pager.after().and_then(|key| ServiceName::parse(key).ok());
    let found = cluster.read(|image| filter.find(image, after, pager.limit + 1))?;
    let page = pager.page(found, ServiceName::to_string);
    let arns = page.items.iter().map(|name| cluster.arns.service(name)).collect();
    Ok(types::ListServicesResponse { service_arns: Some(arns), next_token: page.next_token })
}

struct Filter {
    launch_type: Option<String>,
    scheduling_strategy: Option<String>,
    resource_management_type: Option<String>,
}

impl Filter {
    /// By name, which is the order of ARNs within a cluster.
    fn find(&self, image: &Image, after: Option<ServiceName>, limit: usize) -> Vec<ServiceName> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let listed = image.services.range((from, Bound::Unbounded));
        listed.filter(|(_, row)| self.fits(row)).take(limit).map(|(name, _)| name.clone()).collect()
    }

    fn fits(&self, row: &Service) -> bool {
        let is = |wanted: &Option<String>, actual: &str| wanted.as_ref().is_none_or(|wanted| wanted == actual);
        row.status == ServiceStatus::Active
            && is(&self.launch_type, row.shown_launch_type().map_or("", LaunchType::as_str))
            && is(&self.scheduling_strategy, row.scheduling_strategy.as_str())
            && is(&self.resource_management_type, "CUSTOMER")
    }
}
