//! A log made by hand, repeated, bent, and placed by another policy.

use super::*;
use crate::read::ReadError;
use plimsoll_model::{InstanceId, PlacementStrategy, Reserved, Resources, TaskId, Timestamp};
use plimsoll_placement::journal::{Event, VERSION};
use plimsoll_placement::policy::PolicySpec;
use plimsoll_placement::{Demand, NodeSpec};
use serde_json::json;

const CLUSTER: &str = "1/r/default";

fn node(id: u128) -> Event {
    Event::Instance(NodeSpec {
        instance: InstanceId::from_u128(id),
        ec2_instance_id: format!("i-{id}").into(),
        registered_at: Timestamp::ZERO,
        agent_version: None,
        attributes: BTreeMap::from([("ecs.availability-zone".into(), Some(["a", "b"][id as usize % 2].into()))]),
        resources: Resources { cpu_units: 1_000, memory_mib: 1_000, ..Resources::default() },
        active: true,
        connected: true,
        damped: false,
    })
}

/// Four nodes; eight requests of a task each, spread as a fleet spreads them; three tasks end.
fn log() -> Vec<Event> {
    let mut events = vec![Event::Begins { seed: [1, 2, 3, 4], stream: 3 }];
    events.extend((1..=4).map(node));
    let mut replica = Replica::default();
    events.iter().for_each(|event| replica.apply(event.clone()).unwrap());
    let reserved = Reserved { cpu_units: 100, memory_mib: 50, ..Reserved::default() };
    let (mut drawn, mut there) = (0, Vec::new());
    for task in 0..8 {
        let mut asked = Asked {
            demand: Demand { cpu_units: 100, memory_mib: 50, ..Demand::default() },
            required_attributes: Vec::new(),
            member_of: vec!["attribute:ecs.availability-zone in [a, b]".into()],
            distinct_instance: false,
            group: "service:web".into(),
            strategies: if task % 2 == 0 { vec![PlacementStrategy::Random] } else { Vec::new() },
            external: false,
            takes_kept_room: false,
            capacity_provider: None,
            count: 1,
            drawn,
            placed: Vec::new(),
        };
        asked.placed = replica.ask(&asked).unwrap();
        // A random choice draws one number of two words.
        drawn += 2 * u64::from(task % 2 == 0);
        let (instance, group) = (asked.placed[0], Arc::clone(&asked.group));
        there.push(instance);
        let placed = Event::TaskPlaced { task: TaskId::from_u128(task), instance, group, reserved: reserved.clone() };
        replica.apply(placed.clone()).unwrap();
        events.extend([Event::Asked(asked), placed]);
    }
    for task in 0..3 {
        let (instance, group) = (there[task as usize], Arc::from("service:web"));
        let (task, reserved) = (TaskId::from_u128(task), reserved.clone());
        events.push(Event::TaskGone { task, instance, group, reserved, was_live: true });
    }
    events
}

fn texts(events: &[Event]) -> Vec<String> {
    let header = json!({ "plimsollDecisionLog": VERSION, "server": "0" }).to_string();
    let line =
        |(at, event): (usize, &Event)| json!({ "at": at * 1_000, "cluster": CLUSTER, "event": event }).to_string();
    std::iter::once(header).chain(events.iter().enumerate().map(line)).collect()
}

fn read(texts: &[String], mut take: impl FnMut(&Lines, Line) -> Result<(), ReadError>) -> Result<(), ReadError> {
    let mut lines = Lines::new("log");
    for text in texts {
        if let Some(line) = lines.read(text)? {
            take(&lines, line)?;
        }
    }
    lines.end()
}

fn repeated(texts: &[String]) -> Result<Same, ReadError> {
    let mut same = Same::default();
    read(texts, |lines, line| same.take(lines, line)).map(|()| same)
}

#[test]
fn a_log_repeats_itself_and_shows_where_it_does_not() {
    let events = log();
    let same = repeated(&texts(&events)).unwrap();
    assert_eq!((same.requests, same.tasks, same.differences, same.first), (8, 8, 0, None));

    let at = events.iter().rposition(|event| matches!(event, Event::Asked(_))).unwrap();
    let mut bent = events;
    let Event::Asked(asked) = &mut bent[at] else { unreachable!("it was found by that") };
    let (chosen, elsewhere) = (asked.placed[0], InstanceId::from_u128(9));
    asked.placed = vec![elsewhere];
    let same = repeated(&texts(&bent)).unwrap();
    let first = same.first.unwrap();
    // The header is the first line.
    assert_eq!((same.differences, first.line, first.nth, first.of), (1, at as u64 + 2, 0, 1));
    assert_eq!((first.logged, first.repeated), (Some(elsewhere), Some(chosen)));
}

#[test]
fn after_a_hole_nothing_is_compared_until_a_scheduler_begins() {
    let whole = log();
    let mut holed = whole.clone();
    holed.splice(7..9, [Event::Lost { events: 2 }]);
    let same = repeated(&texts(&holed)).unwrap();
    assert_eq!((same.lost_events, same.requests, same.skipped, same.differences), (2, 1, 6, 0));
    holed.extend(whole);
    let same = repeated(&texts(&holed)).unwrap();
    assert_eq!((same.requests, same.skipped, same.differences), (9, 6, 0));
}

#[test]
fn another_policy_shows_what_it_changes() {
    let mut other = Other::new(PolicySpec::parse("best-fit").unwrap());
    read(&texts(&log()), |lines, line| other.take(lines, line)).unwrap();
    let value = |what: &str| {
        let row = other.rows().into_iter().find(|row| row.what == what).unwrap();
        (row.logged, row.other)
    };
    assert_eq!(value("tasks placed on request"), ("8".to_owned(), "8".to_owned()));
    let (logged, packed) = value("hosts used, at most");
    assert!(logged.parse::<u32>().unwrap() >= 3, "{logged}");
    assert_eq!((packed.as_str(), value("hosts used, at the end").1.as_str()), ("1", "1"));
    assert!(other.elsewhere() >= 4);
    assert_eq!(other.requests, 8);
}

#[test]
fn a_bad_line_is_named_with_what_was_expected() {
    let good = texts(&log());
    let placed = json!({ "taskPlaced": { "task": TaskId::from_u128(1), "instance": InstanceId::from_u128(77), "group": "g",
        "reserved": Reserved::default() } });
    let gone = json!({ "taskGone": { "task": TaskId::from_u128(1), "instance": InstanceId::from_u128(1), "group": "g",
        "reserved": Reserved::default(), "wasLive": true } });
    let line = |event: serde_json::Value| json!({ "at": 1, "cluster": CLUSTER, "event": event }).to_string();
    let elsewhere = json!({ "at": 1, "cluster": "other", "event": placed }).to_string();
    for (at, text, expected) in [
        (0, "{}".to_owned(), "log:1: expected the header of a decision log"),
        (
            0,
            "{\"plimsollDecisionLog\":9,\"server\":\"x\"}".to_owned(),
            "log:1: expected a decision log of version 1, found version 9",
        ),
        (2, "{\"at\":1".to_owned(), "log:3: expected a decision: EOF"),
        (2, line(json!({ "instance": { "id": 3 } })), "log:3: expected a decision: unknown field `id`"),
        (2, line(json!("begin")), "log:3: expected a decision: unknown variant `begin`"),
        (3, line(placed.clone()), "log:4: expected an instance that has joined, not 0000000000000000000000000000004d"),
        (3, line(gone), "log:4: expected a group with tasks, not g"),
        (3, line(json!({ "policy": { "policy": "bestest" } })), "log:4: unknown policy \"bestest\", expected one of"),
        (3, elsewhere, "log:4: expected a line that begins the cluster"),
    ] {
        let mut bad = good.clone();
        bad[at] = text;
        let error = repeated(&bad).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\nexpected {expected}");
    }
    assert!(repeated(&[]).unwrap_err().to_string().contains("found an empty file"));
}
