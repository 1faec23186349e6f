//! One container on the node: how far it got, and its row as reported.

use super::{AdoptedContainer, AdoptedState, Run};
use plimsoll_model::{Container, HealthStatus, NetworkBinding, TaskStatus, Timestamp};
use plimsoll_placement::mutant;
use std::sync::Arc;

/// The longest `reason` a container shows (TL-13).
const REASON_CHARS_MAX: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Not started. A container that an earlier agent only created is here too.
    Waiting,
    /// The runtime was asked to start it.
    Starting,
    Running,
    /// It exited, failed, or will never start.
    Ended,
}

#[derive(Debug)]
pub(super) struct NodeContainer {
    /// Position in the definition. Those of an adopted task may have gaps until its definition comes.
    pub index: usize,
    pub row: Container,
    pub stage: Stage,
    /// It was RUNNING at some time.
    pub ran: bool,
    /// The run it is in, or was in last.
    pub run: Run,
    /// When that run began, while it lasts.
    pub running_since: Option<Timestamp>,
    /// How long the run lasted that is over.
    pub ran_ms: u64,
    /// When its start was asked for, or when it was adopted.
    pub started_at: Option<Timestamp>,
    /// When the start counts as failed. Absent while its image is pulled.
    pub start_deadline: Option<Timestamp>,
    pub pull_stopped: bool,
    /// When to ask for its stop again.
    pub stop_again_at: Option<Timestamp>,
    /// Why it could not be started.
    pub failure: Option<Arc<str>>,
}

impl NodeContainer {
    pub fn waiting(index: usize, name: Arc<str>) -> Self {
        NodeContainer {
            index,
            row: Container::pending(name),
            stage: Stage::Waiting,
            ran: false,
            run: 0,
            running_since: None,
            ran_ms: 0,
            started_at: None,
            start_deadline: None,
            pull_stopped: false,
            stop_again_at: None,
            failure: None,
        }
    }

    pub fn adopted(found: AdoptedContainer, now: Timestamp) -> Self {
        let mut container = NodeContainer::waiting(found.index, found.name);
        container.row.bindings = found.bindings;
        container.row.image_digest = found.image_digest;
        container.row.runtime_id = Some(found.runtime_id);
        container.started_at = Some(now);
        match found.state {
            AdoptedState::Created => {}
            AdoptedState::Running => container.run(now.minus_millis(found.ran_ms)),
            AdoptedState::Exited { exit_code, reason } => {
                container.run(now.minus_millis(found.ran_ms));
                container.end(now, mutant!(ForgetsExitCodes => None, exit_code), reason);
            }
        }
        container
    }

    /// It ran when somebody last looked, and nothing is left of it.
    pub fn missing(index: usize, name: Arc<str>, now: Timestamp) -> Self {
        let mut container = NodeContainer::waiting(index, name);
        container.run(now);
        container.end(now, None, Some("container missing: it was removed from the machine".into()));
        container
    }

    pub fn is_alive(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::Running)
    }

    pub fn is_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    pub fn starting(&mut self, now: Timestamp, timeout_ms: u64) {
        self.stage = Stage::Starting;
        self.started_at = Some(now);
        self.start_deadline = Some(now.plus_millis(timeout_ms));
    }

    /// Goes on as RUNNING, as ECS shows it: for the task as a whole nothing has ended (TD-50). The runtime bounds the
    /// start by itself; `startTimeout` is about the first one.
    pub fn starting_again(&mut self) {
        self.stage = Stage::Starting;
        self.run += 1;
        self.row.restart_count = self.row.restart_count.saturating_add(1);
        self.row.last_status = TaskStatus::Running;
        self.row.exit_code = None;
        self.row.reason = None;
        self.row.health = HealthStatus::Unknown;
    }

    pub fn started(
        &mut self,
        now: Timestamp,
        runtime_id: Arc<str>,
        bindings: Vec<NetworkBinding>,
        image_digest: Option<Arc<str>>,
    ) {
        self.row.runtime_id = Some(runtime_id);
        self.row.bindings = bindings;
        if image_digest.is_some() {
            self.row.image_digest = image_digest;
        }
        self.run(now);
    }

    fn run(&mut self, since: Timestamp) {
        self.stage = Stage::Running;
        self.ran = true;
        self.running_since = Some(since);
        self.start_deadline = None;
        self.row.last_status = TaskStatus::Running;
    }

    pub fn end(&mut self, now: Timestamp, exit_code: Option<i32>, reason: Option<Arc<str>>) {
        self.stage = Stage::Ended;
        self.ran_ms = self.running_since.take().map_or(0, |since| now.millis_since(since));
        self.start_deadline = None;
        self.stop_again_at = None;
        self.row.last_status = TaskStatus::Stopped;
        self.row.exit_code = exit_code;
        self.row.reason = reason.map(shortened);
        if self.row.health == HealthStatus::Healthy {
            self.row.health = HealthStatus::Unknown;
        }
    }
}

fn shortened(reason: Arc<str>) -> Arc<str> {
    match reason.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => reason[..end].into(),
        None => reason,
    }
}
