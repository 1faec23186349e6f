//! From assignment to removal: TL rules, I-20, I-21.

use super::super::testing::*;
use super::super::{AdoptedState, RuntimeEvent};
use crate::protocol::StopCause;
use plimsoll_model::{HealthStatus, PortClaim, Protocol, TaskStatus, Timestamp};
use serde_json::json;

#[test]
fn a_task_is_running_when_all_its_containers_are_tl_4() {
    let two = definition(json!([{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &two)], vec![]);
    assert_eq!(bench.actions(), ["start 1/0", "start 1/1"]);
    bench.started_container(1, 0);
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Pending);
    bench.started_container(1, 1);
    let report = &bench.settled_reports()[&1];
    assert_eq!(report.status, TaskStatus::Running);
    assert_eq!(report.stop, None);
}

#[test]
fn containers_start_in_the_order_of_their_conditions_tl_4() {
    let chain = definition(json!([
        {"name": "web", "image": "w", "dependsOn": [
            {"containerName": "migrate", "condition": "SUCCESS"}, {"containerName": "db", "condition": "HEALTHY"}]},
        {"name": "migrate", "image": "m", "essential": false,
         "dependsOn": [{"containerName": "db", "condition": "START"}]},
        {"name": "db", "image": "d", "healthCheck": {"command": ["CMD", "true"]}},
    ]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &chain)], vec![]);
    assert_eq!(bench.actions(), ["start 1/2"]);
    bench.started_container(1, 2);
    assert_eq!(bench.actions(), ["start 1/1"]);
    bench.started_container(1, 1);
    bench.exited(1, 1, 0);
    assert_eq!(bench.actions(), Vec::<String>::new(), "db is not healthy yet");
    bench.runtime(RuntimeEvent::Health { container: at(1, 2), health: HealthStatus::Healthy });
    assert_eq!(bench.actions(), ["start 1/0"]);
    bench.started_container(1, 0);
    // migrate has completed as a dependency, and counts as having run.
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Running);
}

#[test]
fn a_failed_success_dependency_stops_the_task_before_it_runs_tl_8() {
    let chain = definition(json!([
        {"name": "web", "image": "w", "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]},
        {"name": "migrate", "image": "m", "essential": false},
    ]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &chain)], vec![]);
    bench.started_container(1, 1);
    bench.exited(1, 1, 3);
    assert_eq!(bench.actions(), ["start 1/1"]);
    let report = &bench.settled_reports()[&1];
    assert_eq!(report.status, TaskStatus::Stopped);
    assert!(matches!(&report.stop, Some(StopCause::FailedToStart { reason }) if reason.contains("exited with code 3")));
}

#[test]
fn an_essential_exit_stops_the_others_in_reverse_order_tl_5() {
    let chain = definition(json!([
        {"name": "db", "image": "d", "stopTimeout": 5, "essential": false},
        {"name": "cache", "image": "c", "essential": false,
         "dependsOn": [{"containerName": "db", "condition": "START"}]},
        {"name": "web", "image": "w"},
    ]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &chain)], vec![]);
    for index in [0, 2, 1] {
        bench.started_container(1, index);
    }
    bench.settled_reports();
    bench.actions();
    bench.exited(1, 2, 137);
    assert_eq!(bench.actions(), ["stop 1/1 30000"], "cache depends on db and goes first");
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Stopping);
    bench.exited(1, 1, 143);
    assert_eq!(bench.actions(), ["stop 1/0 5000"]);
    bench.exited(1, 0, 0);
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, &report.stop), (TaskStatus::Stopped, &Some(StopCause::EssentialContainerExited)));
    assert_eq!(report.containers[2].exit_code, Some(137), "I-22");
    assert_eq!(report.execution_stopped_at, Some(bench.now));
}

#[test]
fn a_non_essential_exit_changes_nothing_else_tl_5() {
    let pair = definition(json!([{"name": "web", "image": "w"}, {"name": "side", "image": "s", "essential": false}]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &pair)], vec![]);
    bench.started_container(1, 0);
    bench.started_container(1, 1);
    bench.settled_reports();
    bench.actions();
    bench.exited(1, 1, 1);
    assert_eq!(bench.actions(), Vec::<String>::new());
    let report = &bench.settled_reports()[&1];
    assert_eq!(report.status, TaskStatus::Running);
    assert_eq!(report.containers[1].last_status, TaskStatus::Stopped);
}

#[test]
fn a_start_failure_stops_the_task_with_the_runtimes_reason_tl_8() {
    let pair = definition(json!([{"name": "web", "image": "w"}, {"name": "side", "image": "s", "essential": false}]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &pair)], vec![]);
    bench.started_container(1, 0);
    bench.actions();
    bench.runtime(RuntimeEvent::Failed {
        container: at(1, 1),
        reason: "CannotPullContainerError: no such image".into(),
    });
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited(1, 0, 143);
    let report = &bench.settled_reports()[&1];
    assert_eq!(report.status, TaskStatus::Stopped);
    let reason = "CannotPullContainerError: no such image".into();
    assert_eq!(report.stop, Some(StopCause::FailedToStart { reason }));
}

#[test]
fn pulling_does_not_count_towards_the_start_timeout_tl_8_tl_9() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.runtime(RuntimeEvent::PullStarted(at(1, 0)));
    let pull_started_at = bench.now;
    bench.wait(2 * START_TIMEOUT_MS);
    let pull_stopped_at = bench.now;
    bench.runtime(RuntimeEvent::PullStopped(at(1, 0)));
    // Late and doubled events of the pull do not stop the clock again.
    bench.runtime(RuntimeEvent::PullStarted(at(1, 0)));
    bench.actions();
    bench.wait(START_TIMEOUT_MS - 1);
    assert_eq!(bench.actions(), Vec::<String>::new());
    bench.wait(1);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited_again(1, 0, 0, None);
    let report = &bench.settled_reports()[&1];
    let timeout = "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 3m0s";
    assert_eq!(report.stop, Some(StopCause::FailedToStart { reason: timeout.into() }));
    assert_eq!(report.pull_started_at, Some(pull_started_at));
    assert_eq!(report.pull_stopped_at, Some(pull_stopped_at));
    assert_eq!(report.execution_stopped_at, None, "it never ran");
}

#[test]
fn a_dependency_that_is_not_healthy_in_its_start_timeout_fails_the_task_td_48() {
    let chain = definition(json!([
        {"name": "web", "image": "w", "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]},
        {"name": "db", "image": "d", "startTimeout": 5, "healthCheck": {"command": ["CMD", "true"]}},
    ]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &chain)], vec![]);
    bench.started_container(1, 1);
    bench.actions();
    bench.wait(5_000);
    assert_eq!(bench.actions(), ["stop 1/1 30000"]);
}

#[test]
fn a_stop_is_asked_for_until_the_exit_is_seen_f_18() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.started_container(1, 0);
    bench.actions();
    bench.command(vec![], vec![1]);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.wait(STOP_TIMEOUT_MS + 10_000);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited(1, 0, 143);
    bench.wait(STOP_TIMEOUT_MS + 10_000);
    assert_eq!(bench.actions(), Vec::<String>::new());
    assert_eq!(bench.settled_reports()[&1].stop, Some(StopCause::Requested));
}

#[test]
fn nothing_starts_after_a_stop_i_20() {
    let chain = definition(json!([
        {"name": "db", "image": "d"},
        {"name": "web", "image": "w", "dependsOn": [{"containerName": "db", "condition": "START"}]},
    ]));
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &chain)], vec![]);
    bench.command(vec![assignment(1, &chain), assignment(2, &chain)], vec![1, 2]);
    assert_eq!(bench.actions(), ["start 1/0", "stop 1/0 30000"]);
    // The start wins the race in the runtime: it must stop all the same.
    bench.started_container(1, 0);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited(1, 0, 143);
    bench.command(vec![assignment(1, &chain)], vec![]);
    assert_eq!(bench.actions(), Vec::<String>::new());
    let reports = bench.settled_reports();
    assert_eq!((reports[&1].status, reports[&2].status), (TaskStatus::Stopped, TaskStatus::Stopped));
}

#[test]
fn a_stop_of_a_task_nobody_knows_is_answered_i_20() {
    let mut bench = Bench::welcomed();
    bench.command(vec![], vec![9]);
    assert_eq!(bench.settled_reports()[&9].status, TaskStatus::Stopped);
    bench.command(vec![assignment(9, &web())], vec![]);
    assert!(!bench.actions().contains(&"start 9/0".to_owned()));
}

#[test]
fn doubled_and_late_events_change_nothing_i_17() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.started_container(1, 0);
    bench.exited(1, 0, 7);
    let before = bench.settled_reports();
    bench.actions();
    bench.started_container(1, 0);
    bench.exited(1, 0, 9);
    bench.runtime(RuntimeEvent::Failed { container: at(1, 0), reason: "late".into() });
    bench.runtime(RuntimeEvent::PullStopped(at(1, 0)));
    bench.runtime(RuntimeEvent::Health { container: at(1, 0), health: HealthStatus::Unhealthy });
    bench.exited(1, 5, 0);
    assert_eq!(bench.settled_reports(), [].into(), "{before:?}");
    assert_eq!(bench.actions(), Vec::<String>::new());
}

#[test]
fn an_exit_that_overtakes_its_start_counts_as_having_run_i_17() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.exited(1, 0, 0);
    bench.started_container(1, 0);
    let report = &bench.settled_reports()[&1];
    assert_eq!((report.status, &report.stop), (TaskStatus::Stopped, &Some(StopCause::EssentialContainerExited)));
}

#[test]
fn remains_go_after_acknowledgement_and_retention_i_21() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.started_container(1, 0);
    bench.exited(1, 0, 0);
    bench.actions();
    bench.wait(2 * RETENTION_MS);
    assert_eq!(bench.actions(), Vec::<String>::new(), "nothing is acknowledged");
    bench.settled_reports();
    assert_eq!(bench.actions(), ["remove 1"]);
    bench.wait(30_000);
    assert_eq!(bench.actions(), ["remove 1"], "asked again until it is done");
    bench.runtime(RuntimeEvent::Removed { task: task_id(1) });
    bench.wait(3_600_000);
    assert_eq!(bench.actions(), Vec::<String>::new());
    assert!(bench.node.tasks.is_empty());
}

#[test]
fn a_task_waits_for_what_a_disowned_one_still_holds_d_6() {
    let port = PortClaim { protocol: Protocol::Tcp, port: 80 };
    let mut first = assignment(1, &web());
    first.reserved.ports = vec![port];
    let mut second = assignment(2, &web());
    second.reserved.ports = vec![port];
    let mut bench = Bench::welcomed();
    bench.command(vec![first], vec![]);
    bench.started_container(1, 0);
    bench.connect();
    bench.actions();
    bench.welcome(vec![second]);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited(1, 0, 143);
    assert_eq!(bench.actions(), ["remove 1", "start 2/0"]);
    let mut oversized = assignment(3, &web());
    oversized.reserved.cpu_units = 4096;
    bench.command(vec![oversized], vec![]);
    assert_eq!(bench.settled_reports()[&3].status, TaskStatus::Stopped);
}

#[test]
fn unknown_holdings_block_starts_until_they_are_gone_i_3() {
    let mut bench = Bench::started(vec![adopted(1, 0, AdoptedState::Running)]);
    bench.connect();
    bench.welcome(vec![assignment(2, &web())]);
    assert_eq!(bench.actions(), ["stop 1/0 30000"]);
    bench.exited(1, 0, 0);
    assert_eq!(bench.actions(), ["remove 1", "start 2/0"]);
    assert!(bench.now > Timestamp::ZERO);
}
