//! The same requests, placed by another policy, beside what the log says became of them.
//!
//! Tasks live as long as in the log, wherever they are. Of tasks the log placed without asking (StartTask, daemons) the
//! other side keeps the place where it has room. A task that finds none on the other side is not there until it ends; one
//! that only the other side would have placed is counted and not placed, since nobody knows how long it would have lived.

use super::read::{Line, Lines};
use super::tally::Tally;
use super::{Replica, request};
use crate::read::ReadError;
use plimsoll_model::{InstanceId, Reserved, TaskId};
use plimsoll_placement::journal::{Asked, Event};
use plimsoll_placement::policy::PolicySpec;
use plimsoll_placement::{Demand, Request, TaskWasLive};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
pub struct Other {
    policy: PolicySpec,
    clusters: BTreeMap<Arc<str>, Side>,
    logged: Counts,
    other: Counts,
    elsewhere: u64,
    pub requests: u64,
    /// Clusters of which events were lost: nothing is followed until a scheduler begins again.
    lost: BTreeSet<Arc<str>>,
    pub lost_events: u64,
    pub full: bool,
}

/// Group and capacity provider.
type Askers = (Arc<str>, Option<Arc<str>>);

/// The other side of one cluster.
#[derive(Debug, Default)]
struct Side {
    replica: Replica,
    /// All that have joined.
    instances: BTreeSet<InstanceId>,
    /// Places that were chosen and not taken yet, by group and capacity provider.
    chosen: BTreeMap<Askers, VecDeque<Chosen>>,
    /// By task: where it is here; `None` where it has no place.
    places: BTreeMap<TaskId, Option<Place>>,
    /// By task: where it was before another scheduler began.
    before: BTreeMap<TaskId, Option<Place>>,
}

/// What the log and the other side chose for one task.
#[derive(Debug)]
struct Chosen {
    logged: InstanceId,
    other: Option<Place>,
}

#[derive(Clone, PartialEq, Debug)]
struct Place {
    instance: InstanceId,
    reserved: Reserved,
}

#[derive(Clone, Debug, Default)]
struct Counts {
    tasks: u64,
    refused: u64,
    tally: Tally,
}

/// One line of the comparison.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub what: &'static str,
    pub logged: String,
    pub other: String,
}

impl Other {
    pub fn new(policy: PolicySpec) -> Self {
        let (logged, other) = (Counts::default(), Counts::default());
        let clusters = BTreeMap::new();
        let lost = BTreeSet::new();
        Other { policy, clusters, logged, other, elsewhere: 0, requests: 0, lost, lost_events: 0, full: false }
    }

    pub fn take(&mut self, lines: &Lines, line: Line) -> Result<(), ReadError> {
        let Line { at, cluster, event } = line;
        match event {
            Event::Lost { events } => {
                self.lost_events += events;
                self.lost.insert(cluster);
            }
            Event::Full => self.full = true,
            event if self.lost.contains(&cluster) && !matches!(event, Event::Begins { .. }) => {}
            event => {
                self.lost.remove(&cluster);
                self.logged.tally.until(at);
                self.other.tally.until(at);
                self.event(cluster, event).map_err(|problem| lines.error(problem))?;
            }
        }
        Ok(())
    }

    fn event(&mut self, cluster: Arc<str>, event: Event) -> Result<(), String> {
        let side = self.clusters.entry(cluster).or_default();
        match event {
            Event::Begins { seed, stream } => {
                for (task, place) in std::mem::take(&mut side.places) {
                    if let Some(place) = &place {
                        self.other.tally.release(place.instance, amounts(&place.reserved));
                    }
                    side.before.insert(task, place);
                }
                side.chosen.clear();
                side.replica.begins(seed, stream);
                side.replica.fleet.rule_by(Some(self.policy.clone()));
                // The log places again what is there.
                let instances = std::mem::take(&mut side.instances);
                self.logged.tally.forget_tasks(|id| instances.contains(&id));
            }
            // It would take the place of the policy that is tried.
            Event::Policy { .. } => {}
            Event::Instance(spec) => {
                let capacity = [spec.resources.cpu_units.into(), spec.resources.memory_mib.into()];
                self.logged.tally.host(spec.instance, capacity);
                self.other.tally.host(spec.instance, capacity);
                side.instances.insert(spec.instance);
                side.replica.apply(Event::Instance(spec))?;
            }
            Event::InstanceLeaves { instance } => {
                let here =
                    side.places.values_mut().filter(|place| place.as_ref().is_some_and(|one| one.instance == instance));
                for place in here {
                    if let Some(gone) = place.take() {
                        self.other.tally.release(instance, amounts(&gone.reserved));
                    }
                }
                side.replica.apply(Event::InstanceLeaves { instance })?;
            }
            Event::Asked(asked) => {
                self.requests += 1;
                let found = side.ask(&asked)?;
                self.logged.count(&asked, asked.placed.len());
                self.other.count(&asked, found);
            }
            Event::TaskPlaced { task, instance, group, reserved } => {
                self.logged.tally.place(instance, amounts(&reserved));
                let is_new = !side.before.contains_key(&task);
                let place = side.place(task, instance, &group, &reserved)?;
                let is_elsewhere = place.as_ref().is_some_and(|place| place.instance != instance);
                self.elsewhere += u64::from(is_new && is_elsewhere);
                if let Some(place) = &place {
                    self.other.tally.place(place.instance, amounts(&place.reserved));
                }
                side.places.insert(task, place);
            }
            Event::TaskStopping { task, group, .. } => side.stopping(task, &group),
            Event::TaskGone { task, instance, group, reserved, was_live } => {
                self.logged.tally.release(instance, amounts(&reserved));
                if let Some(place) = side.gone(task, &group, was_live) {
                    self.other.tally.release(place.instance, amounts(&place.reserved));
                }
            }
            other => side.replica.apply(other)?,
        }
        Ok(())
    }

    /// Tasks that are elsewhere than in the log.
    pub fn elsewhere(&self) -> u64 {
        self.elsewhere
    }

    pub fn rows(&self) -> Vec<Row> {
        let row = |what, of: fn(&Counts) -> String| Row { what, logged: of(&self.logged), other: of(&self.other) };
        vec![
            row("tasks placed on request", |one| one.tasks.to_string()),
            row("tasks refused, each time they were asked for", |one| one.refused.to_string()),
            row("hosts used, mean over time", |one| format!("{:.2}", one.tally.mean_used())),
            row("hosts used, at most", |one| one.tally.most_used.to_string()),
            row("hosts used, at the end", |one| one.tally.used().to_string()),
            row("CPU allocated on hosts used, mean", |one| percent(one.tally.mean_shares()[0])),
            row("memory allocated on hosts used, mean", |one| percent(one.tally.mean_shares()[1])),
        ]
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn amounts(reserved: &Reserved) -> [u64; 2] {
    [reserved.cpu_units.into(), reserved.memory_mib.into()]
}

impl Counts {
    fn count(&mut self, asked: &Asked, placed: usize) {
        self.tasks += placed as u64;
        self.refused += u64::from(asked.count) - (placed as u64).min(asked.count.into());
    }
}

impl Side {
    /// Asks the policy, whatever strategies the request had, and remembers what it chose; how many find a place.
    fn ask(&mut self, asked: &Asked) -> Result<usize, String> {
        let member_of = self.replica.expressions(asked)?;
        let mut rng = self.replica.rng_at(asked.drawn).ok_or(super::same::NOT_BEGUN)?;
        let fleet = &mut self.replica.fleet;
        let group = fleet.group(&asked.group);
        let request = Request { strategies: &[], ..request(asked, &member_of, group) };
        let plan = fleet.plan(&request, asked.count as usize, &mut rng);
        fleet.release_group(group);
        let found = plan.placed.len();
        let mut placed = plan.placed.into_iter();
        let chosen = asked.placed.iter().map(|logged| {
            let place = placed.next();
            let other = place.map(|(idx, reserved)| Place { instance: fleet.instance(idx), reserved });
            Chosen { logged: *logged, other }
        });
        let chosen = chosen.collect();
        // What was chosen before and not taken will not be: a rebalancing that was not worth it.
        self.chosen.insert((Arc::clone(&asked.group), asked.capacity_provider.clone()), chosen);
        Ok(found)
    }

    fn place(
        &mut self,
        task: TaskId,
        logged: InstanceId,
        group: &Arc<str>,
        reserved: &Reserved,
    ) -> Result<Option<Place>, String> {
        let place = match self.take_chosen(logged, group) {
            Some(chosen) => chosen.other,
            None => match self.before.remove(&task) {
                Some(before) => before,
                None => self.room_for(logged, group, reserved)?,
            },
        };
        let fleet = &mut self.replica.fleet;
        let place =
            place.filter(|place| fleet.idx(place.instance).is_some_and(|idx| fleet.can_hold(idx, &place.reserved)));
        if let Some(place) = &place
            && let Some(idx) = fleet.idx(place.instance)
        {
            let group = fleet.group(group);
            fleet.add_task(idx, group, &place.reserved);
        }
        Ok(place)
    }

    fn take_chosen(&mut self, logged: InstanceId, group: &Arc<str>) -> Option<Chosen> {
        let of_group = self.chosen.iter_mut().filter(|((of, _), _)| of == group);
        of_group
            .filter_map(|(_, chosen)| {
                let at = chosen.iter().position(|one| one.logged == logged)?;
                chosen.remove(at)
            })
            .next()
    }

    /// The place the log has, where there is room for the task here.
    fn room_for(
        &mut self,
        instance: InstanceId,
        group: &Arc<str>,
        reserved: &Reserved,
    ) -> Result<Option<Place>, String> {
        let idx = self.replica.idx(instance)?;
        let demand = Demand {
            cpu_units: reserved.cpu_units,
            memory_mib: reserved.memory_mib,
            ports: reserved.ports.clone(),
            gpus: u32::try_from(reserved.gpus.len()).unwrap_or(u32::MAX),
        };
        let fleet = &mut self.replica.fleet;
        let group = fleet.group(group);
        let request = Request {
            demand: &demand,
            required_attributes: &[],
            member_of: &[],
            distinct_instance: false,
            group,
            strategies: &[],
            external: fleet.is_external(idx),
            takes_kept_room: true,
            capacity_provider: None,
        };
        let checked = fleet.check(idx, &request);
        fleet.release_group(group);
        Ok(checked.ok().map(|reserved| Place { instance, reserved }))
    }

    fn stopping(&mut self, task: TaskId, group: &str) {
        let fleet = &mut self.replica.fleet;
        if let Some(Some(place)) = self.places.get(&task)
            && let (Some(idx), Some(group)) = (fleet.idx(place.instance), fleet.find_group(group))
            && fleet.live_tasks(idx, group) > 0
        {
            fleet.task_stopping(idx, group);
        }
    }

    fn gone(&mut self, task: TaskId, group: &str, was_live: bool) -> Option<Place> {
        let place = self.places.remove(&task).flatten()?;
        let fleet = &mut self.replica.fleet;
        let (idx, group) = (fleet.idx(place.instance)?, fleet.find_group(group)?);
        let was_live = if was_live { TaskWasLive::Yes } else { TaskWasLive::No };
        if fleet.holds(idx, group, &place.reserved, was_live) {
            fleet.remove_task(idx, group, &place.reserved, was_live);
            fleet.release_group(group);
        }
        Some(place)
    }
}
