//! RunTask (RUN-1..10): tasks are placed one after another until one finds no instance. A capacity provider strategy
//! says of each whose instances it is for (SVC-56); it does not go to another provider's when those are full. What finds
//! no instance of a provider that is scaled waits for one (RUN-12).

use super::super::placing::{Blueprint, Requirements};
use super::super::{ClusterCore, Outbox};
use super::check_overrides;
use crate::command::{RunTask, TaskLaunch};
use crate::{CommandError, Failure, FailureReason, Output, shares};
use plimsoll_model::{
    CapacityProviderStrategyItem, InstanceId, LaunchType, PlacementConstraint, Reserved, TaskDefinition, TokenResult,
    Waiting,
};
use plimsoll_placement::{InstanceIdx, Reason, demand};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn run_task(&mut self, request: RunTask, out: &mut Outbox) -> Result<Output, CommandError> {
        if let Some(TokenResult::Tasks(ids)) = self.replayed(request.client_token.as_ref())?
            && !ids.is_empty()
        {
            // As they are by now, and never another one (I-25).
            let tasks = ids.iter().filter_map(|id| self.image.tasks.get(id).cloned()).collect();
            return Ok(Output::Tasks { tasks, failures: Vec::new() });
        }
        check_overrides(&request.definition, request.launch.overrides.as_deref())?;
        let needs = Requirements {
            demand: demand(&request.definition, request.launch.overrides.as_deref()),
            member_of: self.parse_constraints(&request.definition, &request.placement_constraints)?,
            distinct_instance: request.placement_constraints.contains(&PlacementConstraint::DistinctInstance),
            strategies: request.placement_strategy,
            takes_kept_room: false,
        };
        let mut blueprint = standalone(request.definition, request.launch);
        let strategy = self.chosen_strategy(request.capacity_provider_strategy)?;
        let providers = providers_of_tasks(&strategy, request.count as usize)?;
        let is_scaled = |provider: &Option<Arc<str>>| {
            provider.as_ref().is_some_and(|provider| request.scaled_providers.contains(provider))
        };
        self.require_instances(&blueprint, providers.iter().filter(|provider| !is_scaled(provider)))?;
        let mut plans = self.plan_per_provider(&mut blueprint, &needs, &providers);
        let outcomes = providers.into_iter().map(|provider| {
            let place = plans.get_mut(&provider).and_then(|plan| plan.next());
            let outcome = match place {
                Some((idx, reserved)) => Outcome::Placed(idx, reserved),
                None if is_scaled(&provider) => Outcome::Waits,
                None => Outcome::Refused,
            };
            (provider, outcome)
        });
        let outcomes: Vec<_> = outcomes.collect();
        let started = || outcomes.iter().take_while(|(_, outcome)| *outcome != Outcome::Refused);
        self.check_provisioning_limit(started().filter(|(_, outcome)| *outcome == Outcome::Waits).count())?;
        let waiting = Arc::new(Waiting {
            placement_constraints: request.placement_constraints,
            placement_strategy: needs.strategies.clone(),
        });
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for (provider, outcome) in outcomes {
            blueprint.capacity_provider = provider;
            match outcome {
                Outcome::Placed(idx, reserved) => tasks.push(self.place(&blueprint, idx, reserved, out)),
                Outcome::Waits => tasks.push(self.create_waiting_task(&blueprint, &waiting, out)),
                Outcome::Refused => {
                    failures = self.failures(&blueprint, &needs);
                    break;
                }
            }
        }
        if !tasks.is_empty() {
            // A token that started nothing is free for another try.
            let ids = tasks.iter().map(|task| task.id).collect();
            self.remember(request.client_token, TokenResult::Tasks(ids), out);
        }
        Ok(Output::Tasks { tasks, failures })
    }

    /// RUN-7, for every unscaled provider that would get a task: a request that is refused has started none.
    fn require_instances<'a>(
        &self,
        blueprint: &Blueprint,
        providers: impl Iterator<Item = &'a Option<Arc<str>>>,
    ) -> Result<(), CommandError> {
        let external = blueprint.launch_type == LaunchType::External;
        let asked: BTreeSet<&Option<Arc<str>>> = providers.collect();
        let without =
            |provider: &&&Option<Arc<str>>| !self.derived.fleet.has_active_of_kind(external, provider.as_deref());
        match asked.iter().find(without) {
            None => Ok(()),
            Some(None) => Err(CommandError::NoContainerInstances),
            Some(Some(provider)) => Err(CommandError::NoInstancesOfCapacityProvider { provider: Arc::clone(provider) }),
        }
    }

    /// The places of the tasks of each provider, whose instances are no other's.
    fn plan_per_provider(
        &mut self,
        blueprint: &mut Blueprint,
        needs: &Requirements,
        providers: &[Option<Arc<str>>],
    ) -> BTreeMap<Option<Arc<str>>, std::vec::IntoIter<(InstanceIdx, Reserved)>> {
        let mut counts: BTreeMap<Option<Arc<str>>, usize> = BTreeMap::new();
        providers.iter().for_each(|provider| *counts.entry(provider.clone()).or_default() += 1);
        let plan = |(provider, count): (Option<Arc<str>>, usize)| {
            blueprint.capacity_provider.clone_from(&provider);
            (provider, self.plan(blueprint, needs, count).placed.into_iter())
        };
        counts.into_iter().map(plan).collect()
    }

    fn failures(&mut self, blueprint: &Blueprint, needs: &Requirements) -> Vec<Failure> {
        let refused = self.refusals(blueprint, needs);
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

/// What becomes of one of the tasks.
#[derive(PartialEq)]
enum Outcome {
    Placed(InstanceIdx, Reserved),
    Waits,
    Refused,
}

/// Whose share each of the tasks is, in the order in which they are placed; nobody's without a strategy.
fn providers_of_tasks(
    strategy: &[CapacityProviderStrategyItem],
    count: usize,
) -> Result<Vec<Option<Arc<str>>>, CommandError> {
    if strategy.is_empty() {
        return Ok(vec![None; count]);
    }
    let mut have = vec![0; strategy.len()];
    let mut next = || {
        let at = shares::next(strategy, &have)?;
        have[at] += 1;
        Some(Some(Arc::clone(&strategy[at].provider)))
    };
    let providers: Option<Vec<_>> = (0..count).map(|_| next()).collect();
    providers.ok_or_else(|| {
        let text = format!(
            "No capacity provider of the strategy has a weight for {count} tasks, which are more than its base."
        );
        CommandError::InvalidParameter(text)
    })
}

pub(super) fn standalone(definition: Arc<TaskDefinition>, launch: TaskLaunch) -> Blueprint {
    Blueprint {
        service: None,
        deployment: None,
        group: launch.group.unwrap_or_else(|| format!("family:{}", definition.id.family).into()),
        started_by: launch.started_by,
        launch_type: launch.launch_type,
        capacity_provider: None,
        overrides: launch.overrides,
        enable_execute_command: launch.enable_execute_command,
        tags: launch.tags,
        definition,
    }
}
