//! Users: they create, change and delete things at random, and send again what was not answered.

use super::node::{ZONE, resources};
use super::{Event, World};
use crate::coverage::commands::name_of;
use crate::coverage::{Outcome, Point};
use crate::dice::Dice;
use crate::violation::{Broken, require};
use plimsoll_core::CommandError;
use plimsoll_core::command::{
    AssociatedProviders, AttributeTarget, CircuitBreakerUpdate, Command, ContainerStateChange, CreateCluster,
    CreateService, Output, RegisterContainerInstance, RunTask, StartTask, StrategyChoice, SubmitContainerStateChange,
    SubmitTaskStateChange, TaskLaunch, UpdateService,
};
use plimsoll_model::{
    CAPACITY_PROVIDER_ATTRIBUTE, CapacityProviderStrategyItem, CircuitBreaker, ClientToken, DeploymentConfiguration,
    DeploymentId, FailureThreshold, InstanceId, InstanceStatus, LaunchType, PlacementConstraint, PlacementStrategy,
    PropagateTags, SchedulingStrategy, ServiceName, ServiceStatus, SpreadField, TaskDefinition, TaskId, TaskStatus,
    ThresholdKind, VersionInfo,
};
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Expressions users write, and the zone they ask for.
pub(crate) const ZONE_EXPRESSIONS: [(&str, &str); 2] =
    [("attribute:ecs.availability-zone == a", "a"), ("attribute:ecs.availability-zone == b", "b")];

/// Capacity providers that nodes belong to.
pub(crate) const PROVIDERS: [&str; 2] = ["racks", "spot"];

/// Maximum and minimum healthy percent.
const PERCENTS: [(u32, u32); 8] =
    [(200, 100), (200, 50), (100, 50), (100, 0), (150, 100), (125, 75), (100, 100), (110, 90)];

#[derive(Debug)]
pub(crate) struct Client {
    pub is_active: bool,
    /// What the first answer to a token was.
    tokens: BTreeMap<Arc<str>, Vec<TaskId>>,
    /// The same of tokens for task sets.
    pub task_sets: BTreeMap<Arc<str>, DeploymentId>,
    next_token: u64,
    /// Steps left of taking everything down.
    taking_down: u32,
}

/// What taking a small cluster down may take.
const TAKING_DOWN: u32 = 12;

impl Client {
    pub fn new_token(&mut self) -> Arc<str> {
        self.next_token += 1;
        format!("token-{}", self.next_token).into()
    }
}

impl Default for Client {
    fn default() -> Self {
        let (tokens, task_sets) = (BTreeMap::new(), BTreeMap::new());
        Client { is_active: true, tokens, task_sets, next_token: 0, taking_down: 0 }
    }
}

impl World {
    pub(super) fn clients_leave(&mut self) {
        self.client.is_active = false;
    }

    pub(super) fn client_acts(&mut self) -> Result<(), Broken> {
        let pause = self.dice.client.between(1, self.swarm.client_pause_ms);
        self.schedule(pause, Event::Client);
        self.definitions_change();
        match self.next_command() {
            Some(command) => self.submit(command),
            None => Ok(()),
        }
    }

    /// Nobody knows whether it happened. A careful client asks again with the same token.
    pub(super) fn requests_failed(&mut self, commands: Vec<Command>) {
        for command in commands {
            let has_token = match &command {
                Command::RunTask(run) => run.client_token.is_some(),
                Command::CreateTaskSet(create) => create.client_token.is_some(),
                _ => false,
            };
            if has_token && self.client.is_active {
                let delay = self.dice.client.between(100, 3_000);
                self.schedule(delay, Event::Resend(Box::new(command)));
            }
        }
    }

    /// I-25: the same token and parameters give the same tasks, also over a crash between commit and reply.
    pub(super) fn request_answered(
        &mut self,
        command: &Command,
        result: &Result<Output, CommandError>,
    ) -> Result<(), Broken> {
        let outcome = if result.is_ok() { Outcome::Ok } else { Outcome::Refused };
        self.coverage.count(Point::Command(name_of(command), outcome));
        if let Ok(output) = result {
            self.task_set_answered(command, output)?;
        }
        let (Command::RunTask(run), Ok(Output::Tasks { tasks, .. })) = (command, result) else { return Ok(()) };
        let Some(token) = &run.client_token else { return Ok(()) };
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        if ids.is_empty() {
            // Nothing was started, so there is nothing to keep from happening twice.
            return Ok(());
        }
        match self.client.tokens.get(&token.token) {
            Some(first) => {
                self.coverage.count("token replayed");
                require(*first == ids, "I-25", || format!("token {} led to {first:?} and {ids:?}", token.token))
            }
            None => {
                self.client.tokens.insert(Arc::clone(&token.token), ids);
                if self.dice.client.permille(200) {
                    let delay = self.dice.client.between(1, 2_000);
                    self.schedule(delay, Event::Resend(Box::new(command.clone())));
                }
                Ok(())
            }
        }
    }

    /// All services, all instances, all tasks, then the cluster, before a node comes back.
    fn take_down(&mut self) -> Command {
        self.client.taking_down -= 1;
        let image = &self.control.committed;
        if let Some(service) = image.services.values().find(|row| row.status == ServiceStatus::Active) {
            return Command::DeleteService { service: service.name.clone(), force: true };
        }
        if let Some(row) = image.instances.values().find(|row| row.status != InstanceStatus::Inactive) {
            return Command::DeregisterContainerInstance { instance: row.id, force: true };
        }
        if let Some(task) = image.tasks.values().find(|task| task.is_live()) {
            return Command::StopTask { task: task.id, reason: None };
        }
        self.client.taking_down = 0;
        Command::DeleteCluster
    }

    fn next_command(&mut self) -> Option<Command> {
        if self.client.taking_down > 0 {
            return Some(self.take_down());
        }
        if self.dice.client.permille(3) {
            self.client.taking_down = TAKING_DOWN;
        }
        let cluster = self.control.committed.cluster.as_ref();
        if cluster.is_some_and(|row| row.capacity_providers.is_empty()) && self.dice.client.permille(300) {
            return Some(self.put_capacity_providers());
        }
        match self.dice.client.below(115) {
            0..20 => Some(self.create_service()),
            20..42 => self.update_service(),
            42..45 => self.stop_service_deployment(),
            45..49 => self.delete_service(),
            49..59 => Some(self.run_task()),
            59..62 => self.start_task(),
            62 => self.protect_task(),
            63..74 => self.stop_task(),
            74..84 => self.change_instance_state(),
            84..88 => Some(Command::PutAttributes(vec![self.attribute_target()?])),
            88..91 => Some(Command::DeleteAttributes(vec![self.attribute_target()?])),
            91..93 => {
                let instance = self.some_instance()?;
                Some(Command::DeregisterContainerInstance { instance, force: self.dice.client.coin() })
            }
            93..95 => Some(self.register_instance()),
            95..96 => Some(self.put_capacity_providers()),
            96..97 => Some(self.create_cluster()),
            97..98 => Some(Command::DeleteCluster),
            98 => self.submit_task_state(),
            99 => self.submit_container_state(),
            _ => self.task_set_command(),
        }
    }

    /// Not the cluster's business: definitions belong to the namespace.
    fn definitions_change(&mut self) {
        match self.dice.client.below(60) {
            0 if self.definitions.register_one(&mut self.dice.client) => self.coverage.count("definition registered"),
            1 if self.definitions.deregister_one(&mut self.dice.client) => {
                self.coverage.count("definition deregistered");
            }
            _ => {}
        }
    }

    fn create_service(&mut self) -> Command {
        let name = self.some_service_name();
        self.create_service_named(name)
    }

    pub(super) fn create_service_named(&mut self, name: ServiceName) -> Command {
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

    fn update_service(&mut self) -> Option<Command> {
        let mut update = unchanged(self.some_service_name());
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

    /// With providers from the beginning, mostly.
    fn create_cluster(&mut self) -> Command {
        let capacity = if self.dice.client.permille(800) { self.some_association() } else { Default::default() };
        Command::CreateCluster(CreateCluster { capacity, ..CreateCluster::default() })
    }

    fn put_capacity_providers(&mut self) -> Command {
        Command::PutClusterCapacityProviders(self.some_association())
    }

    fn some_association(&mut self) -> AssociatedProviders {
        let mut capacity_providers: Vec<Arc<str>> = PROVIDERS.iter().map(|name| Arc::from(*name)).collect();
        if self.dice.client.permille(200) {
            capacity_providers.pop();
        }
        let known = |item: &CapacityProviderStrategyItem| capacity_providers.contains(&item.provider);
        let mut default_strategy = if self.dice.client.coin() { self.some_providers() } else { Vec::new() };
        default_strategy.retain(known);
        AssociatedProviders { capacity_providers, default_strategy }
    }

    pub(super) fn some_strategy_choice(&mut self) -> StrategyChoice {
        match self.dice.client.below(5) {
            0 | 1 => StrategyChoice::Given(self.some_providers()),
            2 => StrategyChoice::LaunchType,
            _ => StrategyChoice::ClusterDefault,
        }
    }

    /// Any weights, and at most one base.
    fn some_providers(&mut self) -> Vec<CapacityProviderStrategyItem> {
        let dice = &mut self.dice.client;
        let mut items: Vec<CapacityProviderStrategyItem> = PROVIDERS
            .iter()
            .map(|name| CapacityProviderStrategyItem {
                provider: (*name).into(),
                weight: u32::try_from(dice.between(1, 4)).unwrap_or(1),
                base: 0,
            })
            .collect();
        if dice.coin() {
            items.reverse();
        }
        if dice.permille(300) {
            items.truncate(1);
        }
        if dice.permille(400) {
            items[0].base = dice.small(3);
        }
        items
    }

    fn delete_service(&mut self) -> Option<Command> {
        Some(Command::DeleteService { service: self.some_service_name(), force: self.dice.client.coin() })
    }

    fn stop_service_deployment(&mut self) -> Option<Command> {
        let service = self.some_service_name();
        let newest = self.control.committed.service_deployments_of(&service).next()?.id;
        Some(Command::StopServiceDeployment { service, deployment: newest })
    }

    fn run_task(&mut self) -> Command {
        let definition = self.some_definition();
        let client_token = self.dice.client.coin().then(|| {
            let token = self.client.new_token();
            ClientToken { operation: "RunTask".into(), fingerprint: Arc::clone(&token), token }
        });
        Command::RunTask(Box::new(RunTask {
            definition,
            count: 1 + self.dice.client.small(2),
            launch: launch(),
            capacity_provider_strategy: self.some_strategy_choice(),
            placement_constraints: self.some_constraints(),
            placement_strategy: self.some_strategy(),
            client_token,
        }))
    }

    fn start_task(&mut self) -> Option<Command> {
        let definition = self.some_definition();
        let instances = vec![self.some_instance()?];
        Some(Command::StartTask(Box::new(StartTask { definition, instances, launch: launch() })))
    }

    fn protect_task(&mut self) -> Option<Command> {
        let tasks = vec![self.some_task()?];
        let dice = &mut self.dice.client;
        let protect_ms = dice.permille(800).then(|| dice.between(10_000, 100_000));
        Some(Command::UpdateTaskProtection { tasks, protect_ms })
    }

    fn stop_task(&mut self) -> Option<Command> {
        Some(Command::StopTask { task: self.some_task()?, reason: None })
    }

    fn change_instance_state(&mut self) -> Option<Command> {
        let instances = vec![self.some_instance()?];
        let drain = self.dice.client.permille(400);
        let status = if drain { InstanceStatus::Draining } else { InstanceStatus::Active };
        Some(Command::UpdateContainerInstancesState { instances, status })
    }

    fn attribute_target(&mut self) -> Option<AttributeTarget> {
        let instance = self.some_instance()?;
        if self.dice.client.coin() {
            let value = Some((*self.dice.client.pick(&PROVIDERS)?).into());
            return Some(AttributeTarget { instance, name: CAPACITY_PROVIDER_ATTRIBUTE.into(), value });
        }
        let value = Some((*self.dice.client.pick(&["a", "b", "c"])?).into());
        Some(AttributeTarget { instance, name: ZONE.into(), value })
    }

    /// Over the API and with no agent behind it.
    fn register_instance(&mut self) -> Command {
        Command::RegisterContainerInstance(Box::new(RegisterContainerInstance {
            instance: None,
            resources: resources(),
            attributes: BTreeMap::new(),
            version_info: VersionInfo::default(),
            ec2_instance_id: None,
            tags: BTreeMap::new(),
        }))
    }

    /// Says of a task what was true of it at its beginning: late news, which must change nothing (OP-5).
    fn submit_task_state(&mut self) -> Option<Command> {
        Some(Command::SubmitTaskStateChange(Box::new(SubmitTaskStateChange {
            task: self.some_task()?,
            status: Some(TaskStatus::Pending),
            reason: None,
            containers: Vec::new(),
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
        })))
    }

    /// The same of one container.
    fn submit_container_state(&mut self) -> Option<Command> {
        let task = self.some_task()?;
        let name = self.control.committed.tasks.get(&task)?.containers.first()?.name.clone();
        let container = ContainerStateChange {
            name,
            status: Some(TaskStatus::Pending),
            exit_code: None,
            reason: None,
            runtime_id: None,
            image_digest: None,
            bindings: Vec::new(),
        };
        Some(Command::SubmitContainerStateChange(Box::new(SubmitContainerStateChange { task, container })))
    }

    fn some_service_name(&mut self) -> ServiceName {
        let number = self.dice.client.below(self.swarm.services_max);
        ServiceName::parse(&format!("service-{number}")).expect("a valid name")
    }

    pub(super) fn some_definition(&mut self) -> Arc<TaskDefinition> {
        let all = self.definitions.all();
        let index = usize::try_from(self.dice.client.below(all.len() as u64)).unwrap_or(0);
        Arc::clone(&all[index])
    }

    fn some_percents(&mut self) -> (u32, u32) {
        self.dice.client.pick(&PERCENTS).copied().unwrap_or((200, 100))
    }

    fn some_instance(&mut self) -> Option<InstanceId> {
        let known = &self.control.committed.instances;
        let index = usize::try_from(self.dice.client.below(known.len() as u64)).ok()?;
        known.keys().nth(index).copied()
    }

    fn some_task(&mut self) -> Option<TaskId> {
        let known = &self.control.committed.tasks;
        let index = usize::try_from(self.dice.client.below(known.len() as u64)).ok()?;
        known.keys().nth(index).copied()
    }

    fn some_constraints(&mut self) -> Vec<PlacementConstraint> {
        let dice = &mut self.dice.client;
        let zone =
            dice.pick(&ZONE_EXPRESSIONS).map(|(expression, _)| PlacementConstraint::MemberOf((*expression).into()));
        match dice.below(10) {
            0 | 1 => vec![PlacementConstraint::DistinctInstance],
            2 => zone.into_iter().collect(),
            3 => zone.into_iter().chain([PlacementConstraint::DistinctInstance]).collect(),
            _ => Vec::new(),
        }
    }

    fn some_strategy(&mut self) -> Vec<PlacementStrategy> {
        match self.dice.client.below(6) {
            0 => vec![PlacementStrategy::Random],
            1 => vec![PlacementStrategy::BinpackCpu],
            2 => vec![PlacementStrategy::BinpackMemory],
            3 => vec![PlacementStrategy::Spread(SpreadField::Instance)],
            4 => vec![
                PlacementStrategy::Spread(SpreadField::Attribute(ZONE.into())),
                PlacementStrategy::Spread(SpreadField::Instance),
            ],
            _ => Vec::new(),
        }
    }
}

/// SVC-9.
fn as_daemon(mut request: CreateService) -> CreateService {
    request.scheduling_strategy = SchedulingStrategy::Daemon;
    request.capacity_provider_strategy = StrategyChoice::ClusterDefault;
    request.desired_count = 0;
    request.deployment_configuration.maximum_percent = 100;
    request.placement_strategy = Vec::new();
    request.availability_zone_rebalancing = false;
    request
}

/// Often on, and often quick to give up: runs are short.
fn some_circuit_breaker(dice: &mut Dice) -> CircuitBreakerUpdate {
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

pub(super) fn put_attribute(instance: InstanceId, name: &str, value: &str) -> Command {
    Command::PutAttributes(vec![AttributeTarget { instance, name: name.into(), value: Some(value.into()) }])
}

pub(super) fn unchanged(service: ServiceName) -> UpdateService {
    UpdateService {
        service,
        definition: None,
        desired_count: None,
        capacity_provider_strategy: None,
        maximum_percent: None,
        minimum_healthy_percent: None,
        circuit_breaker: None,
        placement_constraints: None,
        placement_strategy: None,
        health_check_grace_period_seconds: None,
        availability_zone_rebalancing: None,
        propagate_tags: None,
        enable_ecs_managed_tags: None,
        enable_execute_command: None,
        force_new_deployment: false,
        echo: Map::new(),
    }
}

fn launch() -> TaskLaunch {
    TaskLaunch {
        launch_type: LaunchType::Ec2,
        group: None,
        started_by: None,
        overrides: None,
        enable_execute_command: false,
        tags: BTreeMap::new(),
    }
}
