//! What a service says about itself: the texts of EV-1..9 and when one is worth saying again.
//!
//! Whether something was said already is read from the events themselves, so a take-over neither repeats nor forgets.

use super::{ClusterCore, Outbox};
use plimsoll_model::{Change, DeploymentId, Service, ServiceEvent, ServiceName, TaskId, Timestamp};
use plimsoll_placement::{Reason, Rejection};
use std::fmt::Write;
use std::sync::Arc;

/// A message whose cause lasts is repeated after this time (EV).
pub(super) const REPEAT_AFTER_MS: u64 = 6 * 3_600_000;
/// Task ids named in one message; of the others it says how many they are.
const IDS_PER_MESSAGE_MAX: usize = 20;

pub(super) fn steady(service: &ServiceName) -> String {
    format!("(service {service}) has reached a steady state.")
}

pub(super) fn started(service: &ServiceName, tasks: &[TaskId]) -> String {
    format!("(service {service}) has started {} tasks:{}", tasks.len(), ids(tasks))
}

pub(super) fn stopped(service: &ServiceName, tasks: &[TaskId]) -> String {
    format!("(service {service}) has stopped {} running tasks:{}", tasks.len(), ids(tasks))
}

pub(super) fn failed_health_checks(service: &ServiceName, task: TaskId) -> String {
    format!("(service {service}) (task {task}) failed container health checks.")
}

pub(super) fn completed(service: &ServiceName, deployment: DeploymentId) -> String {
    format!("(service {service}) (deployment {deployment}) deployment completed.")
}

pub(super) fn consistently_failing(service: &ServiceName) -> String {
    format!("(service {service}) is unable to consistently start tasks successfully.")
}

pub(super) fn blocked(service: &ServiceName) -> String {
    format!(
        "(service {service}) was unable to stop or start tasks during a deployment because of the service deployment \
         configuration. Update the minimumHealthyPercent or maximumPercent value and try again."
    )
}

/// SVC-61: the zones and their tasks, `a` with 3, `b` with 1.
pub(super) fn zones_are_uneven(service: &ServiceName, zones: &str) -> String {
    format!("(service {service}) is not AZ balanced with {zones}. AZ Rebalancing in progress.")
}

pub(super) fn zones_are_even(service: &ServiceName, zones: &str) -> String {
    format!("(service {service}) is AZ balanced with {zones}.")
}

pub(super) fn moved_in(service: &ServiceName, zone: &str, tasks: &[TaskId]) -> String {
    format!("(service {service}) has started {} tasks in {zone} to AZ Rebalance:{}", tasks.len(), ids(tasks))
}

pub(super) fn moved_out(service: &ServiceName, zone: &str, tasks: &[TaskId]) -> String {
    let count = tasks.len();
    format!("(service {service}) has stopped {count} running tasks in {zone} due to AZ rebalancing:{}", ids(tasks))
}

/// EV-4.
pub(super) fn protected(service: &ServiceName, tasks: u32) -> String {
    format!(
        "(service {service}) was unable to reach a steady state because {tasks} tasks are protected from scale-in. They \
         are stopped when their protection ends."
    )
}

/// EV-3: the beginning, and the cause by which it is recognised whatever instance it names.
#[derive(Debug)]
pub(super) struct Unplaced {
    beginning: String,
    cause: String,
    instance: String,
}

pub(super) fn unplaced(service: &ServiceName, rejection: &Rejection) -> Unplaced {
    let beginning = format!(
        "(service {service}) was unable to place a task because no container instance met all of its requirements."
    );
    let (instance, cause) = match rejection.closest {
        Some((instance, reason)) if rejection.instances > 0 => {
            (format!(" The closest matching (container-instance {instance})"), closest_cause(reason))
        }
        _ => (String::new(), " Reason: No Container Instances were found in your cluster.".to_owned()),
    };
    Unplaced { beginning, cause, instance }
}

fn closest_cause(reason: Reason) -> String {
    match reason {
        Reason::Cpu => " has insufficient CPU units available.".to_owned(),
        Reason::Memory => " has insufficient memory available.".to_owned(),
        Reason::Ports => " is already using a port required by your task.".to_owned(),
        Reason::Attribute => " is missing an attribute required by your task.".to_owned(),
        other => format!(" encountered error \"{}\".", other.as_str()),
    }
}

fn ids(tasks: &[TaskId]) -> String {
    let mut text = String::new();
    for task in tasks.iter().take(IDS_PER_MESSAGE_MAX) {
        let _infallible = write!(text, " (task {task})");
    }
    if tasks.len() > IDS_PER_MESSAGE_MAX {
        let _infallible = write!(text, " and {} more", tasks.len() - IDS_PER_MESSAGE_MAX);
    }
    text.push('.');
    text
}

impl ClusterCore {
    pub(super) fn add_event(&mut self, service: &ServiceName, message: String, out: &mut Outbox) {
        let (id, created_at) = (self.random.event_id(), self.now);
        let mut sequence = 0;
        self.update_service_row(
            service,
            |row: &mut Service| {
                sequence = row.next_event_sequence;
                row.next_event_sequence += 1;
            },
            out,
        );
        let event = ServiceEvent { service: service.clone(), sequence, id, created_at, message: message.into() };
        self.emit_event(Change::Event(Arc::new(event)), out);
        let kept = self.config.events_per_service_max as u64;
        let oldest = self.image.events_of_service(service).next().map(|event| event.sequence);
        if let Some(oldest) = oldest.filter(|oldest| oldest + kept <= sequence) {
            self.emit_event(Change::EventRemoved(service.clone(), oldest), out);
        }
    }

    /// Adds an event unless it is the newest one already and not old enough to be repeated. Returns when it may be.
    pub(super) fn add_event_once(&mut self, service: &ServiceName, message: String, out: &mut Outbox) -> Timestamp {
        let same = |event: &ServiceEvent| *event.message == *message;
        match self.said(service, same) {
            Some(repeat_at) => repeat_at,
            None => {
                self.add_event(service, message, out);
                self.now.plus_millis(REPEAT_AFTER_MS)
            }
        }
    }

    /// EV-3, once per cause: another instance that is short of the same thing is no news.
    pub(super) fn add_unplaced_event(
        &mut self,
        service: &ServiceName,
        event: &Unplaced,
        out: &mut Outbox,
    ) -> Timestamp {
        let same =
            |said: &ServiceEvent| said.message.starts_with(&*event.beginning) && said.message.ends_with(&*event.cause);
        match self.said(service, same) {
            Some(repeat_at) => repeat_at,
            None => {
                self.add_event(service, format!("{}{}{}", event.beginning, event.instance, event.cause), out);
                self.now.plus_millis(REPEAT_AFTER_MS)
            }
        }
    }

    /// When the newest event may be repeated, if it is the one meant and that time has not come.
    fn said(&self, service: &ServiceName, is_meant: impl Fn(&ServiceEvent) -> bool) -> Option<Timestamp> {
        let newest = self.image.events_of_service(service).next_back()?;
        let repeat_at = newest.created_at.plus_millis(REPEAT_AFTER_MS);
        (is_meant(newest) && repeat_at > self.now).then_some(repeat_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EV-2.
    #[test]
    fn a_message_names_some_ids_and_counts_the_rest() {
        let service = ServiceName::parse("web").unwrap();
        let tasks: Vec<TaskId> = (1..=22).map(TaskId::from_u128).collect();
        let one = started(&service, &tasks[..1]);
        assert_eq!(one, "(service web) has started 1 tasks: (task 00000000000000000000000000000001).");
        let many = stopped(&service, &tasks);
        assert!(many.starts_with("(service web) has stopped 22 running tasks: (task 0"), "{many}");
        assert!(many.ends_with(" and 2 more."), "{many}");
    }
}
