//! Containers that start again by their policy: TD-50.

use super::super::testing::*;
use super::super::{AdoptedState, RuntimeEvent};
use crate::protocol::{FromNode, StopCause};
use plimsoll_model::{HealthStatus, TaskDefinition, TaskStatus};
use serde_json::json;
use std::sync::Arc;

const PERIOD_MS: u64 = 60_000;

fn persistent() -> Arc<TaskDefinition> {
    definition(json!([{
        "name": "web", "image": "web", "healthCheck": {"command": ["CMD", "true"]},
        "restartPolicy": {"enabled": true, "ignoredExitCodes": [7], "restartAttemptPeriod": 60},
    }]))
}

fn running(definition: &Arc<TaskDefinition>) -> Bench {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, definition)], vec![]);
    bench.started_container(1, 0);
    bench.settled_reports();
    bench.actions();
    bench
}

#[test]
fn a_container_that_ran_long_enough_starts_again_and_the_task_goes_on_td_50() {
    let mut bench = running(&persistent());
    bench.runtime(RuntimeEvent::Health { container: at(1, 0), health: HealthStatus::Healthy });
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    assert_eq!(bench.actions(), ["start 1/0 again 1"]);
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, &report.stop), (TaskStatus::Running, &None));
    let container = &report.containers[0];
    assert_eq!((container.last_status, container.exit_code, container.restart_count), (TaskStatus::Running, None, 1));
    assert_eq!(container.health, HealthStatus::Unknown, "the new run has not been checked");
    bench.started_again(1, 0, 1);
    bench.wait(PERIOD_MS);
    bench.exited_again(1, 0, 1, Some(137));
    assert_eq!(bench.actions(), ["start 1/0 again 2"]);
    assert_eq!(bench.settled_reports()[&1].containers[0].restart_count, 2);
}

#[test]
fn too_soon_or_ignored_is_the_end_td_50() {
    for (waited_ms, code) in [(PERIOD_MS - 1, 1), (PERIOD_MS, 7)] {
        let mut bench = running(&persistent());
        bench.wait(waited_ms);
        bench.exited(1, 0, code);
        assert_eq!(bench.actions(), Vec::<String>::new());
        let report = &bench.settled_reports()[&1];
        assert_eq!((report.status, &report.stop), (TaskStatus::Stopped, &Some(StopCause::EssentialContainerExited)));
        assert_eq!((report.containers[0].exit_code, report.containers[0].restart_count), (Some(code), 0));
    }
}

/// The time counts from the last start, not from the first.
#[test]
fn each_run_has_to_last_the_period_td_50() {
    let mut bench = running(&persistent());
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    bench.started_again(1, 0, 1);
    bench.wait(PERIOD_MS - 1);
    bench.exited_again(1, 0, 1, Some(1));
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, report.containers[0].restart_count), (TaskStatus::Stopped, 1));
}

#[test]
fn a_late_word_about_one_run_is_not_taken_for_the_next_i_17() {
    let mut bench = running(&persistent());
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    bench.actions();
    bench.exited(1, 0, 1);
    bench.started_container(1, 0);
    bench.started_again(1, 0, 1);
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    assert_eq!(bench.actions(), Vec::<String>::new());
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Running);
}

#[test]
fn nothing_starts_again_under_a_stop_i_20() {
    let mut bench = running(&persistent());
    bench.wait(PERIOD_MS);
    bench.command(vec![], vec![1]);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited(1, 0, 1);
    assert_eq!(bench.actions(), Vec::<String>::new());
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Stopped);
}

/// What is between two runs is stopped like what runs.
#[test]
fn a_stop_overtakes_a_restart_i_20() {
    let mut bench = running(&persistent());
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    bench.command(vec![], vec![1]);
    assert_eq!(bench.actions(), ["start 1/0 again 1", "stop 1/0 30000"]);
    bench.exited_again(1, 0, 1, Some(143));
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, report.containers[0].exit_code), (TaskStatus::Stopped, Some(143)));
}

#[test]
fn a_restart_that_fails_is_an_exit_and_not_a_failure_to_start_tl_8() {
    let mut bench = running(&persistent());
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    let reason = "CannotStartContainerError: it was removed".into();
    bench.runtime(RuntimeEvent::Failed { container: at(1, 0), reason });
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, &report.stop), (TaskStatus::Stopped, &Some(StopCause::EssentialContainerExited)));
    assert!(report.containers[0].reason.as_ref().is_some_and(|reason| reason.contains("removed")));
}

/// I-33: the agent decides it by itself.
#[test]
fn a_restart_needs_no_control_plane_td_50() {
    let mut bench = running(&persistent());
    bench.step(super::super::Input::Disconnected);
    bench.wait(PERIOD_MS);
    bench.exited(1, 0, 1);
    assert_eq!(bench.actions(), ["start 1/0 again 1"]);
}

/// F-10: the exit is not told before the definition has said whether it is one.
#[test]
fn an_exit_that_nobody_saw_is_a_restart_too_f_10() {
    for (ran_ms, restarts) in [(PERIOD_MS, true), (PERIOD_MS - 1, false)] {
        let mut found = adopted(1, 0, AdoptedState::Exited { exit_code: Some(1), reason: None });
        found.ran_ms = ran_ms;
        let mut bench = Bench::started(vec![found]);
        bench.connect();
        let messages = bench.take().messages;
        let [FromNode::Hello(hello)] = &messages[..] else { panic!("{messages:?}") };
        assert!(hello.inventory[0].containers.is_empty(), "{:?}", hello.inventory);
        let mut known_running = assignment(1, &persistent());
        (known_running.last_status, known_running.restart_counts) = (TaskStatus::Running, vec![4]);
        bench.welcome(vec![known_running]);
        let report = &bench.settled_reports()[&1];
        if restarts {
            assert_eq!(bench.actions(), ["start 1/0 again 1"]);
            assert_eq!((report.status, report.containers[0].restart_count), (TaskStatus::Running, 5));
        } else {
            assert_eq!((report.status, report.containers[0].exit_code), (TaskStatus::Stopped, Some(1)));
        }
    }
}

/// The run of an earlier agent counts from its own start.
#[test]
fn an_adopted_container_keeps_the_time_it_has_run_td_50() {
    let mut found = adopted(1, 0, AdoptedState::Running);
    found.ran_ms = PERIOD_MS - 1_000;
    let mut bench = Bench::started(vec![found]);
    bench.connect();
    bench.welcome(vec![assignment(1, &persistent())]);
    bench.wait(1_000);
    bench.exited(1, 0, 1);
    assert_eq!(bench.actions(), ["start 1/0 again 1"]);
}

#[test]
fn a_non_essential_container_starts_again_by_itself_td_50() {
    let pair = definition(json!([
        {"name": "web", "image": "w"},
        {"name": "side", "image": "s", "essential": false,
         "restartPolicy": {"enabled": true, "restartAttemptPeriod": 60}},
    ]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &pair)], vec![]);
    bench.started_container(1, 0);
    bench.started_container(1, 1);
    bench.actions();
    bench.wait(PERIOD_MS);
    bench.exited(1, 1, 0);
    assert_eq!(bench.actions(), ["start 1/1 again 1"]);
    bench.started_again(1, 1, 1);
    bench.exited_again(1, 1, 1, Some(0));
    assert_eq!(bench.actions(), Vec::<String>::new());
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, report.containers[1].last_status), (TaskStatus::Running, TaskStatus::Stopped));
}
