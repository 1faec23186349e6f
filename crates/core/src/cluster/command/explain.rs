//! The question why: what a placement would do, through the same plan and the same checks, and nothing done.

use super::super::ClusterCore;
use super::super::placing::{Blueprint, Requirements};
use super::check_overrides;
use super::run_task::standalone;
use super::update_service::apply;
use crate::command::{CreateService, RunTask, StrategyChoice, UpdateService};
use crate::explain::{Asked, Explain, Explained, Needs, Subject, TaskStanding};
use crate::{Command, CommandError, Output, shares};
use plimsoll_model::{
    CapacityProviderStrategyItem, InstanceId, LaunchType, PlacementConstraint, PlacementStrategy, SchedulingStrategy,
    Service, ServiceName, ServiceStatus, Task, TaskDefinition, TaskId,
};
use plimsoll_placement::{Explanation, TaskWasLive, demand};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One kind of task, and how many of it whose instances are asked for.
pub(in super::super) struct Question {
    pub blueprint: Blueprint,
    pub needs: Requirements,
    /// Provider and count; one entry for nobody's instances without a strategy.
    pub shares: Vec<(Option<Arc<str>>, u32)>,
}

impl ClusterCore {
    pub(super) fn explain(&mut self, request: Explain) -> Result<Output, CommandError> {
        let most = request.candidates_max;
        let explained = match request.subject {
            Subject::Request(command) => {
                let question = self.question_of(*command)?;
                self.answer(question, most, Vec::new())
            }
            Subject::Service(name) => self.explain_service(&name, most)?,
            Subject::Task(id) => self.explain_task(id, most)?,
        };
        Ok(Output::Explained(Box::new(explained)))
    }

    fn question_of(&mut self, command: Command) -> Result<Question, CommandError> {
        match command {
            Command::RunTask(request) => self.question_of_run_task(*request),
            Command::CreateService(request) => self.question_of_creation(*request),
            Command::UpdateService(request) => self.question_of_update(*request),
            _ => Err(CommandError::InvalidParameter("no placement follows from such a command alone".to_owned())),
        }
    }

    fn question_of_run_task(&mut self, request: RunTask) -> Result<Question, CommandError> {
        check_overrides(&request.definition, request.launch.overrides.as_deref())?;
        let strategy = self.chosen_strategy(request.capacity_provider_strategy)?;
        let mut needs = self.needs(&request.definition, &request.placement_constraints, request.placement_strategy)?;
        needs.demand = demand(&request.definition, request.launch.overrides.as_deref());
        let blueprint = standalone(request.definition, request.launch);
        Ok(Question { blueprint, needs, shares: shares_of(&strategy, request.count) })
    }

    fn question_of_creation(&mut self, request: CreateService) -> Result<Question, CommandError> {
        if self.image.services.get(&request.name).is_some_and(|row| row.status == ServiceStatus::Active) {
            return Err(CommandError::ServiceExists { service: request.name });
        }
        let Some(definition) = request.definition else {
            let text = "a service without a task definition places no task: ask about one of its task sets";
            return Err(CommandError::InvalidParameter(text.to_owned()));
        };
        let is_daemon = request.scheduling_strategy == SchedulingStrategy::Daemon;
        let choice = if is_daemon { StrategyChoice::LaunchType } else { request.capacity_provider_strategy };
        let strategy = self.chosen_strategy(choice)?;
        let mut needs = self.needs(&definition, &request.placement_constraints, request.placement_strategy)?;
        let count = if is_daemon { needs.of_daemon(self.image.registered_instances()) } else { request.desired_count };
        let blueprint = of_service(&request.name, definition, request.launch_type);
        Ok(Question { blueprint, needs, shares: shares_of(&strategy, count) })
    }

    fn question_of_update(&mut self, request: UpdateService) -> Result<Question, CommandError> {
        let service = request.service.clone();
        let before = match self.image.services.get(&service) {
            None => return Err(CommandError::ServiceNotFound { service }),
            Some(row) if row.status != ServiceStatus::Active => return Err(CommandError::ServiceNotActive { service }),
            Some(row) => Arc::clone(row),
        };
        let given = request.definition.clone();
        let current = |id| Arc::clone(&self.derived.definitions.get(id).definition);
        let Some(definition) = given.or_else(|| before.definition.as_ref().map(current)) else {
            return Err(CommandError::InvalidParameter(format!("service {service} places no tasks of its own")));
        };
        if let Some(strategy) = &request.capacity_provider_strategy {
            self.check_associated(strategy)?;
        }
        let mut row = Service::clone(&before);
        apply(&mut row, request);
        let mut needs = self.needs(&definition, &row.placement_constraints, row.placement_strategy)?;
        let is_daemon = row.scheduling_strategy == SchedulingStrategy::Daemon;
        let count = if is_daemon { needs.of_daemon(self.image.registered_instances()) } else { row.desired_count };
        let blueprint = of_service(&service, definition, row.launch_type);
        Ok(Question { blueprint, needs, shares: shares_of(&row.capacity_provider_strategy, count) })
    }

    fn needs(
        &mut self,
        definition: &TaskDefinition,
        constraints: &[PlacementConstraint],
        strategies: Vec<PlacementStrategy>,
    ) -> Result<Requirements, CommandError> {
        Ok(Requirements {
            demand: demand(definition, None),
            member_of: self.parse_constraints(definition, constraints)?,
            distinct_instance: constraints.contains(&PlacementConstraint::DistinctInstance),
            strategies,
            takes_kept_room: false,
        })
    }

    fn explain_service(&mut self, name: &ServiceName, most: usize) -> Result<Explained, CommandError> {
        let (mut question, standing) = self.standing_of(name)?;
        if self.image.services[name].scheduling_strategy == SchedulingStrategy::Daemon {
            // One on every instance: where there is one already, that is what refuses another.
            question.needs.of_daemon(0);
        }
        let tasks = self.image.tasks_of_service(name).filter(|task| !task.is_stopped()).cloned().collect();
        let explained = self.answer(question, most, tasks);
        Ok(Explained { service: Some(standing), ..explained })
    }

    fn explain_task(&mut self, id: TaskId, most: usize) -> Result<Explained, CommandError> {
        let known = self.image.tasks.get(&id).filter(|task| !task.is_stopped()).cloned();
        let task = known.ok_or(CommandError::TaskNotFound { task: id })?;
        let definition = Arc::clone(&self.derived.definitions.get(&task.definition).definition);
        let service = task.service.as_ref().and_then(|name| self.image.services.get(name)).cloned();
        let (constraints, strategies) = match (&service, &task.waiting) {
            (None, Some(waiting)) => (waiting.placement_constraints.clone(), waiting.placement_strategy.clone()),
            (Some(row), _) => (row.placement_constraints.clone(), row.placement_strategy.clone()),
            // What RunTask was told besides is not kept.
            (None, None) => (Vec::new(), Vec::new()),
        };
        let mut needs = self.needs(&definition, &constraints, strategies)?;
        needs.demand = demand(&definition, task.overrides.as_deref());
        needs.takes_kept_room = service.is_some_and(|row| row.scheduling_strategy == SchedulingStrategy::Daemon);
        let provider = task.capacity_provider.clone();
        let mut blueprint = of_task(&task, definition);
        blueprint.group = Arc::clone(&task.group);
        let question = Question { blueprint, needs, shares: vec![(provider, 1)] };
        let tasks = vec![Arc::clone(&task)];
        Ok(match task.instance {
            Some(instance) => self.without(&task, instance, |core| core.answer(question, most, tasks)),
            // It waits for a place.
            None => self.answer(question, most, tasks),
        })
    }

    /// What would be answered if the task were not there. The fleet is the same afterwards.
    fn without<T>(&mut self, task: &Task, instance: InstanceId, ask: impl FnOnce(&mut Self) -> T) -> T {
        let fleet = self.derived.fleet.off_the_record();
        let idx = fleet.idx(instance).expect("an instance keeps its place while it has tasks");
        let group = fleet.find_group(&task.group).expect("a group keeps its place while it has tasks");
        let was_live = if task.is_live() { TaskWasLive::Yes } else { TaskWasLive::No };
        fleet.remove_task(idx, group, &task.reserved, was_live);
        let answer = ask(self);
        let fleet = self.derived.fleet.off_the_record();
        // Without a task its name may have been let go of meanwhile.
        let group = fleet.group(&task.group);
        fleet.add_task(idx, group, &task.reserved);
        if was_live == TaskWasLive::No {
            fleet.task_stopping(idx, group);
        }
        answer
    }

    fn answer(&mut self, question: Question, most: usize, tasks: Vec<Arc<Task>>) -> Explained {
        let Question { mut blueprint, needs, shares } = question;
        let mut asks = Vec::new();
        for (provider, count) in shares {
            blueprint.capacity_provider = provider;
            let plan = self.rehearse_plan(&blueprint, &needs, count as usize);
            let mut places = BTreeMap::new();
            for (idx, _) in plan.placed {
                *places.entry(self.derived.fleet.instance(idx)).or_insert(0) += 1;
            }
            let explanation = self.explanation(&blueprint, &needs);
            let capacity_provider = blueprint.capacity_provider.clone();
            asks.push(Asked { capacity_provider, count, places: places.into_iter().collect(), explanation });
        }
        let tasks = tasks.into_iter().map(|task| standing(task, &asks)).collect();
        asks.iter_mut().for_each(|ask| ask.explanation.candidates.truncate(most));
        Explained { needs: named(&blueprint, &needs), asks, service: None, tasks }
    }
}

impl Requirements {
    /// A daemon's task may use what is kept for it and wants an instance without another.
    fn of_daemon(&mut self, instances: u32) -> u32 {
        (self.distinct_instance, self.takes_kept_room) = (true, true);
        instances
    }
}

fn named(blueprint: &Blueprint, needs: &Requirements) -> Needs {
    Needs {
        definition: blueprint.definition.id.clone(),
        group: Arc::clone(&blueprint.group),
        demand: needs.demand.clone(),
        required_attributes: blueprint.definition.requires_attributes.clone(),
        member_of: needs.member_of.iter().map(|expression| expression.source().into()).collect(),
        distinct_instance: needs.distinct_instance,
        external: blueprint.launch_type == LaunchType::External,
    }
}

/// A task's provider is asked too, unless the service has another strategy by now; then nothing ranks its instance.
fn standing(task: Arc<Task>, asks: &[Asked]) -> TaskStanding {
    let is_its = |ask: &&Asked| ask.capacity_provider.is_none() || ask.capacity_provider == task.capacity_provider;
    let position = |explanation: &Explanation| {
        let at = explanation.candidates.iter().position(|candidate| Some(candidate.instance) == task.instance)?;
        u32::try_from(at + 1).ok()
    };
    let rank = asks.iter().find(is_its).and_then(|ask| position(&ask.explanation));
    TaskStanding { task, rank }
}

fn shares_of(strategy: &[CapacityProviderStrategyItem], count: u32) -> Vec<(Option<Arc<str>>, u32)> {
    if strategy.is_empty() {
        return vec![(None, count)];
    }
    let counts = shares::to_start(strategy, &vec![0; strategy.len()], count);
    let named = strategy.iter().zip(counts).map(|(item, count)| (Some(Arc::clone(&item.provider)), count));
    named.filter(|(_, count)| *count > 0).collect()
}

fn of_service(name: &ServiceName, definition: Arc<TaskDefinition>, launch_type: LaunchType) -> Blueprint {
    Blueprint {
        service: Some(name.clone()),
        deployment: None,
        group: format!("service:{name}").into(),
        started_by: None,
        launch_type,
        capacity_provider: None,
        overrides: None,
        enable_execute_command: false,
        tags: Default::default(),
        definition,
    }
}

fn of_task(task: &Task, definition: Arc<TaskDefinition>) -> Blueprint {
    Blueprint {
        service: task.service.clone(),
        deployment: task.deployment,
        group: Arc::clone(&task.group),
        started_by: None,
        launch_type: task.launch_type,
        capacity_provider: None,
        overrides: None,
        enable_execute_command: false,
        tags: Default::default(),
        definition,
    }
}
