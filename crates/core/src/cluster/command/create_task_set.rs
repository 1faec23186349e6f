//! CreateTaskSet (SVC-50). It starts ACTIVE, at the scale it is given; PRIMARY is what somebody makes it later.

use super::super::{ClusterCore, Outbox};
use crate::command::CreateTaskSet;
use crate::{CommandError, Output};
use plimsoll_model::{Deployment, DeploymentStatus, RolloutState, StabilityStatus, TaskSet, TokenResult};
use std::sync::Arc;

/// Sets of one service, those that are going included.
const TASK_SETS_MAX: usize = 5;

impl ClusterCore {
    pub(super) fn create_task_set(&mut self, request: CreateTaskSet, out: &mut Outbox) -> Result<Output, CommandError> {
        let service = self.service_with_task_sets(&request.service)?;
        if let Some(TokenResult::TaskSet(id)) = self.replayed(request.client_token.as_ref())? {
            // One that has been deleted since is not made again (I-25).
            return self.task_set(&service.name, id).map(Output::TaskSet);
        }
        if self.task_sets_of(&service.name).len() >= TASK_SETS_MAX {
            return Err(CommandError::TooManyTaskSets { service: service.name.clone(), limit: TASK_SETS_MAX });
        }
        let capacity_provider_strategy = self.chosen_strategy(request.capacity_provider_strategy)?;
        self.parse_constraints(&request.definition, &service.placement_constraints)?;

        let id = self.new_deployment_id();
        self.remember(request.client_token, TokenResult::TaskSet(id), out);
        let row = Deployment {
            status: DeploymentStatus::Active,
            desired_count: request.scale.of(service.desired_count),
            // A set is no rollout: nothing waits for its completion, and it has a stability of its own instead.
            rollout_state: RolloutState::Completed,
            task_set: Some(TaskSet {
                external_id: request.external_id,
                scale: request.scale,
                launch_type: request.launch_type,
                capacity_provider_strategy,
                stability: StabilityStatus::Stabilizing,
                stability_at: self.now,
                tags: request.tags,
                echo: request.echo,
            }),
            ..Deployment::new(id, service.name.clone(), request.definition.id.clone(), self.now)
        };
        self.create_deployment(row, &request.definition, out);
        self.work.mark(&service.name);
        Ok(Output::TaskSet(Arc::clone(&self.image.deployments[&id])))
    }
}
