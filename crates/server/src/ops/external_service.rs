//! What a service with an EXTERNAL deployment controller leaves to its task sets (SVC-2).

use super::input::{invalid, non_empty};
use plimsoll_ecs_api::{ApiError, types};

pub(super) fn check_creation(request: &types::CreateServiceRequest) -> Result<(), ApiError> {
    let text = |given: &Option<String>| given.as_deref().is_some_and(|text| !text.is_empty());
    let network = request.network_configuration.as_ref();
    let breaker = request.deployment_configuration.as_ref().and_then(|one| one.deployment_circuit_breaker.as_ref());
    let refused = [
        ("taskDefinition", text(&request.task_definition)),
        ("launchType", text(&request.launch_type)),
        ("capacityProviderStrategy", non_empty(request.capacity_provider_strategy.as_ref())),
        ("platformVersion", text(&request.platform_version)),
        ("networkConfiguration", network.is_some_and(|network| network.awsvpc_configuration.is_some())),
        ("loadBalancers", non_empty(request.load_balancers.as_ref())),
        ("serviceRegistries", non_empty(request.service_registries.as_ref())),
        ("deploymentConfiguration.deploymentCircuitBreaker", breaker.is_some_and(|breaker| breaker.enable)),
    ];
    match refused.iter().find(|(_, given)| *given) {
        Some((member, _)) => Err(invalid(format!(
            "{member} cannot be given for a service with the EXTERNAL deployment controller: it belongs to task sets."
        ))),
        None => Ok(()),
    }
}
