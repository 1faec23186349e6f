//! Users: they create, change and delete things at random, and send again what was not answered.

mod asking;
mod capacity;
mod instances;
mod services;
mod tagging;
mod tasks;

pub(super) use instances::put_attribute;

use super::node::ZONE;
use super::{Event, World};
use crate::coverage::commands::name_of;
use crate::coverage::{Outcome, Point};
use crate::violation::{Broken, require};
use plimsoll_core::CommandError;
use plimsoll_core::command::{Command, Output};
use plimsoll_model::{
    DeploymentId, InstanceStatus, PlacementConstraint, PlacementStrategy, ServiceStatus, SpreadField, TaskDefinition,
    TaskId,
};
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
        if let (Command::DeleteCluster, Ok(_)) = (command, result) {
            // A cluster that is made again under the same name has never seen the tokens of the one before.
            self.client.tokens.clear();
            self.client.task_sets.clear();
        }
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
        match self.dice.client.below(120) {
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
            115..118 => self.tagging_command(),
            118..120 => self.explain(),
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

    pub(super) fn some_definition(&mut self) -> Arc<TaskDefinition> {
        let all = self.definitions.all();
        let index = usize::try_from(self.dice.client.below(all.len() as u64)).unwrap_or(0);
        Arc::clone(&all[index])
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
