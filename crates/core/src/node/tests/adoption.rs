//! What an agent does about the containers of the agent before it: D-4, I-18, I-19, I-21, F-10.

use super::super::testing::*;
use super::super::{AdoptedState, Input};
use crate::protocol::{FromNode, StopCause};
use plimsoll_model::{TaskId, TaskStatus};
use serde_json::json;

fn exited(code: i32) -> AdoptedState {
    AdoptedState::Exited { exit_code: Some(code), reason: None }
}

#[test]
fn hello_waits_for_the_inventory_and_tells_it_d_4() {
    let mut node = Bench::started(vec![adopted(1, 0, AdoptedState::Running)]);
    node.connect();
    let messages = node.take().messages;
    let [FromNode::Hello(hello)] = &messages[..] else { panic!("{messages:?}") };
    let known: Vec<TaskId> = hello.inventory.iter().map(|report| report.task).collect();
    assert_eq!(known, [task_id(1)]);
    // Its definition is unknown, so nothing is said of the task as a whole beyond PENDING.
    assert_eq!(hello.inventory[0].status, TaskStatus::Pending);
    assert_eq!(hello.inventory[0].containers[0].last_status, TaskStatus::Running);
}

#[test]
fn running_containers_are_adopted_and_not_started_again_i_18() {
    let mut bench = Bench::started(vec![adopted(1, 0, AdoptedState::Running)]);
    bench.connect();
    bench.welcome(vec![assignment(1, &web())]);
    assert_eq!(bench.actions(), Vec::<String>::new());
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Running);
}

#[test]
fn an_exit_that_nobody_saw_is_reported_f_10() {
    let mut bench = Bench::started(vec![adopted(1, 0, exited(42))]);
    bench.connect();
    let mut known_running = assignment(1, &web());
    known_running.last_status = TaskStatus::Running;
    bench.welcome(vec![known_running]);
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, &report.stop), (TaskStatus::Stopped, &Some(StopCause::EssentialContainerExited)));
    assert_eq!(report.containers[0].exit_code, Some(42));
}

#[test]
fn a_container_only_created_starts_if_it_is_wanted_and_is_removed_if_not_f_18() {
    let found = || (1..=3).map(|task| adopted(task, 0, AdoptedState::Created)).collect::<Vec<_>>();
    let mut bench = Bench::started(found());
    bench.connect();
    let mut stopping = assignment(2, &web());
    stopping.stopping = true;
    bench.welcome(vec![assignment(1, &web()), stopping]);
    assert_eq!(bench.actions(), ["remove 3", "start 1/0"]);
    assert_eq!(bench.settled_reports()[&2].status, TaskStatus::Stopped);
}

#[test]
fn a_task_that_ran_and_left_nothing_behind_has_stopped_d_4() {
    let mut bench = Bench::started(vec![]);
    bench.connect();
    let mut known_running = assignment(1, &web());
    known_running.last_status = TaskStatus::Running;
    bench.welcome(vec![known_running, assignment(2, &web())]);
    assert_eq!(bench.actions(), ["start 2/0"]);
    let report = &bench.settled_reports()[&1];
    assert_eq!(report.status, TaskStatus::Stopped);
    assert!(report.containers[0].reason.as_ref().is_some_and(|reason| reason.contains("missing")));
}

#[test]
fn a_start_that_was_interrupted_goes_on_where_it_was_f_10() {
    let pair = definition(json!([
        {"name": "web", "image": "w"},
        {"name": "side", "image": "s", "dependsOn": [{"containerName": "web", "condition": "START"}]},
    ]));
    let mut bench = Bench::started(vec![adopted(1, 0, AdoptedState::Running)]);
    bench.connect();
    bench.welcome(vec![assignment(1, &pair)]);
    assert_eq!(bench.actions(), ["start 1/1"]);
}

#[test]
fn what_nobody_wants_is_stopped_and_removed_i_21() {
    let mut bench = Bench::started(vec![adopted(1, 0, AdoptedState::Running), adopted(2, 0, exited(0))]);
    bench.connect();
    bench.welcome(vec![]);
    assert_eq!(bench.actions(), ["stop 1/0 30000", "remove 2"]);
    bench.exited(1, 0, 143);
    assert_eq!(bench.actions(), ["remove 1"]);
    assert_eq!(bench.settled_reports(), [].into(), "nobody waits for a report");
}

#[test]
fn a_stop_survives_the_agents_restart_i_19() {
    let mut bench = Bench::started(vec![adopted(1, 0, AdoptedState::Running)]);
    bench.connect();
    let mut stopping = assignment(1, &web());
    (stopping.stopping, stopping.last_status) = (true, TaskStatus::Running);
    bench.welcome(vec![stopping]);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    // A second inventory is not believed.
    bench.step(Input::Runtime(super::super::RuntimeEvent::Adopted(vec![adopted(5, 0, AdoptedState::Running)])));
    assert!(!bench.node.tasks.contains_key(&task_id(5)));
}
