//! Users who deploy by hand: they make task sets, scale them, swap the primary one and delete them.

use super::rest::can_move;
use super::{Event, World};
use crate::violation::{Broken, require};
use plimsoll_core::command::{Command, CreateTaskSet, Output, UpdateService};
use plimsoll_model::{
    ClientToken, Deployment, DeploymentController, DeploymentId, DeploymentStatus, InstanceStatus, LaunchType, Scale,
    Service, ServiceName, Task,
};
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Thousandths of a percent.
const SCALES: [u32; 6] = [0, 1, 25_000, 33_333, 50_000, 100_000];

impl World {
    pub(super) fn task_set_command(&mut self) -> Option<Command> {
        let service = self.some_service_with_task_sets()?;
        Some(match self.dice.client.below(10) {
            0..3 => self.create_task_set(service),
            3..6 => {
                let (task_set, scale) = (self.some_task_set(&service)?, self.some_scale());
                Command::UpdateTaskSet { service, task_set, scale }
            }
            6..8 => {
                let task_set = self.some_task_set(&service)?;
                Command::UpdateServicePrimaryTaskSet { service, task_set }
            }
            _ => {
                let (task_set, force) = (self.some_task_set(&service)?, self.dice.client.coin());
                Command::DeleteTaskSet { service, task_set, force }
            }
        })
    }

    fn create_task_set(&mut self, service: ServiceName) -> Command {
        let (definition, scale) = (self.some_definition(), self.some_scale());
        let capacity_provider_strategy = self.some_strategy_choice();
        let client_token = self.dice.client.coin().then(|| {
            let token = self.client.new_token();
            ClientToken { operation: "CreateTaskSet".into(), fingerprint: Arc::clone(&token), token }
        });
        Command::CreateTaskSet(Box::new(CreateTaskSet {
            service,
            definition,
            scale,
            launch_type: LaunchType::Ec2,
            capacity_provider_strategy,
            external_id: None,
            tags: BTreeMap::new(),
            echo: Map::new(),
            client_token,
        }))
    }

    /// I-25: the same token gives the same set.
    pub(super) fn task_set_answered(&mut self, command: &Command, output: &Output) -> Result<(), Broken> {
        let (Command::CreateTaskSet(create), Output::TaskSet(row)) = (command, output) else { return Ok(()) };
        let Some(token) = &create.client_token else { return Ok(()) };
        match self.client.task_sets.get(&token.token) {
            Some(first) => {
                self.coverage.count("task set replayed");
                require(*first == row.id, "I-25", || format!("token {} led to {first} and {}", token.token, row.id))
            }
            None => {
                self.client.task_sets.insert(Arc::clone(&token.token), row.id);
                if self.dice.client.permille(200) {
                    let delay = self.dice.client.between(1, 2_000);
                    self.schedule(delay, Event::Resend(Box::new(command.clone())));
                }
                Ok(())
            }
        }
    }

    fn some_scale(&mut self) -> Scale {
        let thousandths = self.dice.client.pick(&SCALES).copied();
        thousandths.and_then(Scale::from_thousandths).unwrap_or(Scale::FULL)
    }

    /// Now and then one that has none, to be refused.
    fn some_service_with_task_sets(&mut self) -> Option<ServiceName> {
        let any = self.dice.client.permille(50);
        let services = self.control.committed.services.values();
        let fits = |row: &&Arc<Service>| any || row.controller == DeploymentController::External;
        let known: Vec<ServiceName> = services.filter(fits).map(|row| row.name.clone()).collect();
        self.dice.client.pick(&known).cloned()
    }

    fn some_task_set(&mut self, service: &ServiceName) -> Option<DeploymentId> {
        let known: Vec<DeploymentId> =
            self.control.committed.deployments_of_service(service).map(|row| row.id).collect();
        self.dice.client.pick(&known).copied()
    }

    /// What users would do to get what they want of the sets of a service: give up on those that cannot become what they
    /// are to be, and ask of the others what fits.
    pub(super) fn repair_task_sets(&self, service: &Service, cpu_share: u32) -> Vec<Command> {
        let name = &service.name;
        let sets = self.control.committed.deployments_of_service(name);
        let listed = sets.filter(|row| row.status != DeploymentStatus::Draining);
        let (able, mut hopeless): (Vec<_>, Vec<_>) = listed.partition(|row| self.can_be_served(row));
        let cpu = |row: &&Arc<Deployment>| {
            let definition = self.definitions.get(&row.definition);
            definition.map_or(0, |one| one.containers.iter().map(|container| container.cpu).sum())
        };
        let each: u32 = able.iter().map(cpu).sum();
        let desired = service.desired_count.min(cpu_share / each.max(1));
        hopeless.extend(able.into_iter().filter(|row| {
            let scale = row.task_set.as_ref().map_or(Scale::ZERO, |set| set.scale);
            let wanted = scale.of(desired);
            wanted > 0 && !can_move(service, wanted) && self.has_to_move(row)
        }));
        let delete =
            |row: &Arc<Deployment>| Command::DeleteTaskSet { service: name.clone(), task_set: row.id, force: true };
        let mut repairs: Vec<Command> = hopeless.into_iter().map(delete).collect();
        let mut update = UpdateService::unchanged(name.clone());
        update.desired_count = Some(desired);
        update.placement_constraints = Some(Vec::new());
        repairs.push(Command::UpdateService(Box::new(update)));
        repairs
    }

    /// A fixed port may be anybody's, and a provider may be without a node.
    fn can_be_served(&self, row: &Deployment) -> bool {
        let is_steady = self.definitions.is_steady(&row.definition) && row.definition.family.as_str() != "port";
        is_steady && row.capacity_provider_strategy().is_empty() && row.next_start_at.is_none()
    }

    /// Whether a task has to be replaced, or may have to be as soon as somebody hears of its health.
    fn has_to_move(&self, row: &Deployment) -> bool {
        let image = &self.control.committed;
        let definition = self.definitions.get(&row.definition);
        let is_checked = definition.is_some_and(|one| one.containers.iter().any(|spec| spec.health_check.is_some()));
        let mut tasks = image.tasks_of_service(&row.service).filter(|task| task.deployment == Some(row.id));
        let drains = |task: &Task| image.instance_of(task).is_some_and(|on| on.status == InstanceStatus::Draining);
        is_checked || tasks.any(|task| task.is_live() && drains(task))
    }
}
