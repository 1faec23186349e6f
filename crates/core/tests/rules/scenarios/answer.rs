//! What a script shows of an answer, and of a service when asked.

use crate::harness::World;
use plimsoll_core::{CommandError, FailureReason, Output};
use plimsoll_model::{RolloutState, ServiceName, Timestamp};

pub fn reply(world: &mut World, result: Result<Output, CommandError>) -> String {
    let output = match result {
        Ok(output) => output,
        Err(error) => return format!("error: {}", world.labels.readable(&error.to_string())),
    };
    let (tasks, failures) = match output {
        Output::TaskSet(row) => return world.labels.deployment(row.id),
        Output::Tasks { tasks, failures } => (tasks, failures),
        Output::Task(task) => (vec![task], Vec::new()),
        Output::Instances { failures, .. } => (Vec::new(), failures),
        Output::Protection { refused, .. } if !refused.is_empty() => {
            let refusal = |(task, why)| format!("{} {why:?}", world.labels.task(task));
            return refused.into_iter().map(refusal).collect::<Vec<_>>().join(", ");
        }
        Output::Cluster(_)
        | Output::Instance(_)
        | Output::Attributes(_)
        | Output::Service(_)
        | Output::Protection { .. }
        | Output::Explained(_)
        | Output::Acknowledged => {
            return "ok".to_owned();
        }
    };
    let mut words: Vec<String> = tasks.iter().map(|task| world.labels.task(task.id)).collect();
    for failure in failures {
        let instance = failure.instance.map_or("?".to_owned(), |id| world.labels.instance(id));
        let reason = match failure.reason {
            FailureReason::Missing => "MISSING",
            FailureReason::Inactive => "INACTIVE",
            FailureReason::Draining => "DRAINING",
            FailureReason::Placement(reason) => reason.as_str(),
        };
        words.push(format!("failure on {instance}: {reason}"));
    }
    if words.is_empty() { "ok".to_owned() } else { words.join(", ") }
}

/// What is remembered of a service's deployments, newest first.
pub fn history(world: &mut World, name: &str) {
    let name = ServiceName::parse(name).unwrap();
    let entries: Vec<_> = world.committed.service_deployments_of(&name).cloned().collect();
    for entry in entries {
        let breaker = entry.monitor(entry.configuration.circuit_breaker.enable).as_str();
        let mut line =
            format!("{} brought {}: {}, {breaker}", entry.id, entry.revision.definition, entry.status.as_str());
        if let Some(reason) = &entry.status_reason {
            line += &format!(" ({reason})");
        }
        let line = world.labels.readable(&line);
        world.trace.push(line);
    }
}

pub fn show(world: &mut World, name: &str) {
    let image = &world.committed;
    let name = ServiceName::parse(name).unwrap();
    let Some(service) = image.services.get(&name) else {
        return world.trace.push(format!("service {name} is gone"));
    };
    let counts = image.service_counts(&name);
    let mut places: Vec<String> = image
        .tasks_of_service(&name)
        .filter(|task| task.is_live())
        .map(|task| format!("{} on {}", task.definition, world.labels.place(task)))
        .collect();
    places.sort();
    let network = service.echo.get("networkConfiguration").map_or(String::new(), |name| format!(", network {name}"));
    world.trace.push(format!(
        "service {name}: {}, desired {}, running {}, pending {}{network}: {}",
        service.status.as_str(),
        service.desired_count,
        counts.running,
        counts.pending,
        if places.is_empty() { "nothing".to_owned() } else { places.join(", ") }
    ));
    let mut deployments: Vec<_> = image.deployments_of_service(&name).collect();
    deployments.sort_by_key(|row| row.created_at);
    for row in
        deployments.into_iter().filter(|row| row.rollout_state == RolloutState::Failed || row.rolling_back.is_some())
    {
        let (id, reason) = (row.id.to_string(), &row.rollout_state_reason);
        world.trace.push(world.labels.readable(&format!("{id} {}: {reason}", row.rollout_state.as_str())));
    }
    let next = world
        .core
        .next_wakeup()
        .map_or(0, |at| at.millis_since(Timestamp::ZERO).saturating_sub(world.now.millis_since(Timestamp::ZERO)));
    world.trace.push(format!("next wakeup in {} s", next / 1_000));
}
