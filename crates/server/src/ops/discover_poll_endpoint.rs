//! DiscoverPollEndpoint (OP-4): this control plane, whatever cluster or instance is named.

use crate::Context;
use plimsoll_ecs_api::types;

pub(super) fn run(context: &Context) -> types::DiscoverPollEndpointResponse {
    types::DiscoverPollEndpointResponse {
        endpoint: Some(context.endpoint.clone()),
        telemetry_endpoint: Some(context.endpoint.clone()),
        service_connect_endpoint: Some(context.endpoint.clone()),
    }
}
