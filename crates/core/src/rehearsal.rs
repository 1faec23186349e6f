//! What a command would do to a service, found by doing it to a copy (`plan`).
//!
//! The copy is a real [`ClusterCore`] loaded from the cluster's rows, with nodes that start and stop everything at once.
//! So a rehearsal takes the same decisions as production would, and shows the order in which they are taken. It tells
//! how the scheduler moves, not how long images take to pull or whether they start: every start succeeds.
//!
//! What is under way when it begins is finished first and not shown. Nothing outside the copy changes.

mod prompt_node;

use crate::cluster::{ConnectionId, RequestId};
use crate::{ClusterConfig, ClusterCore, Command, CommandError, Effect, Input, LoadError, Outbox};
use plimsoll_model::{
    Change, DeploymentId, DeploymentStatus, DesiredStatus, Image, InstanceId, InstanceStatus, RolloutState, Service,
    ServiceName, ServiceStatus, StabilityStatus, Task, TaskDefinitionId, TaskId, Timestamp,
};
use prompt_node::PromptNode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// As long as a rehearsal looks ahead: longer than any back-off, shorter than the reminders of what lasts.
const HORIZON_MS: u64 = 3_600_000;
/// A service of a million tasks that is replaced a per cent at a time takes a few hundred.
const STEPS_MAX: usize = 10_000;

#[derive(Clone, PartialEq, Debug)]
pub struct Rehearsal {
    pub steps: Vec<Step>,
    pub outcome: Outcome,
}

/// What the scheduler decides at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Step {
    /// Milliseconds of waiting since the command: back-offs, healthy times. Starts and stops take none.
    pub at_ms: u64,
    pub started: Vec<Move>,
    pub stopped: Vec<Move>,
    /// Messages of service events, in order.
    pub events: Vec<Arc<str>>,
    /// Of every deployment or task set with tasks to have or to lose, as they are after this step.
    pub deployments: Vec<Standing>,
}

/// A task and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    pub task: TaskId,
    pub definition: TaskDefinitionId,
    pub instance: InstanceId,
    /// Why it stops; empty for a start.
    pub reason: Arc<str>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub deployment: DeploymentId,
    pub status: DeploymentStatus,
    pub definition: TaskDefinitionId,
    pub desired: u32,
    pub running: u32,
    pub pending: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The service has what it asks for, and nothing else.
    Steady,
    /// Nothing moves any more and something is missing; the last events say what.
    Blocked,
    /// Still moving after [`STEPS_MAX`] steps.
    Unfinished,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Refused(#[from] CommandError),
}

/// Takes time and memory in proportion to the cluster.
pub fn rehearse(
    config: ClusterConfig,
    image: Image,
    now: Timestamp,
    service: &ServiceName,
    command: Command,
) -> Result<Rehearsal, RehearsalError> {
    let mut stage = Stage::load(config, image, now, service)?;
    stage.finish_what_is_under_way();
    stage.command(command)?;
    let outcome = stage.play();
    Ok(Rehearsal { steps: stage.steps, outcome })
}

struct Stage<'a> {
    core: ClusterCore,
    now: Timestamp,
    began: Timestamp,
    service: &'a ServiceName,
    nodes: BTreeMap<ConnectionId, PromptNode>,
    live: BTreeSet<TaskId>,
    step: Step,
    steps: Vec<Step>,
}

impl<'a> Stage<'a> {
    /// Every node that is connected says hello with the tasks it has.
    fn load(
        config: ClusterConfig,
        image: Image,
        now: Timestamp,
        service: &'a ServiceName,
    ) -> Result<Self, RehearsalError> {
        let connected = image
            .instances
            .values()
            .filter(|row| row.agent_connected && row.status != InstanceStatus::Inactive)
            .map(|row| PromptNode::new(&image, row));
        let nodes = connected.zip(1..).map(|(node, number)| (ConnectionId(number), node)).collect();
        let core = ClusterCore::load(config, image, now, &mut Outbox::default())?;
        let (step, steps) = (Step::default(), Vec::new());
        Ok(Stage { core, now, began: now, service, nodes, live: BTreeSet::new(), step, steps })
    }

    fn finish_what_is_under_way(&mut self) {
        let hellos: Vec<_> = self.nodes.iter().map(|(connection, node)| (*connection, node.hello())).collect();
        let mut out = Outbox::default();
        for (connection, message) in hellos {
            self.core.step(self.now, Input::Node { connection, message }, &mut out);
        }
        self.perform(out);
        while self.report() {}
        self.live = self.core.image().tasks_of_service(self.service).filter(|t| t.is_live()).map(|t| t.id).collect();
        self.step = Step::default();
    }

    fn command(&mut self, command: Command) -> Result<(), CommandError> {
        let mut out = Outbox::default();
        self.core.step(self.now, Input::Command { request: RequestId(0), command }, &mut out);
        out.replies.drain(..).try_for_each(|reply| reply.result.map(drop))?;
        self.perform(out);
        self.end_step();
        Ok(())
    }

    fn play(&mut self) -> Outcome {
        while self.steps.len() < STEPS_MAX {
            if self.report() {
                self.end_step();
                continue;
            }
            if is_steady(self.core.image(), self.service) {
                return Outcome::Steady;
            }
            let horizon = self.began.plus_millis(HORIZON_MS);
            match self.core.next_wakeup().filter(|at| *at <= horizon) {
                Some(at) => self.now = self.now.max(at),
                None => return Outcome::Blocked,
            }
            self.perform(Outbox::default());
            self.end_step();
        }
        Outcome::Unfinished
    }

    /// All nodes tell what they have done; false if none has anything to tell.
    fn report(&mut self) -> bool {
        let mut out = Outbox::default();
        let mut told = false;
        for (connection, node) in &mut self.nodes {
            if let Some(message) = node.report() {
                told = true;
                self.core.step(self.now, Input::Node { connection: *connection, message }, &mut out);
            }
        }
        if told {
            self.perform(out);
        }
        told
    }

    /// Ends a batch as the shell does, notes what it decided, and tells the nodes.
    fn perform(&mut self, mut out: Outbox) {
        loop {
            self.core.step(self.now, Input::Reconcile, &mut out);
            out.changes.drain(..).for_each(|change| self.note(change));
            for effect in out.effects.drain(..) {
                if let Effect::Send { connection, message } = effect
                    && let Some(node) = self.nodes.get_mut(&connection)
                {
                    node.receive(&message);
                }
            }
            // What was more than one step may place goes on at once.
            if self.core.next_wakeup().is_none_or(|at| at > self.now) || self.steps.len() >= STEPS_MAX {
                return;
            }
            self.end_step();
        }
    }

    fn note(&mut self, change: Change) {
        match change {
            Change::TaskCreated(row) if row.service.as_ref() == Some(self.service) => {
                self.live.insert(row.id);
                self.step.started.extend(moved(&row, "".into()));
            }
            Change::TaskUpdated(row) if row.desired_status == DesiredStatus::Stopped && self.live.remove(&row.id) => {
                self.step.stopped.extend(moved(&row, row.stopped_reason.clone().unwrap_or_default()));
            }
            Change::Event(event) if event.service == *self.service => {
                self.step.events.push(Arc::clone(&event.message));
            }
            _ => {}
        }
    }

    fn end_step(&mut self) {
        let Step { started, stopped, events, .. } = &self.step;
        if started.is_empty() && stopped.is_empty() && events.is_empty() {
            return;
        }
        let step = std::mem::take(&mut self.step);
        let (at_ms, deployments) = (self.now.millis_since(self.began), standings(self.core.image(), self.service));
        self.steps.push(Step { at_ms, deployments, ..step });
    }
}

/// A service's task always has an instance.
fn moved(row: &Task, reason: Arc<str>) -> Option<Move> {
    let instance = row.instance?;
    Some(Move { task: row.id, definition: row.definition.clone(), instance, reason })
}

fn standings(image: &Image, service: &ServiceName) -> Vec<Standing> {
    let listed = image.deployments_of_service(service).filter(|row| row.status != DeploymentStatus::Inactive);
    let standing = |row: &Arc<plimsoll_model::Deployment>| {
        let counts = image.deployment_counts(row.id);
        Standing {
            deployment: row.id,
            status: row.status,
            definition: row.definition.clone(),
            desired: row.desired_count,
            running: counts.running,
            pending: counts.pending,
        }
    };
    listed.map(standing).collect()
}

fn is_steady(image: &Image, name: &ServiceName) -> bool {
    let Some(service) = image.services.get(name) else { return true };
    match service.status {
        ServiceStatus::Inactive => true,
        ServiceStatus::Draining => false,
        ServiceStatus::Active => has_what_it_wants(image, service),
    }
}

fn has_what_it_wants(image: &Image, service: &Service) -> bool {
    let mut listed =
        image.deployments_of_service(&service.name).filter(|row| row.status != DeploymentStatus::Inactive).peekable();
    listed.all(|row| {
        let counts = image.deployment_counts(row.id);
        let is_done = match &row.task_set {
            Some(set) => set.stability == StabilityStatus::SteadyState && row.status != DeploymentStatus::Draining,
            None => row.status == DeploymentStatus::Primary && row.rollout_state == RolloutState::Completed,
        };
        is_done && counts.running == row.desired_count && counts.not_stopped == row.desired_count
    })
}
