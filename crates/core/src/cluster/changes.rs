//! The one place where rows change: each change goes into the stepped image, into the outbox, and into everything
//! that is derived from rows.

use super::derived::{HealthRules, Slot, classify};
use super::timers::Timer;
use super::{ClusterCore, Outbox};
use plimsoll_model::{
    Change, Cluster, Deployment, DeploymentId, Instance, InstanceId, InstanceStatus, Reserved, Service,
    ServiceDeployment, ServiceName, ServiceStatus, Task, TaskDefinition, TaskDefinitionId, TaskId, TokenRecord, Usage,
};
use plimsoll_placement::mutant;
use plimsoll_placement::{NodeSpec, TaskWasLive};
use std::sync::Arc;

/// Tasks are spread over its values unless a service says otherwise (PL-6).
pub(super) const ZONE_ATTRIBUTE: &str = "ecs.availability-zone";

/// `version` grows by this much for a task from placement to STOPPED (see `Image::instance_version`).
const VERSION_STEPS_OF_A_STOPPED_TASK: u64 = 2;

impl ClusterCore {
    pub(super) fn emit(&mut self, change: Change, out: &mut Outbox) {
        self.image.apply(&change);
        out.changes.push(change);
    }

    pub(super) fn put_cluster(&mut self, row: Cluster, out: &mut Outbox) -> Arc<Cluster> {
        let row = Arc::new(row);
        self.emit(Change::Cluster(Arc::clone(&row)), out);
        self.derive_policy();
        row
    }

    // --- instances ---

    pub(super) fn put_instance(&mut self, row: Instance, out: &mut Outbox) -> Arc<Instance> {
        let row = Arc::new(row);
        self.emit(Change::Instance(Arc::clone(&row)), out);
        self.derive_instance(&row);
        row
    }

    /// Every change of an instance is a new version of it (CI-5).
    pub(super) fn update_instance(
        &mut self,
        id: InstanceId,
        edit: impl FnOnce(&mut Instance),
        out: &mut Outbox,
    ) -> Arc<Instance> {
        let mut row = Instance::clone(&self.image.instances[&id]);
        edit(&mut row);
        row.base_version += 1;
        self.put_instance(row, out)
    }

    /// Brings the fleet up to date with an instance; capacity may have appeared.
    pub(super) fn derive_instance(&mut self, row: &Instance) {
        self.derive_zone(row);
        if row.status == InstanceStatus::Inactive {
            self.forget_flapping(row.id);
            self.derived.fleet.remove(row.id);
            self.derived.instances.remove(&row.id);
            self.review_instance(row.id);
            if let Some(at) = row.deregistered_at {
                self.timers.set(Timer::ForgetInstance(row.id), at.plus_millis(self.config.retention_ms));
            }
            return;
        }
        self.derived.fleet.put(node_spec(row, self.flapping.is_damped(row.id)));
        self.derived.instances.insert(row.id);
        self.review_instance(row.id);
        self.work.capacity_changed();
    }

    /// A new zone may be one to move tasks to (SVC-61).
    fn derive_zone(&mut self, row: &Instance) {
        let usable = row.status == InstanceStatus::Active && row.agent_connected;
        let zone = usable.then(|| Arc::from(row.attribute(ZONE_ATTRIBUTE).unwrap_or_default()));
        if self.derived.zones.put(row.id, zone) {
            let movable = self.image.services.values().filter(|service| service.availability_zone_rebalancing);
            movable.for_each(|service| self.work.mark(&service.name));
        }
    }

    pub(super) fn remove_instance(&mut self, id: InstanceId, out: &mut Outbox) {
        self.timers.cancel(&Timer::ForgetInstance(id));
        self.emit(Change::InstanceRemoved(id), out);
    }

    // --- services and deployments ---

    /// `definition` is the one that the row names.
    pub(super) fn put_service(&mut self, row: Service, definition: Option<&Arc<TaskDefinition>>, out: &mut Outbox) {
        let given = definition.map(|definition| &definition.id);
        assert_eq!(row.definition.as_ref(), given, "a row comes with the definition that it names");
        let before = self.image.services.get(&row.name).and_then(|old| old.definition.clone());
        if let Some(definition) = definition {
            self.reference(definition, out);
        }
        self.write_service(row, out);
        if let Some(id) = before {
            self.release(&id, out);
        }
    }

    /// For changes that keep the definition.
    pub(super) fn update_service_row(
        &mut self,
        name: &ServiceName,
        edit: impl FnOnce(&mut Service),
        out: &mut Outbox,
    ) -> Arc<Service> {
        let before = Arc::clone(&self.image.services[name]);
        let mut row = Service::clone(&before);
        edit(&mut row);
        assert_eq!(row.definition, before.definition, "a definition is changed together with its references");
        self.write_service(row, out)
    }

    fn write_service(&mut self, row: Service, out: &mut Outbox) -> Arc<Service> {
        let row = Arc::new(row);
        let before = self.image.services.get(&row.name).cloned();
        self.expectation_may_change(before.as_deref(), &row);
        self.emit(Change::Service(Arc::clone(&row)), out);
        self.derive_service(&row);
        self.derive_coverage(&row);
        row
    }

    pub(super) fn derive_service(&mut self, row: &Service) {
        let timer = Timer::ForgetService(row.name.clone());
        match (row.status, row.inactive_at) {
            (ServiceStatus::Inactive, Some(at)) => {
                self.timers.set(timer, at.plus_millis(self.config.retention_ms));
            }
            _ => self.timers.cancel(&timer),
        }
    }

    pub(super) fn remove_service(&mut self, name: &ServiceName, out: &mut Outbox) {
        let Some(row) = self.image.services.get(name).cloned() else { return };
        self.timers.cancel(&Timer::ForgetService(name.clone()));
        self.emit(Change::ServiceRemoved(name.clone()), out);
        if let Some(definition) = &row.definition {
            self.release(definition, out);
        }
    }

    pub(super) fn create_deployment(&mut self, row: Deployment, definition: &Arc<TaskDefinition>, out: &mut Outbox) {
        self.reference(definition, out);
        self.emit(Change::Deployment(Arc::new(row)), out);
    }

    pub(super) fn update_deployment(
        &mut self,
        id: DeploymentId,
        edit: impl FnOnce(&mut Deployment),
        out: &mut Outbox,
    ) -> Arc<Deployment> {
        let before = Arc::clone(&self.image.deployments[&id]);
        let mut row = Deployment::clone(&before);
        edit(&mut row);
        assert_eq!(row.definition, before.definition, "the definition of deployment {id} never changes (I-10)");
        let row = Arc::new(row);
        self.emit(Change::Deployment(Arc::clone(&row)), out);
        row
    }

    pub(super) fn remove_deployment(&mut self, id: DeploymentId, out: &mut Outbox) {
        let Some(row) = self.image.deployments.get(&id).cloned() else { return };
        self.emit(Change::DeploymentRemoved(id), out);
        self.release(&row.definition, out);
        self.derive_history(id);
    }

    pub(super) fn put_service_deployment(&mut self, row: ServiceDeployment, out: &mut Outbox) {
        let id = row.id;
        self.emit(Change::ServiceDeployment(Arc::new(row)), out);
        self.derive_history(id);
    }

    pub(super) fn remove_service_deployment(&mut self, id: DeploymentId, out: &mut Outbox) {
        self.emit(Change::ServiceDeploymentRemoved(id), out);
        self.derive_history(id);
    }

    // --- tasks ---

    pub(super) fn create_task(&mut self, row: Task, definition: &Arc<TaskDefinition>, out: &mut Outbox) -> Arc<Task> {
        assert!(!self.image.tasks.contains_key(&row.id), "task {} exists", row.id);
        self.reference(definition, out);
        let row = Arc::new(row);
        self.emit(Change::TaskCreated(Arc::clone(&row)), out);
        self.occupy(&row, out);
        if let Some(service) = &row.service {
            self.work.mark(service);
        }
        row
    }

    /// A task appeared, or one that waited has got its instance: it holds its place from here on, and its node is to
    /// hear of it. One without an instance holds nothing.
    fn occupy(&mut self, row: &Task, out: &mut Outbox) {
        if let Some(instance) = row.instance {
            self.change_usage(instance, &row.reserved, Sign::Plus, out);
            self.undelivered.insert(row.id);
            self.sessions.owe_start(instance, row.id);
            self.work.tasks_changed();
        }
        self.derive_new_task(row);
    }

    /// Writes a task's next state if it differs from the one before; `version` is set here (TL-10).
    pub(super) fn update_task(&mut self, before: &Arc<Task>, mut row: Task, out: &mut Outbox) -> Arc<Task> {
        row.version = before.version;
        if row == **before {
            return Arc::clone(before);
        }
        assert!(row.last_status >= before.last_status, "task {} moves backwards (I-17)", row.id);
        assert!(row.desired_status >= before.desired_status, "task {} is wanted again (I-17)", row.id);
        let is_placed = before.instance.is_none() && row.instance.is_some();
        let stays = row.instance == before.instance && row.reserved == before.reserved;
        assert!(stays || is_placed, "task {} moved (I-5)", row.id);
        row.version += 1;
        let row = Arc::new(row);
        self.emit(Change::TaskUpdated(Arc::clone(&row)), out);
        if before.is_waiting() && !row.is_waiting() {
            self.timers.cancel(&Timer::GiveUpPlacing(row.id));
        }
        if is_placed {
            assert!(row.is_live(), "task {} is placed although it is to stop", row.id);
            self.emit(Change::TaskPlaced(row.id), out);
            self.occupy(&row, out);
        } else {
            self.derive_task_change(before, &row, out);
        }
        row
    }

    /// The fleet and index side of a task row that appears.
    pub(super) fn derive_new_task(&mut self, row: &Task) {
        if row.is_waiting() {
            let timer = Timer::GiveUpPlacing(row.id);
            self.timers.set(timer, row.created_at.plus_millis(self.config.provisioning_timeout_ms));
        } else if let Some(instance) = row.instance.filter(|_| !row.is_stopped()) {
            let idx = self.derived.fleet.idx(instance).expect("a task is on an instance of the fleet");
            let group = self.derived.fleet.add_task(row.id, idx, &row.group, &row.reserved);
            if row.is_stopping() {
                self.derived.fleet.task_stopping(row.id, idx, group);
            }
            self.derived.fleet.set_running(idx, self.image.instance_counts(instance).running);
        } else if let Some(at) = row.stopped_at {
            self.timers.set(Timer::ForgetTask(row.id), at.plus_millis(self.config.retention_ms));
        }
        self.derive_slot(row);
        self.review_place_of(row);
    }

    fn derive_task_change(&mut self, before: &Task, row: &Task, out: &mut Outbox) {
        if let Some(instance) = row.instance {
            self.derive_change_of_place(before, row, instance, out);
        }
        if row.is_stopped() && !before.is_stopped() {
            let stopped_at = row.stopped_at.unwrap_or(self.now);
            self.timers.set(Timer::ForgetTask(row.id), stopped_at.plus_millis(self.config.retention_ms));
        }
        if let Some(service) = &row.service {
            let counts_changed = before.last_status != row.last_status;
            if self.derive_slot(row) || counts_changed {
                self.work.mark(service);
            }
        }
    }

    /// What the change of a task means for the instance it is on.
    fn derive_change_of_place(&mut self, before: &Task, row: &Task, instance: InstanceId, out: &mut Outbox) {
        let ends = row.is_stopped() && !before.is_stopped();
        if !before.is_stopped() {
            self.derive_fleet_change(before, row, instance);
            self.review_place_of(row);
        }
        if mutant!(FreesAtStopping => before.is_live() && !row.is_live(), ends) {
            self.change_usage(instance, &row.reserved, Sign::Minus, out);
        }
        if ends {
            self.undelivered.remove(&row.id);
            self.work.capacity_changed();
        }
        if before.is_live() && row.is_stopping() {
            self.sessions.owe_stop(instance, row.id);
            self.work.tasks_changed();
        }
    }

    fn derive_fleet_change(&mut self, before: &Task, row: &Task, instance: InstanceId) {
        let fleet = &mut self.derived.fleet;
        let idx = fleet.idx(instance).expect("an instance keeps its place while it has tasks");
        let group = fleet.find_group(&row.group).expect("a group keeps its place while it has tasks");
        if row.is_stopped() {
            let was_live = if before.is_live() { TaskWasLive::Yes } else { TaskWasLive::No };
            fleet.remove_task(row.id, idx, group, &row.reserved, was_live);
            fleet.release_group(group);
        } else if before.is_live() && !row.is_live() {
            fleet.task_stopping(row.id, idx, group);
        }
        if before.is_running() != row.is_running() {
            fleet.set_running(idx, self.image.instance_counts(instance).running);
        }
    }

    /// Forgets a STOPPED task; its instance's version does not go back (CI-5).
    pub(super) fn remove_task(&mut self, id: TaskId, out: &mut Outbox) {
        let Some(row) = self.image.tasks.get(&id).cloned() else { return };
        assert!(row.is_stopped(), "task {id} is forgotten before it is STOPPED");
        self.timers.cancel(&Timer::ForgetTask(id));
        self.emit(Change::TaskRemoved(id), out);
        if let Some(instance) = row.instance.and_then(|id| self.image.instances.get(&id)) {
            let mut instance = Instance::clone(instance);
            instance.base_version += VERSION_STEPS_OF_A_STOPPED_TASK;
            self.emit(Change::Instance(Arc::new(instance)), out);
        }
        self.release(&row.definition, out);
    }

    /// Puts a service's task where it belongs in the index; true when it moved.
    pub(super) fn derive_slot(&mut self, task: &Task) -> bool {
        let (Some(name), Some(deployment)) = (&task.service, task.deployment) else { return false };
        let timer = Timer::TaskHealth(task.id);
        let is_live = mutant!(DecidesOnStaleTasks => !task.is_stopped(), task.is_live());
        let slot = is_live.then(|| {
            let on = &self.image.instances[&task.instance.expect("a service's task has an instance")];
            let draining = on.status == InstanceStatus::Draining;
            let (class, again_at) = classify(task, self.health_rules(task), self.now);
            match again_at {
                Some(at) => mutant!(HealthTimerIsLost => (), self.timers.set(timer.clone(), at)),
                None => self.timers.cancel(&timer),
            }
            Slot { deployment, draining, class }
        });
        if slot.is_none() {
            self.timers.cancel(&timer);
        }
        let protection = Timer::Protection(task.id);
        match task.protected_until.filter(|_| slot.is_some()) {
            Some(at) => self.timers.set(protection, at),
            None => self.timers.cancel(&protection),
        }
        let index = self.derived.services.entry(name.clone()).or_default();
        let moved = index.place(task.id, task.capacity_provider.as_ref(), slot)
            | index.protect(task.id, slot.is_some() && task.is_protected());
        if index.is_empty() {
            self.derived.services.remove(name);
        }
        moved
    }

    fn health_rules(&self, task: &Task) -> HealthRules {
        let service = task.service.as_ref().and_then(|name| self.image.services.get(name));
        HealthRules {
            checks_health: self.derived.definitions.get(&task.definition).checks_health,
            healthy_ms: self.config.healthy_ms,
            grace_ms: service.map_or(0, |row| u64::from(row.health_check_grace_period_seconds) * 1_000),
        }
    }

    fn change_usage(&mut self, instance: InstanceId, reserved: &Reserved, sign: Sign, out: &mut Outbox) {
        let before = self.image.usage.get(&instance).copied().unwrap_or_default();
        let (cpu, memory) = (u64::from(reserved.cpu_units), u64::from(reserved.memory_mib));
        let after = match sign {
            Sign::Plus => Usage { cpu_units: before.cpu_units + cpu, memory_mib: before.memory_mib + memory },
            Sign::Minus => Usage { cpu_units: before.cpu_units - cpu, memory_mib: before.memory_mib - memory },
        };
        if sign == Sign::Plus {
            let registered = &self.image.instances[&instance].registered;
            assert!(after.cpu_units <= u64::from(registered.cpu_units), "instance {instance}: too much cpu (I-1)");
            assert!(after.memory_mib <= u64::from(registered.memory_mib), "instance {instance}: too much memory (I-1)");
        }
        self.emit(Change::Usage(instance, after), out);
    }

    // --- tokens ---

    pub(super) fn put_token(&mut self, row: TokenRecord, out: &mut Outbox) {
        self.derive_token(&row);
        self.emit(Change::Token(Arc::new(row)), out);
    }

    pub(super) fn derive_token(&mut self, row: &TokenRecord) {
        let timer = Timer::ForgetToken(Arc::clone(&row.token.operation), Arc::clone(&row.token.token));
        self.timers.set(timer, row.created_at.plus_millis(self.config.token_retention_ms));
    }

    pub(super) fn remove_token(&mut self, operation: Arc<str>, token: Arc<str>, out: &mut Outbox) {
        self.timers.cancel(&Timer::ForgetToken(Arc::clone(&operation), Arc::clone(&token)));
        self.emit(Change::TokenRemoved(operation, token), out);
    }

    // --- events ---

    pub(super) fn emit_event(&mut self, change: Change, out: &mut Outbox) {
        assert!(matches!(change, Change::Event(_) | Change::EventRemoved(..)), "only events are written this way");
        self.emit(change, out);
    }

    // --- definitions ---

    /// The expressions of a definition parsed when it was registered; a caller that cannot be sure has parsed them
    /// before it got here.
    fn reference(&mut self, definition: &Arc<TaskDefinition>, out: &mut Outbox) {
        let member_of = self.expressions.parse_all(&definition.member_of).expect("parsed before it was accepted");
        if self.derived.definitions.reference(definition, member_of) {
            self.emit(Change::DefinitionReferenced(Arc::clone(definition)), out);
        }
    }

    fn release(&mut self, id: &TaskDefinitionId, out: &mut Outbox) {
        if self.derived.definitions.release(id) {
            self.emit(Change::DefinitionReleased(id.clone()), out);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

fn node_spec(row: &Instance, damped: bool) -> NodeSpec {
    let attributes = row.attributes.iter().map(|(name, attribute)| (Arc::clone(name), attribute.value.clone()));
    NodeSpec {
        instance: row.id,
        ec2_instance_id: Arc::clone(&row.ec2_instance_id),
        registered_at: row.registered_at,
        agent_version: row.version_info.agent_version.clone(),
        attributes: attributes.collect(),
        resources: row.registered.clone(),
        active: mutant!(PlacesOnDraining => row.status != InstanceStatus::Inactive, row.status == InstanceStatus::Active),
        connected: row.agent_connected,
        damped,
    }
}
