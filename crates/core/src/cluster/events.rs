//! What a service says about itself: the texts of EV-1..9 and when one is worth saying again.
//!
//! A cause that lasts is said once, and again when that is old. What was said is kept in the service's row, so that
//! neither other events in between nor a take-over make it be repeated, and a take-over does not forget it.

use super::rollback::Because;
use super::{ClusterCore, Outbox};
use plimsoll_model::{Change, Deployment, DeploymentId, Said, Service, ServiceEvent, ServiceName, TaskId, Timestamp};
use plimsoll_placement::mutant;
use plimsoll_placement::{Reason, Rejection};
use std::fmt::{self, Display, Write};
use std::sync::Arc;

/// A message whose cause lasts is repeated after this time (EV).
pub(super) const REPEAT_AFTER_MS: u64 = 6 * 3_600_000;
/// Causes that last, remembered of one service or task set at a time; the oldest is forgotten first. A service has few at once.
const CAUSES_MAX: usize = 8;
/// Task ids named in one message; of the others it says how many they are.
const IDS_PER_MESSAGE_MAX: usize = 20;

/// In whose name a message is: a service's, or that of one of its task sets.
#[derive(Clone, Debug)]
pub(super) struct Speaker {
    service: ServiceName,
    task_set: Option<DeploymentId>,
}

impl Speaker {
    pub fn of(deployment: &Deployment) -> Self {
        let task_set = deployment.task_set.as_ref().map(|_| deployment.id);
        Speaker { service: deployment.service.clone(), task_set }
    }
}

impl Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task_set {
            None => write!(f, "{}", self.service),
            Some(id) => write!(f, "{}{OF_TASK_SET}{id}", self.service),
        }
    }
}

/// Stands between the names of a service and of its task set.
const OF_TASK_SET: &str = ", taskSet ";

/// The id of the task set that a message or a cause is about; None when it is about the service as a whole.
fn task_set_of(text: &str) -> Option<&str> {
    let (who, _) = text.split_once(')')?;
    who.split_once(OF_TASK_SET).map(|(_, id)| id)
}

pub(super) fn steady(service: impl Display) -> String {
    format!("(service {service}) has reached a steady state.")
}

pub(super) fn started(service: impl Display, tasks: &[TaskId]) -> String {
    format!("(service {service}) has started {} tasks:{}", tasks.len(), ids(tasks))
}

pub(super) fn stopped(service: impl Display, tasks: &[TaskId]) -> String {
    format!("(service {service}) has stopped {} running tasks:{}", tasks.len(), ids(tasks))
}

pub(super) fn failed_health_checks(service: impl Display, task: TaskId) -> String {
    format!("(service {service}) (task {task}) failed container health checks.")
}

pub(super) fn completed(service: &ServiceName, deployment: DeploymentId) -> String {
    format!("(service {service}) (deployment {deployment}) deployment completed.")
}

pub(super) fn failed(service: &ServiceName, deployment: DeploymentId, because: Because) -> String {
    let why = match because {
        Because::TooManyFailures => "tasks failed to start",
        Because::Asked => "stopped by a user",
    };
    format!("(service {service}) (deployment {deployment}) deployment failed: {why}.")
}

pub(super) fn rolling_back(service: &ServiceName, target: DeploymentId) -> String {
    format!("(service {service}) rolling back to deployment {target}.")
}

pub(super) fn consistently_failing(service: impl Display) -> String {
    format!("(service {service}) is unable to consistently start tasks successfully.")
}

pub(super) fn blocked(service: impl Display) -> String {
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
pub(super) fn protected(service: impl Display, tasks: u32) -> String {
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

/// `provider` is the one whose instances were asked, if it was not all of the cluster's.
pub(super) fn unplaced(service: impl Display, provider: Option<&str>, rejection: &Rejection) -> Unplaced {
    let among = if provider.is_some() { "capacity provider" } else { "cluster" };
    let (instance, cause) = match rejection.closest {
        Some((instance, reason)) if rejection.instances > 0 => {
            (format!(" The closest matching (container-instance {instance})"), closest_cause(reason))
        }
        _ => (String::new(), format!(" Reason: No Container Instances were found in your {among}.")),
    };
    Unplaced { beginning: unable_to_place(service), cause, instance }
}

/// Tasks that no provider of the strategy is for (SVC-56).
pub(super) fn beyond_every_base(service: impl Display) -> Unplaced {
    let cause = " Reason: No capacity provider of the strategy has a weight for tasks beyond its base.";
    Unplaced { beginning: unable_to_place(service), cause: cause.to_owned(), instance: String::new() }
}

fn unable_to_place(service: impl Display) -> String {
    format!("(service {service}) was unable to place a task because no container instance met all of its requirements.")
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

/// Where the rest of [`Unplaced`] is the cause, told apart from causes of other kinds.
const UNPLACED: &str = "unplaced:";

impl ClusterCore {
    pub(super) fn add_event(&mut self, service: &ServiceName, message: String, out: &mut Outbox) {
        self.write_event(service, message, None, out);
    }

    /// Adds an event unless its cause has lasted since it was said last, and that is not old enough to be repeated.
    /// Returns when it may be.
    pub(super) fn add_event_once(&mut self, service: &ServiceName, message: String, out: &mut Outbox) -> Timestamp {
        let cause = message.as_str().into();
        self.say(service, cause, || message, out)
    }

    /// EV-3, once per cause: another instance that is short of the same thing is no news.
    pub(super) fn add_unplaced_event(
        &mut self,
        service: &ServiceName,
        event: &Unplaced,
        out: &mut Outbox,
    ) -> Timestamp {
        let cause = match task_set_of(&event.beginning) {
            Some(id) => format!("{UNPLACED}({OF_TASK_SET}{id}){}", event.cause).into(),
            None => format!("{UNPLACED}{}", event.cause).into(),
        };
        self.say(service, cause, || format!("{}{}{}", event.beginning, event.instance, event.cause), out)
    }

    /// Every task has found its place: if one finds none later, that is news.
    pub(super) fn nothing_is_unplaced(&mut self, service: &ServiceName, speaker: &Speaker, out: &mut Outbox) {
        let id = speaker.task_set.map(|id| id.to_string());
        let is_unplaced = |said: &Said| said.cause.starts_with(UNPLACED) && task_set_of(&said.cause) == id.as_deref();
        if self.image.services[service].said.iter().any(is_unplaced) {
            self.update_service_row(service, |row| row.said.retain(|said| !is_unplaced(said)), out);
        }
    }

    /// A task set is gone, and with it what it had to say.
    pub(super) fn forget_said_of(&mut self, set: &Deployment, out: &mut Outbox) {
        let id = set.id.to_string();
        let of_set = |said: &Said| task_set_of(&said.cause) == Some(&id);
        if self.image.services[&set.service].said.iter().any(of_set) {
            self.update_service_row(&set.service, |row| row.said.retain(|said| !of_set(said)), out);
        }
    }

    fn say(
        &mut self,
        service: &ServiceName,
        cause: Arc<str>,
        message: impl FnOnce() -> String,
        out: &mut Outbox,
    ) -> Timestamp {
        let said = self.image.services[service].said.iter().find(|said| said.cause == cause);
        let repeat_at = said.map(|said| said.at.plus_millis(REPEAT_AFTER_MS));
        match repeat_at.filter(|repeat_at| mutant!(RepeatsEvents => false, *repeat_at > self.now)) {
            Some(repeat_at) => repeat_at,
            None => {
                self.write_event(service, message(), Some(cause), out);
                self.now.plus_millis(REPEAT_AFTER_MS)
            }
        }
    }

    fn write_event(&mut self, service: &ServiceName, message: String, cause: Option<Arc<str>>, out: &mut Outbox) {
        let (id, created_at) = (self.random.event_id(), self.now);
        let steady = match task_set_of(&message) {
            Some(id) => steady(format!("{service}{OF_TASK_SET}{id}")),
            None => steady(service),
        };
        let mut sequence = 0;
        self.update_service_row(
            service,
            |row: &mut Service| {
                sequence = row.next_event_sequence;
                row.next_event_sequence += 1;
                remember(&mut row.said, cause, &steady, created_at);
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
}

/// In a steady state no other cause lasts, and whatever happens next ends it. The causes of a task set are its own: what
/// another one is or does changes nothing about them.
fn remember(said: &mut Vec<Said>, cause: Option<Arc<str>>, steady: &str, at: Timestamp) {
    let about = task_set_of(steady);
    let (mut own, others): (Vec<Said>, Vec<Said>) = said.drain(..).partition(|one| task_set_of(&one.cause) == about);
    match cause {
        Some(cause) if *cause == *steady => own = vec![Said { cause, at }],
        cause => {
            own.retain(|one| *one.cause != *steady && Some(&one.cause) != cause.as_ref());
            own.extend(cause.map(|cause| Said { cause, at }));
            own.drain(..own.len().saturating_sub(CAUSES_MAX));
        }
    }
    said.extend(others);
    said.extend(own);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task set's messages name it.
    #[test]
    fn a_message_is_about_a_service_or_a_task_set() {
        let service = ServiceName::parse("web").unwrap();
        let task_set = Some(DeploymentId::from_u64(7));
        let message = steady(Speaker { service: service.clone(), task_set });
        assert_eq!(message, "(service web, taskSet ecs-svc/0000000000000000007) has reached a steady state.");
        assert_eq!(task_set_of(&message), Some("ecs-svc/0000000000000000007"));
        let message = steady(Speaker { service, task_set: None });
        assert_eq!(message, "(service web) has reached a steady state.");
        assert_eq!(task_set_of(&message), None);
    }

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

    /// EV: a cause is remembered until it ends, whatever else happens meanwhile.
    #[test]
    fn what_lasts_is_remembered_until_the_service_is_steady() {
        let at = Timestamp::from_millis;
        let causes = |said: &[Said]| said.iter().map(|one| one.cause.to_string()).collect::<Vec<_>>();
        let mut said = Vec::new();
        remember(&mut said, Some("steady".into()), "steady", at(1));
        remember(&mut said, Some("cpu".into()), "steady", at(2));
        assert_eq!(causes(&said), ["cpu"]);
        remember(&mut said, None, "steady", at(3));
        remember(&mut said, Some("memory".into()), "steady", at(4));
        remember(&mut said, Some("cpu".into()), "steady", at(5));
        assert_eq!(causes(&said), ["memory", "cpu"]);
        assert_eq!(said[1].at, at(5));
        for number in 0..CAUSES_MAX {
            remember(&mut said, Some(format!("{number}").into()), "steady", at(6));
        }
        assert_eq!(said.len(), CAUSES_MAX);
        assert_eq!(&*said[0].cause, "0");
        remember(&mut said, Some("steady".into()), "steady", at(7));
        assert_eq!(causes(&said), ["steady"]);
    }

    /// EV: task sets do not make one another repeat themselves.
    #[test]
    fn a_task_set_has_causes_of_its_own() {
        let at = Timestamp::from_millis;
        let steady = |id: u64| {
            let task_set = Some(DeploymentId::from_u64(id));
            steady(Speaker { service: ServiceName::parse("web").unwrap(), task_set })
        };
        let mut said = Vec::new();
        remember(&mut said, Some(steady(1).into()), &steady(1), at(1));
        remember(&mut said, Some(steady(2).into()), &steady(2), at(2));
        assert_eq!(said.len(), 2);
        remember(&mut said, None, &steady(1), at(3));
        assert_eq!(said.len(), 1, "whatever happens to the first ends its steady state");
        assert_eq!(*said[0].cause, *steady(2));
        remember(&mut said, None, "(service web) has reached a steady state.", at(4));
        assert_eq!(said.len(), 1, "what the service says is not about the set");
    }
}
