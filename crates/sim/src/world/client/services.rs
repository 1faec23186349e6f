//! What users ask of services.

use super::PERCENTS;
use crate::dice::Dice;
use crate::world::World;
use plimsoll_core::command::{CircuitBreakerUpdate, Command, CreateService, StrategyChoice, UpdateService};
use plimsoll_model::{
    CircuitBreaker, DeploymentConfiguration, FailureThreshold, LaunchType, PropagateTags, SchedulingStrategy,
    ServiceName, ThresholdKind,
};
use serde_json::Map;
use std::collections::BTreeMap;

impl World {
    pub(super) fn create_service(&mut self) -> Command {
        let name = self.some_service_name();
        self.create_service_named(name)
    }

    pub(in crate::world) fn create_service_named(&mut self, name: ServiceName) -> Command {
        let definition = self.some_definition();
        let (maximum_percent, minimum_healthy_percent) = self.some_percents();
        let dice = &mut self.dice.client;
        let deployment_configuration = DeploymentConfiguration {
            maximum_percent,
            minimum_healthy_percent,
            circuit_breaker: some_circuit_breaker(dice).applied_to(CircuitBreaker::off()),
        };
        let desired_count = dice.small(self.swarm.desired_max);
        let is_daemon = dice.permille(250);
        // Without a definition it gets task sets.
        let definition = (is_daemon || !dice.permille(250)).then_some(definition);
        let request = CreateService {
            name,
            definition,
            desired_count,
            launch_type: LaunchType::Ec2,
            capacity_provider_strategy: self.some_strategy_choice(),
            scheduling_strategy: SchedulingStrategy::Replica,
            deployment_configuration,
            placement_constraints: self.some_constraints(),
            placement_strategy: self.some_strategy(),
            health_check_grace_period_seconds: 0,
            availability_zone_rebalancing: maximum_percent > 100 && self.dice.client.coin(),
            propagate_tags: PropagateTags::None,
            enable_ecs_managed_tags: false,
            enable_execute_command: false,
            created_by: "sim".into(),
            tags: BTreeMap::new(),
            echo: Map::new(),
            client_token: None,
        };
        Command::CreateService(Box::new(if is_daemon { as_daemon(request) } else { request }))
    }

    pub(super) fn update_service(&mut self) -> Option<Command> {
        let mut update = UpdateService::unchanged(self.some_service_name());
        match self.dice.client.below(7) {
            0 | 1 => update.definition = Some(self.some_definition()),
            2 | 3 => update.desired_count = Some(self.dice.client.small(self.swarm.desired_max)),
            4 => {
                let (maximum_percent, minimum_healthy_percent) = self.some_percents();
                update.maximum_percent = Some(maximum_percent);
                update.minimum_healthy_percent = Some(minimum_healthy_percent);
                update.circuit_breaker = Some(some_circuit_breaker(&mut self.dice.client));
            }
            5 => {
                update.capacity_provider_strategy = Some(self.some_providers());
                update.force_new_deployment = self.dice.client.permille(900);
            }
            _ => {
                update.force_new_deployment = self.dice.client.coin();
                update.placement_constraints = Some(self.some_constraints());
                update.placement_strategy = Some(self.some_strategy());
            }
        }
        Some(Command::UpdateService(Box::new(update)))
    }

    pub(super) fn delete_service(&mut self) -> Option<Command> {
        Some(Command::DeleteService { service: self.some_service_name(), force: self.dice.client.coin() })
    }

    pub(super) fn stop_service_deployment(&mut self) -> Option<Command> {
        let service = self.some_service_name();
        let newest = self.control.committed.service_deployments_of(&service).next()?.id;
        Some(Command::StopServiceDeployment { service, deployment: newest })
    }

    pub(super) fn some_service_name(&mut self) -> ServiceName {
        let number = self.dice.client.below(self.swarm.services_max);
        ServiceName::parse(&format!("service-{number}")).expect("a valid name")
    }

    pub(super) fn some_percents(&mut self) -> (u32, u32) {
        self.dice.client.pick(&PERCENTS).copied().unwrap_or((200, 100))
    }
}

/// SVC-9.
pub(super) fn as_daemon(mut request: CreateService) -> CreateService {
    request.scheduling_strategy = SchedulingStrategy::Daemon;
    request.capacity_provider_strategy = StrategyChoice::ClusterDefault;
    request.desired_count = 0;
    request.deployment_configuration.maximum_percent = 100;
    request.placement_strategy = Vec::new();
    request.availability_zone_rebalancing = false;
    request
}

/// Often on, and often quick to give up: runs are short.
pub(super) fn some_circuit_breaker(dice: &mut Dice) -> CircuitBreakerUpdate {
    let kinds = [ThresholdKind::Count, ThresholdKind::BoundedPercent, ThresholdKind::UnboundedPercent];
    let high = if dice.coin() { 2 } else { 100 };
    let threshold = dice.pick(&kinds).map(|kind| FailureThreshold { kind: *kind, value: 1 + dice.small(high) });
    CircuitBreakerUpdate {
        enable: dice.permille(600),
        rollback: dice.permille(750),
        threshold: threshold.filter(|_| dice.permille(600)),
        reset_on_healthy_task: Some(dice.permille(700)),
    }
}
