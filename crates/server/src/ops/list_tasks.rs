//! ListTasks (RUN-14). With a service or an instance only their tasks are looked at; otherwise slices of all.

use super::input::invalid;
use crate::Context;
use crate::error_map::command_error;
use crate::resolve::{self, ActiveCluster, Arns};
use plimsoll_core::CommandError;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::{DesiredStatus, Image, InstanceId, LaunchType, ServiceName, Task, TaskId};
use serde_json::Value;
use std::ops::Bound;
use std::sync::Arc;

/// Tasks looked at under one read lock: commits wait for readers.
const SLICE_TASKS: usize = 20_000;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListTasksResponse, ApiError> {
    let pager = Pager::<String>::of(operation, &input)?;
    let request: types::ListTasksRequest = parse(input)?;
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let filter = Filter::read(&arns, request)?;
    let cluster = resolve::active_cluster(context, arns)?;
    let after = pager.after().and_then(|key| key.parse::<TaskId>().ok());
    let found = filter.find(&cluster, after, pager.limit + 1)?;
    let page = pager.page(found, TaskId::to_string);
    let arns = page.items.iter().map(|id| cluster.arns.task(*id)).collect();
    Ok(types::ListTasksResponse { task_arns: Some(arns), next_token: page.next_token })
}

struct Filter {
    /// `None` is a status that no task ever wants to have.
    desired: Option<DesiredStatus>,
    instance: Option<InstanceId>,
    service: Option<ServiceName>,
    family: Option<String>,
    started_by: Option<String>,
    /// `None` inside: a launch type that no task here has.
    launch_type: Option<Option<LaunchType>>,
}

impl Filter {
    fn read(arns: &Arns, request: types::ListTasksRequest) -> Result<Self, ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if given(request.daemon_name).is_some() {
            return Err(ApiError::client("daemonName: managed daemons are not supported by this server."));
        }
        let started_by = given(request.started_by);
        let others = [&request.container_instance, &request.service_name, &request.family, &request.launch_type];
        if started_by.is_some() && others.iter().any(|other| other.as_ref().is_some_and(|text| !text.is_empty())) {
            return Err(invalid("startedBy must be the only filter."));
        }
        Ok(Filter {
            desired: given(request.desired_status)
                .map_or(Some(DesiredStatus::Running), |status| DesiredStatus::parse(&status)),
            instance: given(request.container_instance).map(|instance| arns.instance_id(&instance)).transpose()?,
            service: given(request.service_name).map(|service| arns.service_name(&service)).transpose()?,
            family: given(request.family),
            started_by,
            launch_type: given(request.launch_type).map(|launch_type| LaunchType::parse(&launch_type)),
        })
    }

    fn fits(&self, task: &Task) -> bool {
        self.desired == Some(task.desired_status)
            && self.instance.is_none_or(|instance| task.instance == Some(instance))
            && self.service.as_ref().is_none_or(|service| task.service.as_ref() == Some(service))
            && self.family.as_ref().is_none_or(|family| task.definition.family.as_str() == family)
            && self.started_by.as_ref().is_none_or(|started_by| task.started_by.as_deref() == Some(started_by))
            && self.launch_type.is_none_or(|launch_type| launch_type == Some(task.launch_type))
    }

    /// Up to `limit` fitting tasks behind `after`, in order of id, which is the order of ARNs within a cluster.
    fn find(&self, cluster: &ActiveCluster, after: Option<TaskId>, limit: usize) -> Result<Vec<TaskId>, ApiError> {
        let known = cluster.read(|image| self.check_named(image))?;
        known.map_err(|error| command_error(&cluster.arns, error))?;
        if self.desired.is_none() {
            return Ok(Vec::new());
        }
        if let Some(service) = &self.service {
            return cluster.read(|image| self.pick(image.tasks_of_service(service), after, limit));
        }
        if let Some(instance) = self.instance {
            return cluster.read(|image| self.pick(image.tasks_of_instance(instance), after, limit));
        }
        self.find_in_all(cluster, after, limit)
    }

    fn check_named(&self, image: &Image) -> Result<(), CommandError> {
        if let Some(service) = self.service.as_ref().filter(|service| !image.services.contains_key(service)) {
            return Err(CommandError::ServiceNotFound { service: service.clone() });
        }
        match self.instance.filter(|instance| !image.instances.contains_key(instance)) {
            Some(instance) => Err(CommandError::InstanceNotFound { instance }),
            None => Ok(()),
        }
    }

    fn pick<'i>(&self, tasks: impl Iterator<Item = &'i Arc<Task>>, after: Option<TaskId>, limit: usize) -> Vec<TaskId> {
        let behind = |task: &&Arc<Task>| after.is_none_or(|after| task.id > after);
        tasks.filter(behind).filter(|task| self.fits(task)).take(limit).map(|task| task.id).collect()
    }

    fn find_in_all(
        &self,
        cluster: &ActiveCluster,
        mut after: Option<TaskId>,
        limit: usize,
    ) -> Result<Vec<TaskId>, ApiError> {
        let mut found = Vec::new();
        while found.len() < limit {
            let last = cluster.read(|image| self.slice(image, after, limit, &mut found))?;
            if last.is_none() {
                break;
            }
            after = last;
        }
        Ok(found)
    }

    /// Adds to `found`; gives back the last task looked at, or nothing when there was none.
    fn slice(&self, image: &Image, after: Option<TaskId>, limit: usize, found: &mut Vec<TaskId>) -> Option<TaskId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        for (id, task) in image.tasks.range((from, Bound::Unbounded)).take(SLICE_TASKS) {
            if found.len() == limit {
                break;
            }
            last = Some(*id);
            if self.fits(task) {
                found.push(*id);
            }
        }
        last
    }
}
