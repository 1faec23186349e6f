//! Events in words, and as a number.

use super::Event;
use plimsoll_core::node::{ContainerRef, RuntimeEvent};
use plimsoll_core::protocol::{FromNode, ToNode};
use plimsoll_model::{SessionId, TaskId};

/// Different for different events, as far as what they are about and the size of what they carry can tell. Two runs
/// that differ in anything else differ in some later event.
pub(super) fn digest(event: &Event) -> u64 {
    let (kind, about) = match event {
        Event::Client => (1, 0),
        Event::Resend(_) => (2, 0),
        Event::CoreWakeup(number) => (3, *number),
        Event::CoreStart => (4, 0),
        Event::TakeOver(epoch) => (5, *epoch),
        Event::CoreResume(epoch) => (6, *epoch),
        Event::CommitDone(id) => (7, *id),
        Event::ToCore { connection, message } => (8, mixed(connection.0, digest_from_node(message))),
        Event::CoreSeesBreak(connection) => (9, connection.0),
        Event::ToNode { connection, message } => (10, mixed(connection.0, digest_to_node(message))),
        Event::NodeSeesBreak(connection) => (11, connection.0),
        Event::NodeConnect { node, incarnation } => (12, mixed(*node as u64, *incarnation)),
        Event::NodeTick { node, number, .. } => (13, mixed(*node as u64, *number)),
        Event::NodeStart(node) => (14, *node as u64),
        Event::Runtime { node, event, .. } => (15, mixed(*node as u64, digest_runtime(event))),
        Event::Container { node, container, serial, .. } => {
            (16, mixed(*node as u64, mixed(of_container(*container), *serial)))
        }
        Event::Fault(fault) => (17, *fault as u64),
    };
    mixed(kind, about)
}

fn mixed(one: u64, other: u64) -> u64 {
    (one.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ other).wrapping_mul(0xff51_afd7_ed55_8ccd)
}

fn of_task(task: TaskId) -> u64 {
    // Any half of a random number is one.
    task.as_u128() as u64
}

fn of_container(container: ContainerRef) -> u64 {
    mixed(of_task(container.task), container.index as u64)
}

fn of_message(session: SessionId, sequence: u64, tasks: usize) -> u64 {
    mixed(session.0, mixed(sequence, tasks as u64))
}

fn digest_from_node(message: &FromNode) -> u64 {
    match message {
        FromNode::Hello(hello) => mixed(1, hello.inventory.len() as u64),
        FromNode::Report(report) => of_message(report.session, report.sequence, report.tasks.len()),
        FromNode::Heartbeat(heartbeat) => of_message(heartbeat.session, heartbeat.received, 0),
        FromNode::Resync { session } => mixed(2, session.0),
    }
}

fn digest_to_node(message: &ToNode) -> u64 {
    match message {
        ToNode::Welcome(welcome) => of_message(welcome.session, welcome.sequence, welcome.desired.len()),
        ToNode::Refused { reason } => reason.len() as u64,
        ToNode::Commands(commands) => {
            of_message(commands.session, commands.sequence, commands.start.len() + 1_000 * commands.stop.len())
        }
        ToNode::Acknowledge { session, sequence } => of_message(*session, *sequence, 0),
    }
}

fn digest_runtime(event: &RuntimeEvent) -> u64 {
    match event {
        RuntimeEvent::Adopted(found) => mixed(1, found.len() as u64),
        RuntimeEvent::PullStarted(container) => mixed(2, of_container(*container)),
        RuntimeEvent::PullStopped(container) => mixed(3, of_container(*container)),
        RuntimeEvent::Started { container, .. } => mixed(4, of_container(*container)),
        RuntimeEvent::Failed { container, .. } => mixed(5, of_container(*container)),
        RuntimeEvent::Exited { container, .. } => mixed(6, of_container(*container)),
        RuntimeEvent::Health { container, health } => mixed(7 + *health as u64, of_container(*container)),
        RuntimeEvent::Removed { task } => mixed(20, of_task(*task)),
    }
}

pub(super) fn describe(event: &Event) -> String {
    match event {
        Event::Client => "client acts".to_owned(),
        Event::Resend(_) => "client sends again".to_owned(),
        Event::CoreWakeup(_) => "core wakes".to_owned(),
        Event::CoreStart => "core starts".to_owned(),
        Event::TakeOver(epoch) => format!("core of epoch {epoch} is taken over"),
        Event::CoreResume(epoch) => format!("core of epoch {epoch} goes on"),
        Event::CommitDone(id) => format!("commit {id} done"),
        Event::ToCore { connection, message } => format!("c{} -> core: {}", connection.0, from_node(message)),
        Event::CoreSeesBreak(connection) => format!("core sees c{} broken", connection.0),
        Event::ToNode { connection, message } => format!("core -> c{}: {}", connection.0, to_node(message)),
        Event::NodeSeesBreak(connection) => format!("node sees c{} broken", connection.0),
        Event::NodeConnect { node, .. } => format!("n{node} connects"),
        Event::NodeTick { node, .. } => format!("n{node} ticks"),
        Event::NodeStart(node) => format!("n{node} starts"),
        Event::Runtime { node, event, .. } => format!("n{node} runtime: {}", runtime_event(event)),
        Event::Container { node, container, progress, .. } => {
            format!("n{node} container {} {progress:?}", short(*container))
        }
        Event::Fault(fault) => format!("fault: {fault:?}"),
    }
}

pub(crate) fn short(container: ContainerRef) -> String {
    format!("{:08x}/{}", container.task.as_u128() >> 96, container.index)
}

pub(crate) fn short_task(task: TaskId) -> String {
    format!("{:08x}", task.as_u128() >> 96)
}

fn from_node(message: &FromNode) -> String {
    match message {
        FromNode::Hello(hello) => format!("hello with {} tasks", hello.inventory.len()),
        FromNode::Report(report) => {
            let tasks = report.tasks.iter().map(|one| format!("{} {}", short_task(one.task), one.status.as_str()));
            format!("report s{} #{} {}", report.session.0, report.sequence, tasks.collect::<Vec<_>>().join(", "))
        }
        FromNode::Heartbeat(heartbeat) => format!("heartbeat s{} #{}", heartbeat.session.0, heartbeat.received),
        FromNode::Resync { session } => format!("resync s{}", session.0),
    }
}

fn to_node(message: &ToNode) -> String {
    match message {
        ToNode::Welcome(welcome) => {
            let tasks = welcome.desired.iter().map(|one| {
                let stopping = if one.stopping { " stopping" } else { "" };
                format!("{} {}{stopping}", short_task(one.task), one.last_status.as_str())
            });
            let tasks = tasks.collect::<Vec<_>>().join(", ");
            format!("welcome s{} e{} #{} [{tasks}]", welcome.session.0, welcome.epoch.0, welcome.sequence)
        }
        ToNode::Refused { reason } => format!("refused: {reason}"),
        ToNode::Commands(commands) => {
            let start = commands.start.iter().map(|one| short_task(one.task)).collect::<Vec<_>>().join(" ");
            let stop = commands.stop.iter().map(|one| short_task(*one)).collect::<Vec<_>>().join(" ");
            format!("commands s{} #{} start [{start}] stop [{stop}]", commands.session.0, commands.sequence)
        }
        ToNode::Acknowledge { session, sequence } => format!("acknowledge s{} #{sequence}", session.0),
    }
}

fn runtime_event(event: &RuntimeEvent) -> String {
    match event {
        RuntimeEvent::Adopted(found) => format!("adopted {}", found.len()),
        RuntimeEvent::PullStarted(container) => format!("pull started {}", short(*container)),
        RuntimeEvent::PullStopped(container) => format!("pull stopped {}", short(*container)),
        RuntimeEvent::Started { container, .. } => format!("started {}", short(*container)),
        RuntimeEvent::Failed { container, .. } => format!("failed {}", short(*container)),
        RuntimeEvent::Exited { container, exit_code, .. } => format!("exited {} {exit_code:?}", short(*container)),
        RuntimeEvent::Health { container, health } => format!("{} {}", short(*container), health.as_str()),
        RuntimeEvent::Removed { task } => format!("removed {}", short_task(*task)),
    }
}
