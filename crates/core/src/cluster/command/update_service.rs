//! UpdateService (SVC-12..14).

use super::super::rollback::DEPLOYING_MEMBERS;
use super::super::{ClusterCore, Outbox};
use super::daemon_rules::Wishes;
use crate::command::UpdateService;
use crate::{CommandError, Output};
use plimsoll_model::{
    DeploymentController, DeploymentStatus, LaunchType, Service, ServiceName, ServiceStatus, TaskDefinition,
};
use serde_json::{Map, Value};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn update_service(&mut self, request: UpdateService, out: &mut Outbox) -> Result<Output, CommandError> {
        let service = request.service.clone();
        let before = match self.image.services.get(&service) {
            None => return Err(CommandError::ServiceNotFound { service }),
            Some(row) if row.status != ServiceStatus::Active => {
                return Err(CommandError::ServiceNotActive { service });
            }
            Some(row) => Arc::clone(row),
        };
        if before.controller == DeploymentController::External {
            return self.update_external_service(&before, request, out);
        }
        let current = before.definition.as_ref().expect("a service with rolling deployments has a definition");
        let definition = match &request.definition {
            Some(given) if given.id != *current => Arc::clone(given),
            Some(_) | None => Arc::clone(&self.derived.definitions.get(current).definition),
        };
        let constraints = request.placement_constraints.as_ref().unwrap_or(&before.placement_constraints).clone();
        self.parse_constraints(&definition, &constraints)?;
        Wishes::of_update(&request).check(before.scheduling_strategy)?;

        if let Some(strategy) = &request.capacity_provider_strategy {
            self.check_associated(strategy)?;
            if *strategy != before.capacity_provider_strategy && !request.force_new_deployment {
                return Err(CommandError::StrategyNeedsNewDeployment { service });
            }
        }
        let deploys = request.force_new_deployment
            || definition.id != *current
            || DEPLOYING_MEMBERS.iter().any(|member| changes(&before.echo, &request.echo, member));
        let mut row = Service::clone(&before);
        apply(&mut row, request);
        row.definition = Some(definition.id.clone());
        if deploys {
            row.said.clear();
        }
        let (desired_count, grace) = (row.desired_count, row.health_check_grace_period_seconds);
        self.put_service(row, Some(&definition), out);
        if deploys {
            self.replace_primary(&service, desired_count, &definition, out);
        } else if desired_count != before.desired_count {
            self.scale_primary(&service, desired_count, out);
        }
        if grace != before.health_check_grace_period_seconds {
            self.judge_health_again(&service);
        }
        self.work.mark(&service);
        Ok(Output::Service(service))
    }

    /// DEP-5: only the newest deployment is PRIMARY.
    fn replace_primary(
        &mut self,
        service: &ServiceName,
        desired_count: u32,
        definition: &Arc<TaskDefinition>,
        out: &mut Outbox,
    ) {
        let old = self.image.primary_deployment(service).expect("an ACTIVE service has a primary deployment").id;
        let (live, now) = (self.image.deployment_counts(old).live, self.now);
        self.update_deployment(
            old,
            |row| {
                row.status = DeploymentStatus::Active;
                row.rolling_back = None;
                row.desired_count = live;
                row.updated_at = now;
            },
            out,
        );
        self.history_is_superseded(service, out);
        self.new_deployment(service, desired_count, definition, out);
    }

    /// DEP-4.
    pub(in super::super) fn scale_primary(&mut self, service: &ServiceName, desired_count: u32, out: &mut Outbox) {
        let primary = self.image.primary_deployment(service).expect("a service has a primary until INACTIVE").id;
        let now = self.now;
        self.update_deployment(
            primary,
            |row| {
                row.desired_count = desired_count;
                row.updated_at = now;
            },
            out,
        );
    }

    /// The grace period decides which UNHEALTHY tasks are replaced (SVC-26).
    pub(super) fn judge_health_again(&mut self, service: &ServiceName) {
        let tasks: Vec<_> = self.image.tasks_of_service(service).filter(|task| task.is_live()).cloned().collect();
        for task in tasks {
            self.derive_slot(&task);
        }
    }
}

fn changes(before: &Map<String, Value>, sent: &Map<String, Value>, member: &str) -> bool {
    let is_empty = |value: &&Value| {
        value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
    };
    match sent.get(member) {
        None => false,
        Some(value) => Some(value).filter(|value| !is_empty(value)) != before.get(member).filter(|old| !is_empty(old)),
    }
}

pub(super) fn apply(row: &mut Service, request: UpdateService) {
    fn set<T>(member: &mut T, sent: Option<T>) {
        if let Some(value) = sent {
            *member = value;
        }
    }
    set(&mut row.desired_count, request.desired_count);
    if let Some(strategy) = request.capacity_provider_strategy
        && strategy != row.capacity_provider_strategy
    {
        // The tasks of a strategy are of launch type EC2, and so are those of a service that leaves it.
        row.launch_type = LaunchType::Ec2;
        row.capacity_provider_strategy = strategy;
    }
    set(&mut row.deployment_configuration.maximum_percent, request.maximum_percent);
    set(&mut row.deployment_configuration.minimum_healthy_percent, request.minimum_healthy_percent);
    let breaker = &mut row.deployment_configuration.circuit_breaker;
    set(breaker, request.circuit_breaker.map(|update| update.applied_to(*breaker)));
    set(&mut row.placement_constraints, request.placement_constraints);
    set(&mut row.placement_strategy, request.placement_strategy);
    set(&mut row.health_check_grace_period_seconds, request.health_check_grace_period_seconds);
    set(&mut row.availability_zone_rebalancing, request.availability_zone_rebalancing);
    set(&mut row.propagate_tags, request.propagate_tags);
    set(&mut row.enable_ecs_managed_tags, request.enable_ecs_managed_tags);
    set(&mut row.enable_execute_command, request.enable_execute_command);
    for (name, value) in request.echo {
        match value {
            Value::Null => {
                row.echo.remove(&name);
            }
            value => {
                row.echo.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// SVC-13.
    #[test]
    fn only_a_member_that_differs_starts_a_deployment() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let before = map(json!({"platformVersion": "1.4.0", "loadBalancers": []}));
        for (sent, expected) in [
            (json!({}), false),
            (json!({"platformVersion": "1.4.0"}), false),
            (json!({"platformVersion": "LATEST"}), true),
            (json!({"platformVersion": null}), true),
            (json!({"loadBalancers": null}), false),
        ] {
            let sent = map(sent);
            let found = DEPLOYING_MEMBERS.iter().any(|member| changes(&before, &sent, member));
            assert_eq!(found, expected, "{sent:?}");
        }
    }
}
