//! Intent: one file per command. A command is checked whole before anything changes, so that a refused one leaves
//! nothing behind (W-9).

mod attributes;
mod change_tags;
mod create_cluster;
mod create_service;
mod create_task_set;
mod daemon_rules;
mod delete_cluster;
mod delete_service;
mod delete_task_set;
mod deregister_instance;
mod explain;
mod put_capacity_providers;
mod register_instance;
mod run_task;
mod start_task;
mod stop_service_deployment;
mod stop_task;
mod submit_state;
mod update_cluster;
mod update_external_service;
mod update_instances_state;
mod update_service;
mod update_service_primary_task_set;
mod update_task_protection;
mod update_task_set;

pub(super) use explain::Question;

use super::{ClusterCore, Outbox};
use crate::{Command, CommandError, Output};
use plimsoll_model::{ClientToken, ClusterStatus, PlacementConstraint, TaskDefinition, TaskOverrides, TokenRecord};
use plimsoll_model::{Timestamp, TokenResult};
use plimsoll_placement::Expression;
use plimsoll_placement::mutant;
use std::sync::Arc;

/// Constraints of the definition and of the request or service together (RUN-6, PL-9).
const CONSTRAINTS_MAX: usize = 10;

impl ClusterCore {
    pub(super) fn command(&mut self, command: Command, out: &mut Outbox) -> Result<Output, CommandError> {
        if !matches!(command, Command::CreateCluster(_) | Command::RegisterContainerInstance(_)) {
            self.require_active_cluster()?;
        }
        match command {
            Command::CreateCluster(request) => Ok(self.create_cluster(request, out)),
            Command::DeleteCluster => self.delete_cluster(out),
            Command::UpdateCluster { echo } => Ok(self.update_cluster(echo, out)),
            Command::ChangeTags { target, change } => self.change_tags(target, &change, out),
            Command::DefinitionTagged(definition) => Ok(self.definition_tagged(&definition, out)),
            Command::RegisterContainerInstance(request) => self.register_instance(*request, out).map(Output::Instance),
            Command::DeregisterContainerInstance { instance, force } => self.deregister_instance(instance, force, out),
            Command::UpdateContainerInstancesState { instances, status } => {
                self.update_instances_state(&instances, status, out)
            }
            Command::PutAttributes(targets) => self.put_attributes(targets, out),
            Command::DeleteAttributes(targets) => self.delete_attributes(targets, out),
            Command::PutClusterCapacityProviders(request) => self.put_capacity_providers(request, out),
            Command::CreateService(request) => self.create_service(*request, out),
            Command::UpdateService(request) => self.update_service(*request, out),
            Command::UpdateTaskProtection { tasks, protect_ms } => {
                Ok(self.update_task_protection(&tasks, protect_ms, out))
            }
            Command::DeleteService { service, force } => self.delete_service(&service, force, out),
            Command::StopServiceDeployment { service, deployment } => {
                self.stop_service_deployment(&service, deployment, out)
            }
            Command::CreateTaskSet(request) => self.create_task_set(*request, out),
            Command::UpdateTaskSet { service, task_set, scale } => self.update_task_set(&service, task_set, scale, out),
            Command::UpdateServicePrimaryTaskSet { service, task_set } => {
                self.update_service_primary_task_set(&service, task_set, out)
            }
            Command::DeleteTaskSet { service, task_set, force } => self.delete_task_set(&service, task_set, force, out),
            Command::RunTask(request) => self.run_task(*request, out),
            Command::StartTask(request) => self.start_task(*request, out),
            Command::Explain(request) => self.explain(*request),
            Command::StopTask { task, reason } => self.stop_task_by_user(task, reason, out),
            Command::SubmitTaskStateChange(request) => Ok(self.submit_task_state(*request, out)),
            Command::SubmitContainerStateChange(request) => Ok(self.submit_container_state(*request, out)),
        }
    }

    /// CL-4.
    fn require_active_cluster(&self) -> Result<(), CommandError> {
        let cluster = self.config.cluster.name.clone();
        match self.image.cluster.as_ref().map(|row| row.status) {
            Some(ClusterStatus::Active) => Ok(()),
            Some(ClusterStatus::Inactive) => Err(CommandError::ClusterInactive { cluster }),
            None => Err(CommandError::ClusterNotFound { cluster }),
        }
    }

    /// The expressions a task has to satisfy: the definition's first. All of them parse, and they are not too many.
    fn parse_constraints(
        &mut self,
        definition: &TaskDefinition,
        constraints: &[PlacementConstraint],
    ) -> Result<Vec<Arc<Expression>>, CommandError> {
        self.parse_constraints_with(&definition.member_of, constraints)
    }

    /// Of a service without a definition there are only its own.
    fn parse_constraints_with(
        &mut self,
        member_of: &[Arc<str>],
        constraints: &[PlacementConstraint],
    ) -> Result<Vec<Arc<Expression>>, CommandError> {
        let count = member_of.len() + constraints.len();
        if count > CONSTRAINTS_MAX {
            return Err(CommandError::TooManyConstraints { count, limit: CONSTRAINTS_MAX });
        }
        let mut parsed = self.expressions.parse_all(member_of)?;
        parsed.extend(self.expressions.parse_constraints(constraints)?);
        Ok(parsed)
    }

    /// What an earlier request with the same token led to (W-16). Other parameters under it are a conflict.
    fn replayed(&self, token: Option<&ClientToken>) -> Result<Option<TokenResult>, CommandError> {
        let Some(token) = token else { return Ok(None) };
        let key = (Arc::clone(&token.operation), Arc::clone(&token.token));
        let Some(record) = self.image.tokens.get(&key).filter(|record| !self.is_forgotten(record.created_at)) else {
            return Ok(None);
        };
        if record.token.fingerprint == token.fingerprint {
            return Ok(Some(record.result.clone()));
        }
        let token = token.token.to_string();
        Err(match &record.result {
            TokenResult::Tasks(tasks) => CommandError::TokenConflict { token, tasks: tasks.clone() },
            TokenResult::Service(_) => CommandError::TokenConflict { token, tasks: Vec::new() },
            TokenResult::TaskSet(_) => CommandError::TaskSetTokenConflict { token },
        })
    }

    fn is_forgotten(&self, created_at: Timestamp) -> bool {
        created_at.plus_millis(self.config.token_retention_ms) <= self.now
    }

    fn remember(&mut self, token: Option<ClientToken>, result: TokenResult, out: &mut Outbox) {
        if let Some(token) = mutant!(ForgetsTokens => None, token) {
            self.put_token(TokenRecord { token, created_at: self.now, result }, out);
        }
    }
}

/// RUN-4.
fn check_overrides(definition: &TaskDefinition, overrides: Option<&TaskOverrides>) -> Result<(), CommandError> {
    let containers = overrides.map_or(&[][..], |overrides| &overrides.containers[..]);
    match containers.iter().find(|one| definition.container(&one.name).is_none()) {
        Some(unknown) => Err(CommandError::OverrideForUnknownContainer { name: unknown.name.to_string() }),
        None => Ok(()),
    }
}
