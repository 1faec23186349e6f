//! Which instances each DAEMON service covers (SVC-40..42), and the room kept there for it (SVC-45).
//!
//! An instance is judged when something about it changes, for each daemon service; a service is judged whole only when
//! its own rules change. So a pass over a service finds lists of what is to be done and looks at nothing else.

mod coverage;

pub(super) use coverage::Coverage;

use super::ClusterCore;
use super::derived::Derived;
use coverage::{Liveness, Stand};
use plimsoll_model::{
    Image, InstanceId, InstanceStatus, LaunchType, PlacementConstraint, SchedulingStrategy, Service, ServiceName,
    ServiceStatus, Task, TaskDefinition, TaskDefinitionId,
};
use plimsoll_placement::{Demand, Expression, Fleet, InstanceIdx, Reason, Terms};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Daemons {
    /// Of the ACTIVE daemon services.
    coverages: BTreeMap<ServiceName, Coverage>,
}

/// What decides which instances are covered.
#[derive(Debug)]
struct Rules {
    definition: Arc<TaskDefinition>,
    constraints: Vec<PlacementConstraint>,
    launch_type: LaunchType,
    member_of: Vec<Arc<Expression>>,
    demand: Demand,
    looks_at_tasks: bool,
}

impl Daemons {
    pub fn coverage(&self, service: &ServiceName) -> Option<&Coverage> {
        self.coverages.get(service)
    }
}

impl Rules {
    fn are_those_of(&self, service: &Service) -> bool {
        Some(&self.definition.id) == service.definition.as_ref()
            && self.constraints == service.placement_constraints
            && self.launch_type == service.launch_type
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            required_attributes: &self.definition.requires_attributes,
            member_of: &self.member_of,
            external: self.launch_type == LaunchType::External,
        }
    }
}

impl ClusterCore {
    /// Brings the coverage of a service up to date with its row: everything is judged anew if what decides has changed.
    pub(super) fn derive_coverage(&mut self, service: &Service) {
        let name = &service.name;
        let is_daemon = service.scheduling_strategy == SchedulingStrategy::Daemon;
        let definition = service.definition.as_ref();
        let Some(definition) = definition.filter(|_| is_daemon && service.status == ServiceStatus::Active) else {
            return self.drop_coverage(name);
        };
        let known = self.derived.daemons.coverages.get(name);
        if known.is_some_and(|coverage| coverage.rules.are_those_of(service)) {
            return;
        }
        let rules = self.coverage_rules(service, definition);
        let coverage = match self.derived.daemons.coverages.remove(name) {
            Some(coverage) => Coverage { rules, ..coverage },
            None => new_coverage(rules, name, &self.image),
        };
        self.derived.daemons.coverages.insert(name.clone(), coverage);
        let instances: Vec<InstanceId> = self.derived.instances.iter().copied().collect();
        for instance in instances {
            self.review(name, instance);
        }
    }

    fn coverage_rules(&mut self, service: &Service, definition: &TaskDefinitionId) -> Rules {
        let known = self.derived.definitions.get(definition);
        let (definition, demand) = (Arc::clone(&known.definition), known.demand.clone());
        let mut member_of = known.member_of.clone();
        let own = self.expressions.parse_constraints(&service.placement_constraints);
        member_of.extend(own.expect("parsed when the service was created or updated"));
        Rules {
            definition,
            constraints: service.placement_constraints.clone(),
            launch_type: service.launch_type,
            looks_at_tasks: member_of.iter().any(|expression| expression.looks_at_tasks()),
            member_of,
            demand,
        }
    }

    fn drop_coverage(&mut self, name: &ServiceName) {
        let Some(coverage) = self.derived.daemons.coverages.remove(name) else { return };
        let owner = name.shared();
        for instance in coverage.places.into_keys() {
            if let Some(idx) = self.derived.fleet.idx(instance)
                && self.derived.fleet.keep(idx, &owner, Demand::default())
            {
                self.work.capacity_changed();
            }
        }
    }

    /// An instance changed, or left the fleet: every daemon service judges it anew.
    pub(super) fn review_instance(&mut self, instance: InstanceId) {
        let names: Vec<ServiceName> = self.derived.daemons.coverages.keys().cloned().collect();
        for name in names {
            self.review(&name, instance);
        }
    }

    /// A task appeared or went on: its own service if that is a daemon, and those that wait for other tasks to go.
    pub(super) fn review_place_of(&mut self, task: &Task) {
        let Some(instance) = task.instance.filter(|_| !self.derived.daemons.coverages.is_empty()) else { return };
        let own = |name: &ServiceName| task.service.as_ref() == Some(name);
        let mut names = Vec::new();
        for (name, coverage) in &mut self.derived.daemons.coverages {
            if own(name) {
                coverage.follow(task);
            }
            if own(name) || coverage.minds(task) {
                names.push(name.clone());
            }
        }
        for name in names {
            self.review(&name, instance);
        }
    }

    /// Where a service stands on an instance, and the room kept there for it.
    fn review(&mut self, name: &ServiceName, instance: InstanceId) {
        let ClusterCore { derived: Derived { daemons, fleet, .. }, image, work, .. } = self;
        let Some(coverage) = daemons.coverages.get_mut(name) else { return };
        let idx = fleet.idx(instance);
        let stand = match idx {
            Some(idx) => stand(coverage, instance, idx, fleet, image),
            None => Stand::Outside,
        };
        if coverage.file(instance, stand) {
            work.mark(name);
        }
        let Some(idx) = idx else { return };
        let room =
            if stand.is_eligible() { missing_room(coverage, instance, idx, fleet, image) } else { Demand::default() };
        if fleet.keep(idx, &name.shared(), room) {
            work.capacity_changed();
        }
    }

    /// A task for the instance was refused.
    pub(super) fn note_refusal(&mut self, name: &ServiceName, instance: InstanceId, reason: Reason) {
        if let Some(coverage) = self.derived.daemons.coverages.get_mut(name) {
            coverage.file(instance, Stand::Refused(reason));
        }
    }
}

fn new_coverage(rules: Rules, name: &ServiceName, image: &Image) -> Coverage {
    let mut coverage = Coverage {
        rules,
        places: BTreeMap::new(),
        eligible: 0,
        lingering: 0,
        vacant: BTreeSet::new(),
        leaving: BTreeSet::new(),
        refused: BTreeSet::new(),
    };
    image.tasks_of_service(name).filter(|task| !task.is_stopped()).for_each(|task| coverage.follow(task));
    coverage
}

fn stand(coverage: &Coverage, instance: InstanceId, idx: InstanceIdx, fleet: &Fleet, image: &Image) -> Stand {
    let place = coverage.places.get(&instance);
    let live = place.is_some_and(|place| place.live().next().is_some());
    let terms = coverage.rules.terms();
    // Where one is live the instance stays covered until it is another kind of instance, connected or not (D-7).
    let eligible = if live { fleet.still_suits(idx, &terms) } else { fleet.suits(idx, &terms) };
    match (eligible, live) {
        (true, _) if place.is_some_and(|place| !place.tasks.is_empty()) => Stand::Covered,
        (true, _) => Stand::Vacant,
        (false, true) if is_in_use(coverage, instance, idx, fleet, image) => Stand::Lingering,
        (false, true) => Stand::Leaving,
        (false, false) => Stand::Outside,
    }
}

/// Whether a daemon on a DRAINING instance still serves tasks of other services there. One that is PENDING serves
/// nobody (DEP-30).
fn is_in_use(coverage: &Coverage, instance: InstanceId, idx: InstanceIdx, fleet: &Fleet, image: &Image) -> bool {
    let is_draining = image.instances.get(&instance).is_some_and(|row| row.status == InstanceStatus::Draining);
    let place = coverage.places.get(&instance);
    let serves = place.is_some_and(|place| place.tasks.values().any(|liveness| *liveness == Liveness::Live));
    let is_replica = |group: &str| {
        let service = group.strip_prefix("service:").and_then(|name| ServiceName::parse(name).ok());
        let row = service.and_then(|name| image.services.get(&name));
        row.is_some_and(|row| row.scheduling_strategy == SchedulingStrategy::Replica)
    };
    is_draining && serves && fleet.groups_on(idx).any(is_replica)
}

/// What its next task will need beyond what its task of before holds until it is STOPPED. Nothing where not even an
/// empty instance would do.
fn missing_room(coverage: &Coverage, instance: InstanceId, idx: InstanceIdx, fleet: &Fleet, image: &Image) -> Demand {
    let demand = &coverage.rules.demand;
    if !fleet.is_large_enough(idx, demand) {
        return Demand::default();
    }
    let tasks = coverage.places.get(&instance).into_iter().flat_map(|place| place.tasks.keys());
    demand.beyond(tasks.filter_map(|task| image.tasks.get(task)).map(|task| &task.reserved))
}
