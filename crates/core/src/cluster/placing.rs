//! From a plan of instances to task rows.

use super::{ClusterCore, Outbox};
use plimsoll_model::{
    Container, Deployment, DesiredStatus, HealthStatus, InstanceId, LaunchType, PlacementConstraint, PlacementStrategy,
    PropagateTags, Reserved, SchedulingStrategy, Service, ServiceName, Tags, Task, TaskDefinition, TaskId,
    TaskOverrides, TaskStatus,
};
use plimsoll_placement::{Demand, Explanation, Expression, InstanceIdx, Plan, Request};
use std::sync::Arc;

/// What is the same for all tasks of one decision.
#[derive(Debug)]
pub(super) struct Blueprint {
    pub definition: Arc<TaskDefinition>,
    pub service: Option<ServiceName>,
    pub deployment: Option<plimsoll_model::DeploymentId>,
    pub group: Arc<str>,
    pub started_by: Option<Arc<str>>,
    pub launch_type: LaunchType,
    /// Whose share they are, where a strategy shares tasks out; then only its instances are asked.
    pub capacity_provider: Option<Arc<str>>,
    pub overrides: Option<Arc<TaskOverrides>>,
    pub enable_execute_command: bool,
    pub tags: Tags,
}

/// What placement has to know about them.
#[derive(Debug)]
pub(super) struct Requirements {
    pub demand: Demand,
    /// Of the definition first, then of the request or service (RUN-10).
    pub member_of: Vec<Arc<Expression>>,
    pub distinct_instance: bool,
    pub strategies: Vec<PlacementStrategy>,
    /// A daemon's tasks use the room kept for daemons (SVC-45).
    pub takes_kept_room: bool,
}

impl ClusterCore {
    /// Where `count` such tasks would go. Changes nothing but the state of the tie-breaking random numbers.
    pub(super) fn plan(&mut self, blueprint: &Blueprint, needs: &Requirements, count: usize) -> Plan {
        self.refresh_expectation();
        let group = self.derived.fleet.group(&blueprint.group);
        let request = request(blueprint, needs, group);
        let plan = self.derived.fleet.plan(&request, count, &mut self.random.placement);
        self.derived.fleet.release_group(group);
        plan
    }

    /// Why each instance that is no place for another such task refuses it (RUN-8).
    pub(super) fn refusals(
        &mut self,
        blueprint: &Blueprint,
        needs: &Requirements,
    ) -> Vec<(InstanceId, plimsoll_placement::Reason)> {
        let group = self.derived.fleet.group(&blueprint.group);
        let reasons = self.derived.fleet.refusals(&request(blueprint, needs, group));
        self.derived.fleet.release_group(group);
        reasons
    }

    /// Whether any instance takes such a task.
    pub(super) fn fits_somewhere(&mut self, blueprint: &Blueprint, needs: &Requirements) -> bool {
        let group = self.derived.fleet.group(&blueprint.group);
        let explanation = self.derived.fleet.explain(&request(blueprint, needs, group), 1);
        self.derived.fleet.release_group(group);
        !explanation.candidates.is_empty()
    }

    /// As [`Self::plan`], with random numbers that nobody else draws.
    pub(super) fn rehearse_plan(&mut self, blueprint: &Blueprint, needs: &Requirements, count: usize) -> Plan {
        self.refresh_expectation();
        let mut draws = self.random.placement.clone();
        let fleet = self.derived.fleet.off_the_record();
        let group = fleet.group(&blueprint.group);
        let plan = fleet.plan(&request(blueprint, needs, group), count, &mut draws);
        fleet.release_group(group);
        plan
    }

    /// What every instance says to one more such task, all that take it ranked.
    pub(super) fn explanation(&mut self, blueprint: &Blueprint, needs: &Requirements) -> Explanation {
        self.refresh_expectation();
        let group = self.derived.fleet.group(&blueprint.group);
        let explanation = self.derived.fleet.explain(&request(blueprint, needs, group), usize::MAX);
        self.derived.fleet.release_group(group);
        explanation
    }

    /// Whether one named instance takes such a task (RUN-11).
    pub(super) fn check(
        &mut self,
        idx: InstanceIdx,
        blueprint: &Blueprint,
        needs: &Requirements,
    ) -> Result<Reserved, plimsoll_placement::Reason> {
        let group = self.derived.fleet.group(&blueprint.group);
        let verdict = self.derived.fleet.check(idx, &request(blueprint, needs, group));
        self.derived.fleet.release_group(group);
        verdict
    }

    pub(super) fn place(
        &mut self,
        blueprint: &Blueprint,
        idx: InstanceIdx,
        reserved: Reserved,
        out: &mut Outbox,
    ) -> Arc<Task> {
        let mut row = self.without_place(blueprint);
        settle(&mut row, self.derived.fleet.instance(idx), reserved, &blueprint.definition);
        self.create_task(row, &blueprint.definition, out)
    }

    /// Such a task before it has an instance; the caller writes it.
    pub(super) fn without_place(&mut self, blueprint: &Blueprint) -> Task {
        Task {
            id: self.new_task_id(),
            instance: None,
            waiting: None,
            definition: blueprint.definition.id.clone(),
            service: blueprint.service.clone(),
            deployment: blueprint.deployment,
            group: Arc::clone(&blueprint.group),
            started_by: blueprint.started_by.clone(),
            launch_type: blueprint.launch_type,
            capacity_provider: blueprint.capacity_provider.clone(),
            containers: containers(&blueprint.definition, blueprint.overrides.as_deref(), &Reserved::default()),
            reserved: Reserved::default(),
            overrides: blueprint.overrides.clone(),
            enable_execute_command: blueprint.enable_execute_command,
            created_at: self.now,
            version: 1,
            desired_status: DesiredStatus::Running,
            last_status: TaskStatus::Provisioning,
            health: HealthStatus::Unknown,
            stop_code: None,
            stopped_reason: None,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            execution_stopped_at: None,
            stopped_at: None,
            protected_until: None,
            tags: blueprint.tags.clone(),
        }
    }

    fn new_task_id(&mut self) -> TaskId {
        loop {
            let id = self.random.task_id();
            if !self.image.tasks.contains_key(&id) {
                return id;
            }
        }
    }

    /// A task of a service's deployment (SVC-18). Whose share it is, the caller adds.
    pub(super) fn service_blueprint(&self, service: &Service, deployment: &Deployment) -> Blueprint {
        let definition = Arc::clone(&self.derived.definitions.get(&deployment.definition).definition);
        Blueprint {
            service: Some(service.name.clone()),
            deployment: Some(deployment.id),
            group: format!("service:{}", service.name).into(),
            started_by: Some(deployment.id.to_string().into()),
            launch_type: deployment.task_set.as_ref().map_or(service.launch_type, |set| set.launch_type),
            capacity_provider: None,
            overrides: None,
            enable_execute_command: service.enable_execute_command,
            tags: self.service_task_tags(service, &definition),
            definition,
        }
    }

    pub(super) fn service_requirements(&mut self, service: &Service, deployment: &Deployment) -> Requirements {
        let known = self.derived.definitions.get(&deployment.definition);
        let (demand, mut member_of) = (known.demand.clone(), known.member_of.clone());
        let own = self.expressions.parse_constraints(&service.placement_constraints);
        member_of.extend(own.expect("parsed when the service was created or updated"));
        Requirements {
            demand,
            member_of,
            distinct_instance: service.placement_constraints.contains(&PlacementConstraint::DistinctInstance),
            strategies: service.placement_strategy.clone(),
            takes_kept_room: service.scheduling_strategy == SchedulingStrategy::Daemon,
        }
    }

    /// TAG-4.
    fn service_task_tags(&self, service: &Service, definition: &TaskDefinition) -> Tags {
        let mut tags = match service.propagate_tags {
            PropagateTags::Service => service.tags.clone(),
            PropagateTags::TaskDefinition => definition.tags.clone(),
            PropagateTags::None => Tags::new(),
        };
        if service.enable_ecs_managed_tags {
            tags.insert("aws:ecs:clusterName".into(), self.config.cluster.name.shared());
            tags.insert("aws:ecs:serviceName".into(), service.name.shared());
        }
        tags
    }
}

fn request<'a>(blueprint: &'a Blueprint, needs: &'a Requirements, group: plimsoll_placement::GroupIdx) -> Request<'a> {
    Request {
        demand: &needs.demand,
        required_attributes: &blueprint.definition.requires_attributes,
        member_of: &needs.member_of,
        distinct_instance: needs.distinct_instance,
        group,
        strategies: &needs.strategies,
        external: blueprint.launch_type == LaunchType::External,
        takes_kept_room: needs.takes_kept_room,
        capacity_provider: blueprint.capacity_provider.as_deref(),
    }
}

/// Gives a task without an instance one, and what it holds there.
pub(super) fn settle(row: &mut Task, instance: InstanceId, reserved: Reserved, definition: &TaskDefinition) {
    row.instance = Some(instance);
    row.waiting = None;
    row.last_status = TaskStatus::Pending;
    row.containers = containers(definition, row.overrides.as_deref(), &reserved);
    row.reserved = reserved;
}

/// In the definition's order; the GPUs of the task are dealt to the containers that ask for some (RES-4).
fn containers(definition: &TaskDefinition, overrides: Option<&TaskOverrides>, reserved: &Reserved) -> Vec<Container> {
    let mut gpus = reserved.gpus.iter();
    let deal = |spec: &plimsoll_model::ContainerSpec| {
        let mut container = Container::pending(Arc::clone(&spec.name));
        let overridden = overrides.and_then(|all| all.containers.iter().find(|one| one.name == spec.name));
        let count = overridden.and_then(|one| one.gpus).unwrap_or(spec.gpus);
        container.gpus = gpus.by_ref().take(count as usize).cloned().collect();
        container
    };
    definition.containers.iter().map(deal).collect()
}
