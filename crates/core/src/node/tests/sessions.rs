//! Sessions, numbers, epochs: D-4, D-7, I-17, I-30, I-33, F-9, F-15.

use super::super::testing::*;
use super::super::{Identity, Input};
use crate::protocol::{FromNode, ToNode};
use plimsoll_model::{Epoch, InstanceId, TaskStatus};

#[test]
fn identity_is_given_out_when_a_welcome_assigns_it() {
    let mut bench = Bench::started(vec![]);
    bench.connect();
    bench.welcome_of(Epoch(3), vec![]);
    let expected = Identity { instance: Some(InstanceId::from_u128(7)), epoch: Epoch(3) };
    assert_eq!(bench.take().identity, Some(expected));
    bench.connect();
    let messages = bench.take().messages;
    let [FromNode::Hello(hello)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((hello.registration.instance, hello.epoch), (expected.instance, Epoch(3)));
    bench.welcome_of(Epoch(3), vec![]);
    assert_eq!(bench.take().identity, None, "it did not change");
}

#[test]
fn a_welcome_of_the_past_is_not_obeyed_i_30_f_9() {
    let mut bench = Bench::started(vec![]);
    bench.connect();
    bench.welcome_of(Epoch(3), vec![assignment(1, &web())]);
    bench.started_container(1, 0);
    bench.connect();
    bench.take();
    bench.welcome_of(Epoch(2), vec![]);
    bench.exited(1, 0, 0);
    let out = bench.take();
    assert_eq!((out.messages, out.actions, out.identity), (vec![], vec![], None));
}

#[test]
fn nothing_stops_while_the_control_plane_is_away_i_33() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.started_container(1, 0);
    bench.settled_reports();
    bench.actions();
    bench.step(Input::Disconnected);
    bench.wait(3_600_000);
    let out = bench.take();
    assert_eq!((out.actions, out.messages), (vec![], vec![]));
}

#[test]
fn commands_are_obeyed_once_and_in_order_f_15() {
    let mut bench = Bench::welcomed();
    let first = bench.command_message(1, vec![assignment(1, &web())], vec![]);
    let second = bench.command_message(2, vec![], vec![1]);
    let fourth = bench.command_message(4, vec![assignment(2, &web())], vec![]);
    for message in [&first, &second, &first, &fourth, &fourth] {
        bench.step(Input::Control(message.clone()));
    }
    assert_eq!(bench.actions(), ["start 1/0", "stop 1/0 30000"]);
    let resyncs = |bench: &mut Bench| {
        let messages = bench.take().messages;
        messages.iter().filter(|message| matches!(message, FromNode::Resync { .. })).count()
    };
    assert_eq!(resyncs(&mut bench), 1, "asked once until it is answered");
    bench.wait(HEARTBEAT_MS);
    assert_eq!(resyncs(&mut bench), 1, "or until a heartbeat passes without an answer");
    for _ in 0..4 {
        bench.skip_command();
    }
    let answer = bench.welcome_message(Epoch(1), vec![assignment(2, &web())]);
    bench.step(Input::Control(answer.clone()));
    assert_eq!(bench.actions(), ["start 2/0"]);
    bench.command(vec![], vec![2]);
    bench.actions();
    // A copy of the answer comes late: what it lists has ended since.
    bench.step(Input::Control(answer));
    assert_eq!(bench.actions(), Vec::<String>::new());
}

#[test]
fn commands_of_another_session_are_ignored_i_30() {
    let mut bench = Bench::welcomed();
    let stale = bench.command_message(1, vec![assignment(1, &web())], vec![]);
    bench.connect();
    bench.step(Input::Control(stale.clone()));
    bench.welcome(vec![]);
    bench.step(Input::Control(stale));
    assert_eq!(bench.actions(), Vec::<String>::new());
}

#[test]
fn a_report_is_told_again_until_it_is_acknowledged_f_15() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web()), assignment(2, &web())], vec![]);
    let (first, tasks) = bench.reports();
    assert_eq!((first, tasks.len()), (1, 2), "one report for all that a step changed");
    bench.started_container(1, 0);
    bench.started_container(2, 0);
    assert_eq!(bench.reports().0, 0, "one report is on its way at a time");
    bench.wait(HEARTBEAT_MS);
    let (second, tasks) = bench.reports();
    assert_eq!((second, tasks.len()), (2, 2));
    assert!(tasks.iter().all(|report| report.status == TaskStatus::Running));
    bench.acknowledge(first);
    assert_eq!(bench.reports().0, 0, "an old acknowledgement says nothing of it");
    bench.step(Input::Disconnected);
    bench.connect();
    bench.welcome(vec![assignment(1, &web()), assignment(2, &web())]);
    assert_eq!(bench.reports().1.len(), 2, "a new session hears of it as well");
}

#[test]
fn a_stopped_task_is_kept_until_it_is_acknowledged_i_22() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.started_container(1, 0);
    bench.exited(1, 0, 5);
    bench.step(Input::Disconnected);
    bench.wait(3_600_000);
    bench.take();
    bench.connect();
    let messages = bench.take().messages;
    let [FromNode::Hello(hello)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(hello.inventory[0].containers[0].exit_code, Some(5));
    let mut known_running = assignment(1, &web());
    known_running.last_status = TaskStatus::Running;
    bench.welcome(vec![known_running]);
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Stopped);
    bench.connect();
    let messages = bench.take().messages;
    assert!(matches!(&messages[..], [FromNode::Hello(hello)] if hello.inventory.is_empty()));
}

#[test]
fn heartbeats_tell_the_last_command_and_repeat_a_lost_hello() {
    let mut bench = Bench::started(vec![]);
    bench.connect();
    bench.take();
    bench.tick();
    assert!(matches!(&bench.take().messages[..], [FromNode::Hello(_)]));
    bench.welcome(vec![]);
    bench.command(vec![], vec![]);
    bench.take();
    bench.tick();
    assert!(matches!(&bench.take().messages[..], [FromNode::Heartbeat(beat)] if beat.received == 1));
    bench.step(Input::Disconnected);
    assert_eq!(bench.node.next_wakeup(), None);
}

#[test]
fn a_refused_node_keeps_quiet() {
    let mut bench = Bench::started(vec![]);
    bench.connect();
    bench.take();
    bench.step(Input::Control(ToNode::Refused { reason: "other hardware".into() }));
    bench.wait(10 * HEARTBEAT_MS);
    assert_eq!(bench.take().messages, vec![]);
}

#[test]
fn a_session_nobody_asked_for_hears_everything_i_17() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    bench.started_container(1, 0);
    bench.settled_reports();
    // A late copy of the hello opened it, and its inventory did not know that the task is RUNNING.
    bench.welcome(vec![assignment(1, &web())]);
    assert_eq!(bench.settled_reports()[&1].status, TaskStatus::Running);
}

/// Where a round trip takes longer than a heartbeat, each report used to be told again under a new number before the
/// answer to the last could come, and none was ever acknowledged.
#[test]
fn an_acknowledgement_may_take_longer_than_a_heartbeat_f_15() {
    let mut bench = Bench::welcomed();
    bench.command(vec![assignment(1, &web())], vec![]);
    let mut newest = bench.reports().0;
    let mut told = 1;
    for _ in 0..30 {
        bench.wait(HEARTBEAT_MS);
        let (sequence, _) = bench.reports();
        if sequence > 0 {
            (newest, told) = (sequence, told + 1);
        }
    }
    assert!((3..=6).contains(&told), "told {told} times in 30 heartbeats");
    bench.acknowledge(newest);
    // What changed while the report was on its way is told in one of its own.
    let (since, _) = bench.reports();
    if since > 0 {
        assert_eq!(since, newest + 1);
        bench.acknowledge(since);
    }
    bench.wait(2 * HEARTBEAT_MS);
    assert_eq!(bench.reports().0, 0, "it is known");
}
