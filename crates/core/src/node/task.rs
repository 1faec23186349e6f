//! One task on the node: from assignment to the end of its last container. Knows nothing of sessions.
//!
//! Runtime events change containers here; `drive` then draws every conclusion, so that the order in which events came
//! does not matter.

use super::container::{NodeContainer, Stage};
use super::order::StartOrder;
use super::{Action, AdoptedContainer, ContainerRef, LaunchSpec, NodeConfig, Run, RuntimeEvent};
use crate::protocol::{Assignment, StopCause, TaskReport};
use plimsoll_model::{Container, ContainerSpec, HealthStatus, Reserved, TaskDefinition, TaskId, TaskStatus, Timestamp};
use std::sync::Arc;

/// Whose task it is, as far as the node knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ownership {
    /// Found at start; the next welcome tells.
    Adopted,
    Assigned,
    /// The control plane does not want it and expects no report of it.
    Disowned,
}

#[derive(Debug)]
pub(super) struct NodeTask {
    pub id: TaskId,
    pub ownership: Ownership,
    /// Absent for an adopted task until the control plane names its definition, and for one that only has to stop.
    pub spec: Option<Arc<LaunchSpec>>,
    pub reserved: Reserved,
    pub order: Option<Box<StartOrder>>,
    /// Sorted by index.
    pub containers: Vec<NodeContainer>,
    pub status: TaskStatus,
    pub stop: Option<StopCause>,
    /// False while it waits for the resources of tasks that are still stopping (D-6, I-3).
    pub admitted: bool,
    pull_started_at: Option<Timestamp>,
    pull_stopped_at: Option<Timestamp>,
    pub execution_stopped_at: Option<Timestamp>,
    /// Something to report happened since the last look.
    pub changed: bool,
    /// What was last reported is committed.
    pub acknowledged: bool,
    pub ended_at: Option<Timestamp>,
    /// Nothing is left of it on the machine.
    pub removed: bool,
    pub remove_again_at: Option<Timestamp>,
    /// Its entry among the node's timers.
    pub timer: Option<Timestamp>,
}

impl NodeTask {
    fn new(id: TaskId, ownership: Ownership) -> Self {
        NodeTask {
            id,
            ownership,
            spec: None,
            reserved: Reserved::default(),
            order: None,
            containers: Vec::new(),
            status: TaskStatus::Pending,
            stop: None,
            admitted: false,
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
            changed: true,
            acknowledged: false,
            ended_at: None,
            removed: false,
            remove_again_at: None,
            timer: None,
        }
    }

    /// Found by label. What it is part of comes with the next welcome.
    pub fn adopted(id: TaskId) -> Self {
        let mut task = NodeTask::new(id, Ownership::Adopted);
        task.changed = false;
        task.admitted = true;
        task
    }

    pub fn adopt(&mut self, found: AdoptedContainer, now: Timestamp) {
        match self.containers.binary_search_by_key(&found.index, |container| container.index) {
            // Two containers of one position: an earlier agent died between removing and creating. The living one is it.
            Ok(at) if !self.containers[at].is_alive() => self.containers[at] = NodeContainer::adopted(found, now),
            Ok(_) => {}
            Err(at) => self.containers.insert(at, NodeContainer::adopted(found, now)),
        }
    }

    /// Told to stop, of a task nothing is known of: it is STOPPED at once and stays so (I-20).
    pub fn unknown_to_stop(id: TaskId) -> Self {
        let mut task = NodeTask::new(id, Ownership::Assigned);
        task.stop = Some(StopCause::Requested);
        task
    }

    pub fn assigned(now: Timestamp, assignment: &Assignment, cluster: &Arc<str>) -> Self {
        let mut task = NodeTask::new(assignment.task, Ownership::Assigned);
        task.define(now, assignment, cluster);
        task
    }

    /// Learns what the task consists of. Containers that must have been there and are not have ended.
    pub fn define(&mut self, now: Timestamp, assignment: &Assignment, cluster: &Arc<str>) {
        self.changed |= self.ownership != Ownership::Assigned;
        self.ownership = Ownership::Assigned;
        if self.spec.is_some() {
            return;
        }
        let ran_before = assignment.last_status >= TaskStatus::Running;
        let definition = &assignment.definition;
        let mut found = std::mem::take(&mut self.containers);
        self.containers = definition
            .containers
            .iter()
            .enumerate()
            .map(|(index, spec)| {
                let at = found.iter().position(|container| container.index == index);
                match at.map(|at| found.remove(at)) {
                    Some(container) => container,
                    None if ran_before => NodeContainer::missing(index, Arc::clone(&spec.name), now),
                    None => NodeContainer::waiting(index, Arc::clone(&spec.name)),
                }
            })
            .collect();
        for (container, known) in self.containers.iter_mut().zip(&assignment.restart_counts) {
            container.row.restart_count = *known;
        }
        self.share_out_gpus(definition, &assignment.reserved);
        match StartOrder::of(definition) {
            Ok(order) => self.order = order.map(Box::new),
            Err(cycle) => self.stop_because(StopCause::FailedToStart {
                reason: format!("CannotStartContainerError: {cycle}").into(),
            }),
        }
        if ran_before && assignment.last_status < TaskStatus::Stopped {
            self.status = TaskStatus::Running;
        }
        self.reserved = assignment.reserved.clone();
        self.spec = Some(Arc::new(LaunchSpec {
            task: self.id,
            cluster: Arc::clone(cluster),
            group: Arc::clone(&assignment.group),
            definition: Arc::clone(definition),
            overrides: assignment.overrides.clone(),
            gpus: assignment.reserved.gpus.clone(),
        }));
        self.changed = true;
    }

    /// Whole GPUs go to containers in the order of the definition (RES-4).
    fn share_out_gpus(&mut self, definition: &TaskDefinition, reserved: &Reserved) {
        let mut free = reserved.gpus.iter();
        for (container, spec) in self.containers.iter_mut().zip(&definition.containers) {
            container.row.gpus = free.by_ref().take(spec.gpus as usize).cloned().collect();
        }
    }

    /// The first cause stays; nothing of the task starts after it (I-20).
    pub fn stop_because(&mut self, cause: StopCause) {
        if self.stop.is_none() {
            self.stop = Some(cause);
            self.changed = true;
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.status == TaskStatus::Stopped
    }

    /// Waiting for resources; see [`NodeTask::admitted`].
    pub fn is_queued(&self) -> bool {
        !self.admitted && self.stop.is_none()
    }

    /// The control plane needs nothing more of it.
    pub fn is_settled(&self) -> bool {
        self.is_stopped() && (self.acknowledged || self.ownership == Ownership::Disowned)
    }

    pub fn observe(&mut self, now: Timestamp, event: RuntimeEvent, config: &NodeConfig, actions: &mut Vec<Action>) {
        match event {
            RuntimeEvent::PullStarted(at) => self.pull_started(now, at.index),
            RuntimeEvent::PullStopped(at) => self.pull_stopped(now, at.index, config),
            RuntimeEvent::Started { container: at, run, runtime_id, bindings, image_digest } => {
                let Some(container) = self.container_mut(at.index).filter(|container| container.run == run) else {
                    return;
                };
                match container.stage {
                    Stage::Waiting | Stage::Starting => {
                        container.started(now, runtime_id, bindings, image_digest);
                        // A stop may have overtaken the start: it is asked for again at once.
                        container.stop_again_at = None;
                        self.changed = true;
                    }
                    Stage::Running => {}
                    // The same container's report came late, or it started against the stop: the second must end.
                    Stage::Ended if container.row.runtime_id.as_ref() == Some(&runtime_id) => {}
                    Stage::Ended => actions.push(self.stop_action(at.index, config)),
                }
            }
            RuntimeEvent::Failed { container: at, reason } => {
                let Some(container) = self.container_mut(at.index) else { return };
                if container.stage == Stage::Starting {
                    // One that ran before and does not start again has ended; the task did not fail to start.
                    container.failure = (!container.ran).then(|| Arc::clone(&reason));
                    container.end(now, None, Some(reason));
                    self.changed = true;
                }
            }
            RuntimeEvent::Exited { container: at, run, exit_code, reason } => {
                self.exited(now, at.index, run, exit_code, reason);
            }
            RuntimeEvent::Health { container: at, health } => self.health(at.index, health),
            RuntimeEvent::Removed { .. } => self.all_gone(now),
            RuntimeEvent::Adopted(_) => {}
        }
    }

    fn pull_started(&mut self, now: Timestamp, index: usize) {
        let Some(container) = self.container_mut(index) else { return };
        if container.stage != Stage::Starting || container.pull_stopped {
            return;
        }
        container.start_deadline = None;
        if self.pull_started_at.is_none() {
            self.pull_started_at = Some(now);
            self.changed = true;
        }
    }

    fn pull_stopped(&mut self, now: Timestamp, index: usize, config: &NodeConfig) {
        let timeout_ms = self.start_timeout_ms(index, config);
        let Some(container) = self.container_mut(index) else { return };
        if container.stage != Stage::Starting || container.pull_stopped {
            return;
        }
        container.pull_stopped = true;
        container.start_deadline = Some(now.plus_millis(timeout_ms));
        self.pull_stopped_at = Some(now);
        self.changed = true;
    }

    fn exited(&mut self, now: Timestamp, index: usize, run: Run, exit_code: Option<i32>, reason: Option<Arc<str>>) {
        let asked_to_stop = self.stop.is_some();
        let Some(container) = self.container_mut(index).filter(|container| container.run == run) else { return };
        match container.stage {
            Stage::Ended => return,
            Stage::Running => {}
            // It ran, however short: `Started` is late or was never sent. Under a stop it may as well never have run.
            Stage::Waiting | Stage::Starting => container.ran |= !asked_to_stop || exit_code.is_some(),
        }
        container.end(now, exit_code, reason);
        self.changed = true;
    }

    fn health(&mut self, index: usize, health: HealthStatus) {
        if self.container_spec(index).is_some_and(|spec| spec.health_check.is_none()) {
            return;
        }
        let Some(container) = self.container_mut(index) else { return };
        // The engine's event may come before the answer to the start.
        if container.is_alive() && container.row.health != health {
            container.row.health = health;
            self.changed = true;
        }
    }

    /// Nothing is left on the machine. Before the end that is an exit nobody saw (F-21).
    fn all_gone(&mut self, now: Timestamp) {
        for container in self.containers.iter_mut().filter(|container| container.is_alive()) {
            container.end(now, None, Some("container missing: it was removed from the machine".into()));
            self.changed = true;
        }
        self.removed = true;
    }

    /// An exit of a container whose definition is still to come is not told: it may have to start again (TD-50).
    pub fn report(&self) -> TaskReport {
        let undecided = |container: &&NodeContainer| self.spec.is_none() && self.stop.is_none() && container.is_ended();
        let told = self.containers.iter().filter(|container| !undecided(container));
        TaskReport {
            task: self.id,
            status: self.status,
            containers: told.map(|container| container.row.clone()).collect::<Vec<Container>>(),
            stop: self.stop.clone(),
            pull_started_at: self.pull_started_at,
            pull_stopped_at: self.pull_stopped_at,
            execution_stopped_at: self.execution_stopped_at,
        }
    }

    pub fn stop_action(&self, index: usize, config: &NodeConfig) -> Action {
        let grace_ms = self.stop_timeout_ms(index, config);
        Action::Stop { container: ContainerRef { task: self.id, index }, grace_ms }
    }

    fn container_mut(&mut self, index: usize) -> Option<&mut NodeContainer> {
        self.containers.iter_mut().find(|container| container.index == index)
    }

    pub fn container_spec(&self, index: usize) -> Option<&ContainerSpec> {
        self.spec.as_ref().and_then(|spec| spec.definition.containers.get(index))
    }

    pub fn start_timeout_ms(&self, index: usize, config: &NodeConfig) -> u64 {
        let own = self.container_spec(index).and_then(|spec| spec.start_timeout);
        own.map_or(config.start_timeout_ms, |seconds| u64::from(seconds) * 1000)
    }

    pub fn stop_timeout_ms(&self, index: usize, config: &NodeConfig) -> u64 {
        let own = self.container_spec(index).and_then(|spec| spec.stop_timeout);
        own.map_or(config.stop_timeout_ms, |seconds| u64::from(seconds) * 1000)
    }
}
