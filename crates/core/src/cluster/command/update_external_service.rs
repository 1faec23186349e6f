//! UpdateService of a service with an EXTERNAL deployment controller: what its task sets have in common may change, what
//! belongs to a set may not (SVC-15).

use super::super::{ClusterCore, Outbox};
use super::update_service::apply;
use crate::command::UpdateService;
use crate::{CommandError, Output};
use plimsoll_model::Service;
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn update_external_service(
        &mut self,
        before: &Service,
        request: UpdateService,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        if let Some(member) = member_of_task_sets(&request) {
            let text = format!(
                "{member} cannot be changed with UpdateService for a service with the EXTERNAL deployment controller."
            );
            return Err(CommandError::InvalidParameter(text));
        }
        let constraints = request.placement_constraints.as_ref().unwrap_or(&before.placement_constraints).clone();
        self.parse_constraints_with(&[], &constraints)?;
        for set in self.task_sets_of(&before.name) {
            let definition = Arc::clone(&self.derived.definitions.get(&set.definition).definition);
            self.parse_constraints(&definition, &constraints)?;
        }

        let name = before.name.clone();
        let row = self.update_service_row(&name, |row| apply(row, request), out);
        self.scale_task_sets(&name, row.desired_count, out);
        if row.health_check_grace_period_seconds != before.health_check_grace_period_seconds {
            self.judge_health_again(&name);
        }
        self.work.mark(&name);
        Ok(Output::Service(name))
    }
}

/// The first member that was sent and is not the service's to change.
fn member_of_task_sets(request: &UpdateService) -> Option<&str> {
    let UpdateService {
        service: _,
        definition,
        desired_count: _,
        capacity_provider_strategy,
        maximum_percent,
        minimum_healthy_percent,
        circuit_breaker,
        placement_constraints: _,
        placement_strategy: _,
        health_check_grace_period_seconds: _,
        availability_zone_rebalancing,
        propagate_tags: _,
        enable_ecs_managed_tags: _,
        enable_execute_command,
        force_new_deployment,
        echo,
    } = request;
    let configures = maximum_percent.is_some() || minimum_healthy_percent.is_some() || circuit_breaker.is_some();
    let sent = [
        ("taskDefinition", definition.is_some()),
        ("capacityProviderStrategy", capacity_provider_strategy.is_some()),
        ("deploymentConfiguration", configures),
        ("availabilityZoneRebalancing", availability_zone_rebalancing.is_some()),
        ("enableExecuteCommand", enable_execute_command.is_some()),
        ("forceNewDeployment", *force_new_deployment),
    ];
    let named = sent.into_iter().find(|(_, sent)| *sent).map(|(member, _)| member);
    named.or_else(|| echo.keys().next().map(String::as_str))
}
