//! Taking over a cluster: everything derived is built anew, what is volatile starts from nothing.

use super::derived::Derived;
use super::flapping::Flapping;
use super::loss::Losses;
use super::random::Streams;
use super::reconcile::Work;
use super::sessions::Sessions;
use super::timers::Timers;
use super::{ClusterConfig, ClusterCore, LoadError, Outbox};
use crate::CommandError;
use plimsoll_model::{
    DeploymentController, DeploymentStatus, Image, Instance, InstanceId, InstanceStatus, Service, ServiceStatus, Task,
    TaskDefinitionId, Timestamp, Usage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn load(
    config: ClusterConfig,
    image: Image,
    now: Timestamp,
    out: &mut Outbox,
) -> Result<ClusterCore, LoadError> {
    let inconsistent = |detail: String| LoadError { cluster: config.cluster.to_string(), detail };
    check(&image).map_err(inconsistent)?;
    let behind_ms = newest(&image).map_or(0, |newest| newest.millis_since(now));
    let now = now.plus_millis(behind_ms);
    let epoch = config.epoch;
    let mut core = ClusterCore {
        random: Streams::new(config.seed, config.epoch.0, now),
        config,
        now,
        behind_ms,
        image: Image::default(),
        derived: Derived::new(),
        work: Work::default(),
        timers: Timers::default(),
        sessions: Sessions::new(epoch, now),
        losses: Losses::default(),
        flapping: Flapping::default(),
        undelivered: BTreeSet::new(),
        expressions: super::expressions::Expressions::default(),
        typical_is_stale: true,
    };
    core.image = image;
    if core.config.records_decisions {
        core.derived.fleet.listen(&core.random.placement);
    }
    core.derive_everything()
        .map_err(|error| LoadError { cluster: core.config.cluster.to_string(), detail: error.to_string() })?;
    core.disconnect_everyone(out);
    core.hand_over_decisions(out);
    Ok(core)
}

impl ClusterCore {
    fn derive_everything(&mut self) -> Result<(), CommandError> {
        self.derive_definitions()?;
        self.derive_policy();
        let instances: Vec<Arc<Instance>> = self.image.instances.values().cloned().collect();
        instances.iter().for_each(|row| self.derive_instance(row));
        let services: Vec<_> = self.image.services.values().cloned().collect();
        for row in &services {
            self.expressions.parse_constraints(&row.placement_constraints)?;
            self.derive_service(row);
            self.work.mark(&row.name);
        }
        let tasks: Vec<_> = self.image.tasks.values().cloned().collect();
        for waiting in tasks.iter().filter_map(|row| row.waiting.as_ref()) {
            self.expressions.parse_constraints(&waiting.placement_constraints)?;
        }
        tasks.iter().for_each(|row| self.derive_new_task(row));
        let history: Vec<_> = self.image.service_deployments.keys().copied().collect();
        history.into_iter().for_each(|id| self.derive_history(id));
        let tokens: Vec<_> = self.image.tokens.values().cloned().collect();
        tokens.iter().for_each(|row| self.derive_token(row));
        // With all tasks in the fleet, because what is on an instance can decide.
        services.iter().for_each(|row| self.derive_coverage(row));
        Ok(())
    }

    fn derive_definitions(&mut self) -> Result<(), CommandError> {
        let image = &self.image;
        let references = image
            .services
            .values()
            .filter_map(|row| row.definition.as_ref())
            .chain(image.deployments.values().map(|row| &row.definition))
            .chain(image.tasks.values().map(|row| &row.definition));
        for id in references {
            let definition = &image.definitions[id];
            let member_of = self.expressions.parse_all(&definition.member_of)?;
            self.derived.definitions.reference(definition, member_of);
        }
        // A store may know more definitions than the rows name.
        let named = self.derived.definitions.references();
        self.image.definitions.retain(|id, _| named.contains_key(id));
        Ok(())
    }

    /// Nobody has said hello to this writer yet.
    fn disconnect_everyone(&mut self, out: &mut Outbox) {
        let silent: Vec<(InstanceId, bool)> = self
            .image
            .instances
            .values()
            .filter(|row| row.status != InstanceStatus::Inactive)
            .map(|row| (row.id, row.agent_connected))
            .collect();
        for (id, was_connected) in silent {
            if was_connected {
                self.update_instance(id, |row| row.agent_connected = false, out);
            }
            if !self.image.instances[&id].lost {
                self.start_grace_after_load(id);
            }
        }
    }
}

/// A service has the kind and number of deployments that its controller makes, and shows the PRIMARY one's definition.
fn check_deployments(image: &Image, service: &Service) -> Result<(), String> {
    let name = &service.name;
    let deployments = || image.deployments_of_service(name);
    let primaries = deployments().filter(|deployment| deployment.status == DeploymentStatus::Primary).count();
    let is_external = service.controller == DeploymentController::External;
    let expected = match (service.status, is_external) {
        (ServiceStatus::Inactive, _) => 0..=0,
        (ServiceStatus::Active | ServiceStatus::Draining, false) => 1..=1,
        (ServiceStatus::Active | ServiceStatus::Draining, true) => 0..=1,
    };
    if !expected.contains(&primaries) {
        return Err(format!("service {name} has {primaries} primary deployments"));
    }
    if let Some(other) = deployments().find(|deployment| deployment.task_set.is_some() != is_external) {
        let (kind, id) = (service.controller.as_str(), other.id);
        return Err(format!("service {name} with controller {kind} has a deployment {id} of another"));
    }
    let of_primary = image.primary_deployment(name).map(|deployment| &deployment.definition);
    let agrees = if is_external { service.definition.as_ref() == of_primary } else { service.definition.is_some() };
    if !agrees {
        return Err(format!("service {name} has task definition {:?}, its primary {of_primary:?}", service.definition));
    }
    Ok(())
}

/// A task has an instance, or what it needs to get one; it is PROVISIONING as long as it may still get one (RUN-12).
fn check_place(task: &Task) -> Result<(), String> {
    let (id, status) = (task.id, task.last_status.as_str());
    match (task.instance, &task.waiting) {
        (Some(_), None) if !task.is_waiting() => Ok(()),
        (None, Some(_)) if task.is_waiting() == task.is_live() => Ok(()),
        (Some(instance), None) => Err(format!("task {id} is {status} although it is on instance {instance}")),
        (None, Some(_)) => Err(format!("task {id} is {status} although it is on no instance")),
        (Some(_), Some(_)) => Err(format!("task {id} waits for an instance and has one")),
        (None, None) => Err(format!("task {id} has no instance and does not wait for one")),
    }
}

/// The latest instant at which a writer wrote a row, as far as rows say. Times that nodes supplied do not count: a node
/// whose clock is years ahead must not take the cluster's with it.
fn newest(image: &Image) -> Option<Timestamp> {
    let tasks = image
        .tasks
        .values()
        .flat_map(|row| [Some(row.created_at), row.started_at, row.stopping_at, row.stopped_at].into_iter().flatten());
    let services =
        image.services.values().flat_map(|row| [Some(row.created_at), row.inactive_at].into_iter().flatten());
    let instances =
        image.instances.values().flat_map(|row| [Some(row.registered_at), row.deregistered_at].into_iter().flatten());
    let deployments = image.deployments.values().map(|row| row.updated_at.max(row.created_at));
    let events = image.services.keys().filter_map(|name| image.events_of_service(name).next_back());
    let tokens = image.tokens.values().map(|row| row.created_at);
    let cluster = image.cluster.iter().map(|row| row.deleted_at.unwrap_or(row.created_at));
    tasks
        .chain(services)
        .chain(instances)
        .chain(deployments)
        .chain(events.map(|event| event.created_at))
        .chain(tokens)
        .chain(cluster)
        .max()
}

/// What must hold between rows, whoever wrote them.
fn check(image: &Image) -> Result<(), String> {
    let defined = |id: &TaskDefinitionId, whose: String| match image.definitions.contains_key(id) {
        true => Ok(()),
        false => Err(format!("{whose} names task definition {id}, which is not stored")),
    };
    for service in image.services.values() {
        if let Some(definition) = &service.definition {
            defined(definition, format!("service {}", service.name))?;
        }
        check_deployments(image, service)?;
    }
    for deployment in image.deployments.values() {
        defined(&deployment.definition, format!("deployment {}", deployment.id))?;
    }
    let mut used: BTreeMap<InstanceId, Usage> = BTreeMap::new();
    for task in image.tasks.values() {
        defined(&task.definition, format!("task {}", task.id))?;
        check_place(task)?;
        let Some(instance) = task.instance.filter(|_| !task.is_stopped()) else { continue };
        let on = image.instances.get(&instance).filter(|row| row.status != InstanceStatus::Inactive);
        if on.is_none() {
            return Err(format!("task {} is on instance {instance}, which is gone", task.id));
        }
        let sum = used.entry(instance).or_default();
        sum.cpu_units += u64::from(task.reserved.cpu_units);
        sum.memory_mib += u64::from(task.reserved.memory_mib);
    }
    for id in image.instances.keys() {
        let stored = image.usage.get(id).copied().unwrap_or_default();
        let counted = used.get(id).copied().unwrap_or_default();
        if stored != counted {
            return Err(format!("instance {id} stores {stored:?} as used, its tasks hold {counted:?}"));
        }
    }
    Ok(())
}
