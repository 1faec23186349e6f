//! Services and task definitions of an experiment, and the commands that make them.

use super::{FullSetup, units_needed};
use crate::chance::{self, Purpose};
use crate::generate::Distribution;
use plimsoll_core::command::{CreateService, RunTask, StrategyChoice, TaskLaunch, UpdateService};
use plimsoll_model::{
    CircuitBreaker, DeploymentConfiguration, Family, LaunchType, PropagateTags, SchedulingStrategy, ServiceName, Tags,
    TaskDefinition, TaskDefinitionId,
};
use rand::Rng;
use serde_json::{Map, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A service as it was drawn.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Service {
    pub name: ServiceName,
    pub desired: u32,
    pub cpu_milli: u32,
    pub memory_mib: u32,
    /// Before and after the rollout; they differ in nothing but their number.
    pub revisions: [Arc<TaskDefinition>; 2],
    pub minimum_healthy_percent: u32,
    pub maximum_percent: u32,
    pub rollout_at_s: Option<u32>,
}

/// The services of a seed: the same for every policy.
pub(super) fn services(setup: &FullSetup) -> Vec<Service> {
    let mut chance = chance::stream(setup.seed, Purpose::Services);
    let mut services = Vec::new();
    for group in &setup.plan.services {
        for _ in 0..group.services {
            let number = services.len();
            let desired = draw(&group.desired, &mut chance).max(1);
            let cpu_milli = draw(&group.cpu_milli, &mut chance);
            let memory_mib = draw(&group.memory_mib, &mut chance);
            let family = format!("service-{number}");
            services.push(Service {
                name: ServiceName::parse(&family).expect("letters, digits and a hyphen"),
                desired,
                cpu_milli,
                memory_mib,
                revisions: [1, 2].map(|revision| definition(&family, revision, cpu_milli, memory_mib)),
                minimum_healthy_percent: group.minimum_healthy_percent,
                maximum_percent: group.maximum_percent,
                rollout_at_s: group.rollout_at_s,
            });
        }
    }
    services
}

fn draw(distribution: &Distribution, chance: &mut dyn Rng) -> u32 {
    u32::try_from(distribution.draw(chance)).unwrap_or(u32::MAX)
}

/// One container that needs so much.
pub(super) fn definition(family: &str, revision: u32, cpu_milli: u32, memory_mib: u32) -> Arc<TaskDefinition> {
    let id = TaskDefinitionId { family: Family::parse(family).expect("letters, digits and a hyphen"), revision };
    let container = json!({
        "name": "app", "image": "app", "cpu": units_needed(cpu_milli), "memory": memory_mib, "essential": true,
    });
    let document = json!({ "family": family, "containerDefinitions": [container] });
    Arc::new(TaskDefinition::from_document(id, Arc::new(document)).expect("a well formed definition"))
}

pub(super) fn create(service: &Service, setup: &FullSetup) -> CreateService {
    CreateService {
        name: service.name.clone(),
        definition: Some(Arc::clone(&service.revisions[0])),
        desired_count: service.desired,
        launch_type: LaunchType::Ec2,
        capacity_provider_strategy: StrategyChoice::LaunchType,
        scheduling_strategy: SchedulingStrategy::Replica,
        deployment_configuration: DeploymentConfiguration {
            maximum_percent: service.maximum_percent,
            minimum_healthy_percent: service.minimum_healthy_percent,
            circuit_breaker: CircuitBreaker::off(),
        },
        placement_constraints: Vec::new(),
        placement_strategy: setup.strategies.to_vec(),
        health_check_grace_period_seconds: 0,
        availability_zone_rebalancing: false,
        propagate_tags: PropagateTags::None,
        enable_ecs_managed_tags: false,
        enable_execute_command: false,
        created_by: "experiment".into(),
        tags: Tags::new(),
        echo: Map::new(),
        client_token: None,
    }
}

pub(super) fn roll_out(service: &Service) -> UpdateService {
    UpdateService {
        definition: Some(Arc::clone(&service.revisions[1])),
        ..UpdateService::unchanged(service.name.clone())
    }
}

pub(super) fn run_task(definition: &Arc<TaskDefinition>, setup: &FullSetup) -> RunTask {
    RunTask {
        definition: Arc::clone(definition),
        count: 1,
        launch: TaskLaunch {
            launch_type: LaunchType::Ec2,
            group: None,
            started_by: None,
            overrides: None,
            enable_execute_command: false,
            tags: Tags::new(),
        },
        capacity_provider_strategy: StrategyChoice::LaunchType,
        placement_constraints: Vec::new(),
        placement_strategy: setup.strategies.to_vec(),
        client_token: None,
        scaled_providers: BTreeSet::new(),
    }
}

/// When the workload asks for its `nth` task.
pub(super) fn requested_ms(setup: &FullSetup, nth: usize) -> u64 {
    super::world::WARM_UP_MS + setup.workload.arrivals[nth].at_s * 1000
}
