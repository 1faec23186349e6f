//! Tasks that wait for an instance of a capacity provider that is scaled (RUN-12).
//!
//! Nothing here starts machines: a provider grows when somebody lets another instance join it. Until then such a task is
//! PROVISIONING; it has no instance, holds nothing and is on no node. It is tried again when instances may have become
//! other places than they were, and not before: after the services, because a service that stops tasks to make room
//! for their replacements is to get that room itself. Of those that wait, the kinds of tasks go by their oldest.

use super::placing::{Blueprint, Requirements, settle};
use super::reconcile::Look;
use super::stopping::StopBecause;
use super::{ClusterCore, Outbox};
use crate::CommandError;
use plimsoll_model::{PlacementConstraint, Reserved, StopCode, Task, TaskId, Waiting};
use plimsoll_placement::{InstanceIdx, Rejection, demand, mutant};
use std::sync::Arc;

/// Tasks of a cluster that are PROVISIONING. The bound is ECS's, and keeps small what is tried whenever an instance
/// changes.
pub(super) const PROVISIONING_TASKS_MAX: usize = 300;

/// What RunTask answers where there is nothing to wait for (RUN-7).
const NO_INSTANCES: &str = "No Container Instances were found in your capacity provider.";

impl ClusterCore {
    pub(super) fn check_provisioning_limit(&self, more: usize) -> Result<(), CommandError> {
        let (count, limit) = (self.image.waiting_tasks().len() + more, self.config.provisioning_tasks_max);
        if more > 0 && count > mutant!(WaitingIsUnlimited => usize::MAX, limit) {
            return Err(CommandError::TooManyProvisioningTasks { count, limit });
        }
        Ok(())
    }

    pub(super) fn create_waiting_task(
        &mut self,
        blueprint: &Blueprint,
        waiting: &Arc<Waiting>,
        out: &mut Outbox,
    ) -> Arc<Task> {
        let row = Task { waiting: Some(Arc::clone(waiting)), ..self.without_place(blueprint) };
        self.create_task(row, &blueprint.definition, out)
    }

    /// Whether there is reason to try again.
    pub(super) fn is_placing_waiting_tasks(&self) -> bool {
        self.work.look() != Look::Nowhere && self.image.waiting_tasks().len() > 0
    }

    /// One task placed can be what another one waits for, so it goes on until nothing moves.
    pub(super) fn place_waiting_tasks(&mut self, budget: &mut usize, out: &mut Outbox) {
        while *budget > 0 && self.is_placing_waiting_tasks() {
            let look = self.work.take_look();
            for kind in self.kinds_of_waiting_tasks() {
                self.place_kind(&kind, look, budget, out);
            }
        }
    }

    /// Tasks that are the same to placement, one plan for all of them; they get its places by age.
    fn place_kind(&mut self, kind: &[Arc<Task>], look: Look, budget: &mut usize, out: &mut Outbox) {
        let (blueprint, needs) = self.as_asked_for(&kind[0]);
        if look < Look::ForAll && !minds_tasks(&needs) {
            return;
        }
        if *budget == 0 {
            return self.work.look_at_waiting_tasks(look);
        }
        let count = kind.len().min(*budget);
        let plan = self.plan(&blueprint, &needs, count);
        *budget -= plan.placed.len();
        if plan.rejection.is_none() && count < kind.len() {
            self.work.look_at_waiting_tasks(Look::ForAll);
        }
        for (task, (idx, reserved)) in kind.iter().zip(plan.placed) {
            self.place_waiting_task(task, &blueprint, idx, reserved, out);
        }
    }

    fn place_waiting_task(
        &mut self,
        task: &Arc<Task>,
        blueprint: &Blueprint,
        idx: InstanceIdx,
        reserved: Reserved,
        out: &mut Outbox,
    ) {
        let mut row = Task::clone(task);
        settle(&mut row, self.derived.fleet.instance(idx), reserved, &blueprint.definition);
        self.update_task(task, row, out);
    }

    /// By the oldest of each kind, and by age within it.
    fn kinds_of_waiting_tasks(&self) -> Vec<Vec<Arc<Task>>> {
        let mut kinds: Vec<Vec<Arc<Task>>> = Vec::new();
        for task in self.image.waiting_tasks() {
            match kinds.iter_mut().find(|kind| is_same_kind(&kind[0], task)) {
                Some(kind) => kind.push(Arc::clone(task)),
                None => kinds.push(vec![Arc::clone(task)]),
            }
        }
        kinds
    }

    /// What the request said that led to the task.
    fn as_asked_for(&mut self, task: &Task) -> (Blueprint, Requirements) {
        let waiting = task.waiting.as_ref().expect("a task without an instance keeps what it needs to get one");
        let known = self.derived.definitions.get(&task.definition);
        let (definition, mut member_of) = (Arc::clone(&known.definition), known.member_of.clone());
        let own = self.expressions.parse_constraints(&waiting.placement_constraints);
        member_of.extend(own.expect("parsed when the task was asked for, or when the cluster was loaded"));
        let needs = Requirements {
            demand: demand(&definition, task.overrides.as_deref()),
            member_of,
            distinct_instance: waiting.placement_constraints.contains(&PlacementConstraint::DistinctInstance),
            strategies: waiting.placement_strategy.clone(),
            takes_kept_room: false,
        };
        let blueprint = Blueprint {
            definition,
            service: task.service.clone(),
            deployment: task.deployment,
            group: Arc::clone(&task.group),
            started_by: task.started_by.clone(),
            launch_type: task.launch_type,
            capacity_provider: task.capacity_provider.clone(),
            overrides: task.overrides.clone(),
            enable_execute_command: task.enable_execute_command,
            tags: task.tags.clone(),
        };
        (blueprint, needs)
    }

    /// Looks without planning, which would draw random numbers.
    pub(super) fn first_waiting_task_that_fits(&mut self) -> Option<TaskId> {
        let kinds = self.kinds_of_waiting_tasks();
        let found = kinds.iter().find(|kind| {
            let (blueprint, needs) = self.as_asked_for(&kind[0]);
            self.fits_somewhere(&blueprint, &needs)
        });
        found.map(|kind| kind[0].id)
    }

    /// It has waited as long as the settings allow: it is STOPPED, for the reason of the instance that came closest. In
    /// the instant in which one takes it, it is placed instead.
    pub(super) fn give_up_placing(&mut self, task: TaskId, out: &mut Outbox) {
        let Some(task) = self.image.tasks.get(&task).filter(|task| task.is_waiting()).cloned() else { return };
        let (blueprint, needs) = self.as_asked_for(&task);
        let plan = self.plan(&blueprint, &needs, 1);
        match plan.rejection {
            None => {
                for (idx, reserved) in plan.placed {
                    self.place_waiting_task(&task, &blueprint, idx, reserved, out);
                }
            }
            Some(rejection) => {
                let because = StopBecause { code: StopCode::TaskFailedToStart, reason: reason(&rejection) };
                mutant!(WaitsForEver => drop(because), drop(self.stop_task(&task, because, out)));
            }
        }
    }
}

/// Whether other tasks that come or go can make an instance a place for it.
fn minds_tasks(needs: &Requirements) -> bool {
    needs.distinct_instance || needs.member_of.iter().any(|expression| expression.looks_at_tasks())
}

fn is_same_kind(one: &Task, other: &Task) -> bool {
    one.definition == other.definition
        && one.capacity_provider == other.capacity_provider
        && one.launch_type == other.launch_type
        && one.group == other.group
        && one.waiting == other.waiting
        && one.overrides == other.overrides
}

/// RUN-9, of the instance that passed the most checks.
fn reason(rejection: &Rejection) -> Arc<str> {
    rejection.closest.map_or(NO_INSTANCES, |(_, reason)| reason.as_str()).into()
}
