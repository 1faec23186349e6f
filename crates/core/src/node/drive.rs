//! What follows for a task from the state of its containers: what starts, what stops, and the task's own status.

use super::container::{NodeContainer, Stage};
use super::task::NodeTask;
use super::{Action, ContainerRef, LaunchSpec, NodeConfig};
use crate::protocol::StopCause;
use plimsoll_model::{DependencyCondition, HealthStatus, TaskDefinition, TaskStatus, Timestamp};
use plimsoll_placement::mutant;
use std::sync::Arc;

/// Between the end of a stop's grace and asking again: the runtime needs a moment for SIGKILL to show (F-18).
const STOP_AGAIN_MS: u64 = 10_000;

/// Whether a container may start.
enum Readiness {
    Ready,
    /// Ask again at the instant, if there is one.
    NotYet(Option<Timestamp>),
    Never(Arc<str>),
}

impl NodeTask {
    /// Draws the conclusions from what is known: starts, stops, the task's own status. Returns when to look again.
    pub fn drive(&mut self, now: Timestamp, config: &NodeConfig, actions: &mut Vec<Action>) -> Option<Timestamp> {
        if self.is_stopped() {
            return None;
        }
        let mut wakeup = None;
        if let Some(spec) = self.spec.clone().filter(|_| self.stop.is_none()) {
            self.restart_ended(&spec, actions);
            if let Some(cause) = self.find_stop_cause(now, &spec.definition, config) {
                self.stop_because(cause);
            } else if self.admitted {
                wakeup = self.start_ready(now, &spec, config, actions);
            }
        }
        if self.stop.is_some() {
            wakeup = self.stop_next(now, config, actions);
        }
        self.conclude(now);
        wakeup
    }

    fn find_stop_cause(&self, now: Timestamp, definition: &TaskDefinition, config: &NodeConfig) -> Option<StopCause> {
        let failed = |reason: Arc<str>| Some(StopCause::FailedToStart { reason });
        if let Some(reason) = self.containers.iter().find_map(|container| container.failure.clone()) {
            return failed(reason);
        }
        let essential =
            |container: &&NodeContainer| definition.containers.get(container.index).is_none_or(|spec| spec.essential);
        let essential_over = self.containers.iter().filter(essential).any(NodeContainer::is_ended);
        if essential_over || self.containers.iter().all(NodeContainer::is_ended) {
            return Some(StopCause::EssentialContainerExited);
        }
        let overdue = |container: &&NodeContainer| container.start_deadline.is_some_and(|at| at <= now);
        if let Some(container) = self.containers.iter().find(overdue) {
            let waited = go_duration(self.start_timeout_ms(container.index, config));
            return failed(
                format!(
                    "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting {waited}"
                )
                .into(),
            );
        }
        let waiting = self.containers.iter().filter(|container| container.stage == Stage::Waiting);
        waiting.map(|container| self.readiness(now, container.index)).find_map(|readiness| match readiness {
            Readiness::Never(reason) => failed(reason),
            Readiness::Ready | Readiness::NotYet(_) => None,
        })
    }

    fn start_ready(
        &mut self,
        now: Timestamp,
        spec: &Arc<LaunchSpec>,
        config: &NodeConfig,
        actions: &mut Vec<Action>,
    ) -> Option<Timestamp> {
        let mut wakeup = None;
        for at in 0..self.containers.len() {
            if self.containers[at].stage == Stage::Waiting {
                let index = self.containers[at].index;
                match self.readiness(now, index) {
                    Readiness::Ready => {
                        let timeout_ms = self.start_timeout_ms(index, config);
                        self.containers[at].starting(now, timeout_ms);
                        let container = ContainerRef { task: self.id, index };
                        actions.push(Action::Start { container, run: self.containers[at].run, spec: Arc::clone(spec) });
                    }
                    Readiness::NotYet(until) => wakeup = earlier(wakeup, until),
                    Readiness::Never(_) => {}
                }
            }
            wakeup = earlier(wakeup, self.containers[at].start_deadline);
        }
        wakeup
    }

    fn readiness(&self, now: Timestamp, index: usize) -> Readiness {
        let mut waits = false;
        let mut until = None;
        for (other, condition) in self.order.iter().flat_map(|order| order.waits_for(index)) {
            let waited_for = &self.containers[other];
            if is_met(waited_for, condition) {
                continue;
            }
            if waited_for.is_ended() {
                return Readiness::Never(cannot_be_met(waited_for, condition));
            }
            waits = true;
            // The dependency's own startTimeout also bounds the wait for its condition (TD-48).
            let patience = self.container_spec(other).and_then(|spec| spec.start_timeout).map(u64::from);
            let deadline = waited_for.started_at.zip(patience).map(|(at, seconds)| at.plus_millis(seconds * 1000));
            let deadline = deadline.filter(|_| condition != DependencyCondition::Start);
            if deadline.is_some_and(|at| at <= now) {
                let (name, condition) = (&waited_for.row.name, condition.as_str());
                let seconds = patience.unwrap_or_default();
                return Readiness::Never(
                    format!("CannotStartContainerError: container {name} was not {condition} within {seconds}s").into(),
                );
            }
            until = earlier(until, deadline);
        }
        if waits { Readiness::NotYet(until) } else { Readiness::Ready }
    }

    /// Asks every container to stop that nothing alive depends on any more (TL-5).
    fn stop_next(&mut self, now: Timestamp, config: &NodeConfig, actions: &mut Vec<Action>) -> Option<Timestamp> {
        for container in self.containers.iter_mut().filter(|container| container.stage == Stage::Waiting) {
            container.end(now, None, None);
            self.changed = true;
        }
        let mut wakeup = None;
        for at in 0..self.containers.len() {
            if !self.containers[at].is_alive() || self.is_needed_by_living(at) {
                continue;
            }
            let again_at = self.containers[at].stop_again_at;
            if again_at.is_none_or(|again| mutant!(NeverStopsAgain => false, again <= now)) {
                let index = self.containers[at].index;
                actions.push(self.stop_action(index, config));
                let patience_ms = self.stop_timeout_ms(index, config) + STOP_AGAIN_MS;
                self.containers[at].start_deadline = None;
                self.containers[at].stop_again_at = Some(now.plus_millis(patience_ms));
            }
            wakeup = earlier(wakeup, mutant!(NeverStopsAgain => None, self.containers[at].stop_again_at));
        }
        wakeup
    }

    fn is_needed_by_living(&self, at: usize) -> bool {
        let dependents = self.order.iter().flat_map(|order| order.waited_for_by(at));
        dependents.into_iter().any(|other| self.containers[other].is_alive())
    }

    fn conclude(&mut self, now: Timestamp) {
        let status = if self.stop.is_some() && self.containers.iter().all(NodeContainer::is_ended) {
            TaskStatus::Stopped
        } else if self.stop.is_some() && self.status >= TaskStatus::Running {
            TaskStatus::Stopping
        } else if self.spec.is_some() && self.stop.is_none() && self.containers.iter().all(|container| container.ran) {
            TaskStatus::Running
        } else {
            self.status
        };
        if status <= self.status {
            return;
        }
        self.status = status;
        self.changed = true;
        if status == TaskStatus::Stopped {
            self.ended_at = Some(now);
            if self.containers.iter().any(|container| container.ran) {
                self.execution_stopped_at = Some(now);
            }
        }
    }
}

fn is_met(container: &NodeContainer, condition: DependencyCondition) -> bool {
    match condition {
        DependencyCondition::Start => container.ran,
        DependencyCondition::Complete => container.is_ended() && container.ran,
        DependencyCondition::Success => container.is_ended() && container.row.exit_code == Some(0),
        DependencyCondition::Healthy => {
            container.stage == Stage::Running && container.row.health == HealthStatus::Healthy
        }
    }
}

fn cannot_be_met(container: &NodeContainer, condition: DependencyCondition) -> Arc<str> {
    let (name, condition) = (&container.row.name, condition.as_str());
    let how = match container.row.exit_code {
        Some(code) => format!("exited with code {code}"),
        None => "did not run".to_owned(),
    };
    format!("CannotStartContainerError: container {name}, awaited for {condition}, {how}").into()
}

pub(super) fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// As the ECS agent prints it: "3m0s", "45s", "1.5s".
fn go_duration(millis: u64) -> String {
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = match rest % 1000 {
        0 => format!("{}s", rest / 1000),
        fraction => format!("{}.{}s", rest / 1000, format!("{fraction:03}").trim_end_matches('0')),
    };
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_the_ecs_agent_prints_them() {
        for (millis, text) in [(500, "0.5s"), (45_000, "45s"), (180_000, "3m0s"), (3_661_000, "1h1m1s")] {
            assert_eq!(go_duration(millis), text);
        }
    }
}
