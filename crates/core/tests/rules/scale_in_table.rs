//! Whom scaling in stops, over every small cluster and each strategy, against the rules said naively (TERM-1..5).
//!
//! CPU forces where tasks are: each instance has room for exactly its share. What it has in memory beyond that differs, so
//! that packing has something to tell apart. Tasks are placed one at a time, so that there is always a newest.
//!
//! The rules do not say whether what a stopping task still holds is available for packing. Ours: among the victims of one
//! choice, yes; what those hold that were not RUNNING and went before counts until they are STOPPED.

use crate::rollout_model::cluster::{Cluster, Host};
use crate::rollout_model::{Event, in_parallel};
use plimsoll_model::{PlacementStrategy, SpreadField};
use std::cmp::Reverse;

const INSTANCES_MAX: usize = 4;
const ZONES_MAX: usize = 3;
const TASKS_MAX: usize = 6;

#[derive(Clone, Copy, Debug)]
struct Task {
    label: usize,
    host: usize,
    is_running: bool,
}

#[derive(Clone, Debug)]
struct Case {
    hosts: Vec<Host>,
    strategies: Vec<PlacementStrategy>,
}

/// Every way to deal up to so many tasks, at least one each, to up to so many instances in up to so many zones.
fn clusters() -> Vec<Vec<Host>> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<Host>> = vec![Vec::new()];
    while let Some(hosts) = open.pop() {
        let used: usize = hosts.iter().map(|host| host.cpu_slots).sum();
        let zones = hosts.iter().map(|host| host.zone.unwrap() + 1).max().unwrap_or(0);
        if !hosts.is_empty() {
            found.push(hosts.clone());
        }
        if hosts.len() == INSTANCES_MAX {
            continue;
        }
        for tasks in 1..=TASKS_MAX - used {
            // A zone that is not used yet is as good as any other.
            for zone in 0..=zones.min(ZONES_MAX - 1) {
                let spare = (hosts.len() * 2 + tasks + zone) % 3;
                let host = Host { cpu_slots: tasks, memory_slots: tasks + spare, zone: Some(zone) };
                open.push([hosts.as_slice(), &[host]].concat());
            }
        }
    }
    found
}

fn cases() -> Vec<Case> {
    let zones = || PlacementStrategy::Spread(SpreadField::Attribute("ecs.availability-zone".into()));
    let instances = || PlacementStrategy::Spread(SpreadField::Instance);
    let chains = [
        vec![],
        vec![zones()],
        vec![instances()],
        vec![zones(), instances()],
        vec![PlacementStrategy::BinpackMemory],
        vec![zones(), PlacementStrategy::BinpackMemory],
        vec![PlacementStrategy::BinpackCpu],
        vec![PlacementStrategy::Random],
    ];
    let with = |hosts: &Vec<Host>| chains.clone().map(|strategies| Case { hosts: hosts.clone(), strategies });
    clusters().iter().flat_map(with).collect()
}

/// Who may go next: of the tasks that are not RUNNING yet, or of all if none is (TERM-2), those that come first by each
/// strategy in turn (TERM-3, TERM-4), and of them the newest.
///
/// `held` are tasks that are stopping and whose resources still count.
fn next_victims(case: &Case, tasks: &[Task], held: &[Task]) -> Vec<usize> {
    let mut left: Vec<Task> = tasks.to_vec();
    if left.iter().any(|task| !task.is_running) {
        left.retain(|task| !task.is_running);
    }
    let zone = |task: &Task| case.hosts[task.host].zone;
    let in_zone = |task: &Task| tasks.iter().filter(|other| zone(other) == zone(task)).count();
    let on_instance = |task: &Task| tasks.iter().filter(|other| other.host == task.host).count();
    let holding = |task: &Task| on_instance(task) + held.iter().filter(|other| other.host == task.host).count();
    let memory_after = |task: &Task| case.hosts[task.host].memory_slots + 1 - holding(task);
    // Of CPU an instance had as much as its tasks take.
    let cpu_after = |task: &Task| case.hosts[task.host].cpu_slots + 1 - holding(task);
    let default = [
        PlacementStrategy::Spread(SpreadField::Attribute("ecs.availability-zone".into())),
        PlacementStrategy::Spread(SpreadField::Instance),
    ];
    let chain = if case.strategies.is_empty() { &default[..] } else { &case.strategies[..] };
    for strategy in chain {
        let rank = |task: &Task| match strategy {
            PlacementStrategy::Random => 0,
            PlacementStrategy::Spread(SpreadField::Instance) => on_instance(task),
            PlacementStrategy::Spread(SpreadField::Attribute(_)) => in_zone(task),
            PlacementStrategy::BinpackCpu => cpu_after(task),
            PlacementStrategy::BinpackMemory => memory_after(task),
        };
        let most = left.iter().map(rank).max();
        left.retain(|task| Some(rank(task)) == most);
    }
    if case.strategies != [PlacementStrategy::Random] {
        left.sort_by_key(|task| Reverse(task.label));
        left.truncate(1);
    }
    left.iter().map(|task| task.label).collect()
}

/// A service that has grown task by task until its instances are full; some of its tasks are not RUNNING yet.
fn grown(case: &Case, is_pending: impl Fn(usize) -> bool) -> (Cluster, Vec<Task>) {
    let size: usize = case.hosts.iter().map(|host| host.cpu_slots).sum();
    let mut cluster = Cluster::of(&case.hosts, 0);
    let mut tasks: Vec<Task> = Vec::new();
    cluster.create_placed(0, &case.strategies);
    for desired in 1..=size {
        let tick = Event::Time(cluster.now() + 1);
        let started = cluster.step(&[tick, Event::Resize(desired)]).started[0];
        let is_running = !is_pending(started.label);
        if is_running {
            cluster.step(&[Event::Runs(started.label)]);
        }
        tasks.push(Task { label: started.label, host: started.instance, is_running });
    }
    (cluster, tasks)
}

fn check(case: &Case, is_pending: impl Fn(usize) -> bool + Copy) {
    let packs =
        |one: &PlacementStrategy| matches!(one, PlacementStrategy::BinpackCpu | PlacementStrategy::BinpackMemory);
    // One at a time, down to none.
    let (mut cluster, mut tasks) = grown(case, is_pending);
    for desired in (0..tasks.len()).rev() {
        let stopped = cluster.step(&[Event::Resize(desired)]).stopped;
        let allowed = next_victims(case, &tasks, &[]);
        assert_eq!(stopped.len(), 1, "{case:?} to {desired} of {tasks:?} (TERM-1)");
        assert!(allowed.contains(&stopped[0]), "{case:?} to {desired}: {stopped:?}, not {allowed:?} of {tasks:?}");
        tasks.retain(|task| task.label != stopped[0]);
        // A task that is stopping is gone for spreading (TERM-5); what packing counts it gives back when it has STOPPED.
        if case.strategies.iter().any(packs) {
            cluster.step(&[Event::Stopped(stopped[0])]);
        }
    }

    // Half of them at once: each choice sees the ones before.
    let (mut cluster, mut tasks) = grown(case, is_pending);
    let desired = tasks.len() / 2;
    let mut stopped = cluster.step(&[Event::Resize(desired)]).stopped;
    if case.strategies == [PlacementStrategy::Random] {
        assert_eq!(stopped.len(), tasks.len() - desired, "{case:?} to {desired} of {tasks:?} (TERM-1)");
        let is_left = |task: &&Task| !task.is_running && !stopped.contains(&task.label);
        let running_stopped = tasks.iter().any(|task| task.is_running && stopped.contains(&task.label));
        assert!(
            !running_stopped || tasks.iter().find(is_left).is_none(),
            "{case:?} to {desired} of {tasks:?} (TERM-2)"
        );
        return;
    }
    let before = tasks.clone();
    let mut expected = Vec::new();
    while tasks.len() > desired {
        let some_pending = tasks.iter().any(|task| !task.is_running);
        let is_held = |task: &&Task| !some_pending && !task.is_running && expected.contains(&task.label);
        let held: Vec<Task> = before.iter().filter(is_held).copied().collect();
        let victim = next_victims(case, &tasks, &held)[0];
        tasks.retain(|task| task.label != victim);
        expected.push(victim);
    }
    stopped.sort_unstable();
    expected.sort_unstable();
    assert_eq!(stopped, expected, "{case:?} to {desired} of {before:?}");
}

#[test]
fn scaling_in_stops_whom_the_rules_name() {
    in_parallel(&cases(), |case| {
        check(case, |_| false);
        check(case, |label| label % 3 == 1);
    });
}
