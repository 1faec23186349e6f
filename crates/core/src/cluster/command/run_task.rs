//! RunTask (RUN-1..10): tasks are placed one after another until one finds no instance.

use super::super::placing::{Blueprint, Requirements};
use super::super::{ClusterCore, Outbox};
use super::check_overrides;
use crate::command::{RunTask, TaskLaunch};
use crate::{CommandError, Failure, FailureReason, Output};
use plimsoll_model::{InstanceId, LaunchType, PlacementConstraint, Task, TaskDefinition, TaskId, TokenResult};
use plimsoll_placement::{Reason, demand};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn run_task(&mut self, request: RunTask, out: &mut Outbox) -> Result<Output, CommandError> {
        let replayed = self.replayed(request.client_token.as_ref())?;
        check_overrides(&request.definition, request.launch.overrides.as_deref())?;
        let needs = Requirements {
            demand: demand(&request.definition, request.launch.overrides.as_deref()),
            member_of: self.parse_constraints(&request.definition, &request.placement_constraints)?,
            distinct_instance: request.placement_constraints.contains(&PlacementConstraint::DistinctInstance),
            strategies: request.placement_strategy,
            takes_kept_room: false,
        };
        let blueprint = standalone(request.definition, request.launch);
        if let Some(TokenResult::Tasks(ids)) = replayed {
            return Ok(self.replay_tasks(&ids, &blueprint, &needs));
        }
        if !self.derived.fleet.has_active_of_kind(blueprint.launch_type == LaunchType::External) {
            return Err(CommandError::NoContainerInstances);
        }
        let plan = self.plan(&blueprint, &needs, request.count as usize);
        let tasks: Vec<Arc<Task>> =
            plan.placed.into_iter().map(|(idx, reserved)| self.place(&blueprint, idx, reserved, out)).collect();
        let failures = match plan.rejection {
            None => Vec::new(),
            Some(_) => self.failures(&blueprint, &needs),
        };
        let ids = tasks.iter().map(|task| task.id).collect();
        self.remember(request.client_token, TokenResult::Tasks(ids), out);
        Ok(Output::Tasks { tasks, failures })
    }

    /// The tasks of the first request as they are by now, and never another one (I-25). Where it started none, the
    /// instances say why they refuse today: the reasons of then are not kept.
    fn replay_tasks(&mut self, ids: &[TaskId], blueprint: &Blueprint, needs: &Requirements) -> Output {
        let tasks = ids.iter().filter_map(|id| self.image.tasks.get(id).cloned()).collect();
        let failures = match ids {
            [] => self.failures(blueprint, needs),
            _ => Vec::new(),
        };
        Output::Tasks { tasks, failures }
    }

    fn failures(&mut self, blueprint: &Blueprint, needs: &Requirements) -> Vec<Failure> {
        let refused = self.explain(blueprint, needs);
        refused.into_iter().map(|(instance, reason)| self.failure(instance, reason, &blueprint.definition)).collect()
    }

    /// ATTRIBUTE alone helps nobody: the detail says what the definition needs and the instance does not offer (RUN-9).
    pub(super) fn failure(&self, instance: InstanceId, reason: Reason, definition: &TaskDefinition) -> Failure {
        let lacking = match self.image.instances.get(&instance) {
            Some(row) if reason == Reason::Attribute => {
                let required = definition.requires_attributes.iter();
                required.filter(|name| !row.attributes.contains_key(*name)).map(|name| &**name).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        let detail = (!lacking.is_empty()).then(|| format!("Missing attributes: {}", lacking.join(", ")).into());
        Failure { instance: Some(instance), reason: FailureReason::Placement(reason), detail }
    }
}

pub(super) fn standalone(definition: Arc<TaskDefinition>, launch: TaskLaunch) -> Blueprint {
    Blueprint {
        service: None,
        deployment: None,
        group: launch.group.unwrap_or_else(|| format!("family:{}", definition.id.family).into()),
        started_by: launch.started_by,
        launch_type: launch.launch_type,
        overrides: launch.overrides,
        enable_execute_command: launch.enable_execute_command,
        tags: launch.tags,
        definition,
    }
}
