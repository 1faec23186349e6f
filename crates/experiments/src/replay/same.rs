//! The same requests to the same fleets: each choice must be the one in the log.

use super::read::{Line, Lines};
use super::{Replica, request};
use crate::read::ReadError;
use plimsoll_model::InstanceId;
use plimsoll_placement::journal::{Asked, Event};
use plimsoll_placement::policy::PolicySpec;
use plimsoll_placement::{GroupIdx, InstanceIdx, TaskWasLive};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Repeats a log. Events are trusted to belong together only as far as they do: what does not is an error of its line.
#[derive(Debug, Default)]
pub struct Same {
    clusters: BTreeMap<Arc<str>, Replica>,
    /// Clusters of which events were lost; nothing is compared until a scheduler begins again.
    lost: BTreeSet<Arc<str>>,
    pub requests: u64,
    pub tasks: u64,
    /// Requests that were not compared, for what was lost before them.
    pub skipped: u64,
    pub lost_events: u64,
    pub full: bool,
    pub first: Option<Difference>,
    pub differences: u64,
}

/// A choice that is another than in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    pub line: u64,
    pub cluster: Arc<str>,
    pub group: Arc<str>,
    /// The task of the request, from 0, that went elsewhere.
    pub nth: usize,
    pub of: u32,
    /// `None` where no instance took it.
    pub logged: Option<InstanceId>,
    pub repeated: Option<InstanceId>,
}

impl Same {
    pub fn take(&mut self, lines: &Lines, line: Line) -> Result<(), ReadError> {
        let error = |problem: String| lines.error(problem);
        let Line { cluster, event, .. } = line;
        match &event {
            Event::Begins { .. } => _ = self.lost.remove(&cluster),
            Event::Lost { events } => {
                self.lost_events += events;
                self.lost.insert(cluster);
                return Ok(());
            }
            Event::Full => {
                self.full = true;
                return Ok(());
            }
            _ => {}
        }
        if self.lost.contains(&cluster) {
            self.skipped += u64::from(matches!(event, Event::Asked(_)));
            return Ok(());
        }
        let replica = self.clusters.entry(Arc::clone(&cluster)).or_default();
        if let Event::Asked(asked) = event {
            self.requests += 1;
            self.tasks += asked.placed.len() as u64;
            let placed = replica.ask(&asked).map_err(error)?;
            if placed != asked.placed {
                self.differences += 1;
                self.first.get_or_insert_with(|| difference(lines.number(), cluster, &asked, &placed));
            }
            return Ok(());
        }
        replica.apply(event).map_err(error)
    }
}

fn difference(line: u64, cluster: Arc<str>, asked: &Asked, repeated: &[InstanceId]) -> Difference {
    let at = |nth: usize| (asked.placed.get(nth).copied(), repeated.get(nth).copied());
    let nth = (0..).find(|nth| at(*nth).0 != at(*nth).1).expect("two lists that differ do so somewhere");
    let (logged, repeated) = at(nth);
    Difference { line, cluster, group: Arc::clone(&asked.group), nth, of: asked.count, logged, repeated }
}

impl Replica {
    /// Where the tasks of a request go by what the log says was in force.
    pub(super) fn ask(&mut self, asked: &Asked) -> Result<Vec<InstanceId>, String> {
        let member_of = self.expressions(asked)?;
        let mut rng = self.rng_at(asked.drawn).ok_or(NOT_BEGUN)?;
        let group = self.fleet.group(&asked.group);
        let plan = self.fleet.plan(&request(asked, &member_of, group), asked.count as usize, &mut rng);
        self.fleet.release_group(group);
        Ok(plan.placed.iter().map(|(idx, _)| self.fleet.instance(*idx)).collect())
    }

    /// A change of the fleet.
    pub(super) fn apply(&mut self, event: Event) -> Result<(), String> {
        if self.rng.is_none() && !matches!(event, Event::Begins { .. }) {
            return Err(NOT_BEGUN.to_owned());
        }
        match event {
            Event::Begins { seed, stream } => self.begins(seed, stream),
            Event::Instance(spec) => _ = self.fleet.put(spec),
            Event::InstanceLeaves { instance } => self.fleet.remove(instance),
            Event::TaskPlaced { instance, group, reserved, .. } => {
                let idx = self.idx(instance)?;
                let group = self.fleet.group(&group);
                if !self.fleet.can_hold(idx, &reserved) {
                    return Err(format!("expected ports and GPUs of instance {instance} that no task holds"));
                }
                self.fleet.add_task(idx, group, &reserved);
            }
            Event::TaskStopping { instance, group, .. } => {
                let (idx, group) = self.known(instance, &group)?;
                if self.fleet.live_tasks(idx, group) == 0 {
                    return Err(format!("expected a task on instance {instance} that is not stopping yet"));
                }
                self.fleet.task_stopping(idx, group);
            }
            Event::TaskGone { instance, group, reserved, was_live, .. } => {
                let (idx, group) = self.known(instance, &group)?;
                let was_live = if was_live { TaskWasLive::Yes } else { TaskWasLive::No };
                if !self.fleet.holds(idx, group, &reserved, was_live) {
                    return Err(format!("expected a task that holds all this on instance {instance}"));
                }
                self.fleet.remove_task(idx, group, &reserved, was_live);
                self.fleet.release_group(group);
            }
            Event::Running { instance, tasks } => {
                let idx = self.idx(instance)?;
                self.fleet.set_running(idx, tasks);
            }
            Event::Kept { instance, owner, room } => {
                let idx = self.idx(instance)?;
                self.fleet.keep(idx, &owner, room);
            }
            Event::Policy { policy } => {
                let policy = policy.map(|text| PolicySpec::parse(&text)).transpose();
                self.fleet.rule_by(policy.map_err(|error| error.to_string())?);
            }
            Event::Expected { tasks } => self.fleet.expect(tasks.iter().map(Into::into).collect()),
            Event::Asked(_) | Event::Lost { .. } | Event::Full => unreachable!("these change no fleet"),
        }
        Ok(())
    }

    pub(super) fn idx(&self, instance: InstanceId) -> Result<InstanceIdx, String> {
        self.fleet.idx(instance).ok_or_else(|| format!("expected an instance that has joined, not {instance}"))
    }

    fn known(&self, instance: InstanceId, group: &str) -> Result<(InstanceIdx, GroupIdx), String> {
        let group = self.fleet.find_group(group).ok_or_else(|| format!("expected a group with tasks, not {group}"))?;
        Ok((self.idx(instance)?, group))
    }
}

pub(super) const NOT_BEGUN: &str = "expected a line that begins the cluster before any other of it";
