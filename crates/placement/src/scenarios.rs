//! The rules by worked examples, on fleets small enough to check by hand.

use crate::{
    Demand, Expression, Fleet, InstanceIdx, NodeSpec, Plan, Reason, Request, TaskWasLive, Terms, Victim, pick_victims,
};
use plimsoll_model::{
    InstanceId, PlacementStrategy, PortClaim, Protocol, Reserved, Resources, SpreadField, TaskId, Timestamp,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
fn pl_6_the_default_fills_zones_evenly_then_instances() {
    let mut fleet = fleet(&[(1, "a", 100), (2, "a", 100), (3, "b", 100)]);
    assert_eq!(ids(&fleet, &plan(&mut fleet.clone(), &[], 6)), [1, 3, 2, 3, 1, 3]);
    // A zone whose instances are full is not waited for.
    let idx = fleet.idx(InstanceId::from_u128(3)).unwrap();
    let other = fleet.group("family:other");
    fleet.add_task(idx, other, &Reserved { cpu_units: 99, ..Reserved::default() });
    assert_eq!(ids(&fleet, &plan(&mut fleet.clone(), &[], 4)), [1, 2, 1, 2]);
}

#[test]
fn pl_2_4_a_chain_filters_left_to_right() {
    let fleet = fleet(&[(1, "a", 30), (2, "a", 20), (3, "b", 90), (4, "b", 80)]);
    let zone = spread("ecs.availability-zone");
    for (chain, expected) in [
        (vec![PlacementStrategy::BinpackCpu], [2, 2, 1, 1]),
        (vec![zone.clone(), PlacementStrategy::BinpackCpu], [2, 4, 2, 4]),
        (vec![PlacementStrategy::Spread(SpreadField::Instance)], [1, 2, 3, 4]),
        (vec![spread("nobody-has-this")], [1, 1, 1, 2]),
        (vec![zone], [1, 3, 1, 3]),
    ] {
        assert_eq!(ids(&fleet, &plan(&mut fleet.clone(), &chain, 4)), expected, "{chain:?}");
    }
}

#[test]
fn pl_3_draining_instances_count_for_spreading_and_take_nothing() {
    let mut fleet = fleet(&[(1, "a", 100), (2, "a", 100), (3, "b", 100)]);
    let placed = plan(&mut fleet, &[], 1).placed;
    let web = fleet.group("service:web");
    placed.iter().for_each(|(idx, reserved)| fleet.add_task(*idx, web, reserved));
    fleet.put(NodeSpec { active: false, ..spec(1, "a", 100) });
    assert_eq!(ids(&fleet, &plan(&mut fleet.clone(), &[], 3)), [3, 2, 3]);
}

#[test]
fn pl_9_12_constraints_see_the_tasks_of_the_same_batch() {
    let mut fleet = fleet(&[(1, "a", 100), (2, "b", 100), (3, "b", 100)]);
    let mut place = |expression: Option<&str>, distinct_instance: bool| {
        let group = fleet.group("databases");
        let member_of: Vec<_> = expression.iter().map(|text| Arc::new(Expression::parse(text).unwrap())).collect();
        let request = Request { member_of: &member_of, distinct_instance, group, ..request(&ONE, &[]) };
        fleet.plan(&request, 5, &mut rng())
    };
    let distinct = place(None, true);
    assert_eq!((distinct.placed.len(), distinct.rejection.unwrap().counts[&Reason::DistinctInstance]), (3, 3));
    let apart = place(Some("not(task:group == databases)"), false);
    assert_eq!((apart.placed.len(), apart.rejection.unwrap().counts[&Reason::MemberOf]), (3, 3));
    // Affinity to a group without tasks is never bootstrapped.
    assert_eq!(place(Some("task:group == databases"), false).placed.len(), 0);
}

#[test]
fn pl_11_the_closest_match_failed_last() {
    let mut fleet = fleet(&[(1, "a", 5), (2, "a", 100), (3, "b", 100)]);
    fleet.put(NodeSpec { connected: false, ..spec(4, "b", 100) });
    fleet.put(NodeSpec { active: false, ..spec(5, "b", 100) });
    let group = fleet.group("service:web");
    let never = [Arc::new(Expression::parse("attribute:nope exists").unwrap())];
    let rejection = fleet.plan(&Request { member_of: &never, group, ..request(&TEN, &[]) }, 1, &mut rng()).rejection;
    let rejection = rejection.unwrap();
    assert_eq!(rejection.counts, BTreeMap::from([(Reason::Agent, 1), (Reason::Cpu, 1), (Reason::MemberOf, 2)]));
    assert_eq!(rejection.closest, Some((InstanceId::from_u128(2), Reason::MemberOf)));
    assert_eq!(rejection.instances, 4);
}

#[test]
fn svc_45_kept_room_is_there_for_those_it_is_kept_for() {
    let mut fleet = fleet(&[(1, "a", 25), (2, "b", 25)]);
    let daemon: Arc<str> = "service:daemon".into();
    let idx = fleet.idx(InstanceId::from_u128(1)).unwrap();
    let group = fleet.group("service:web");
    assert!(fleet.keep(idx, &daemon, TEN.clone()));
    assert!(!fleet.keep(idx, &daemon, TEN.clone()), "the same again changes nothing");
    let kept_out = fleet.plan(&Request { group, ..request(&TEN, &[]) }, 4, &mut rng());
    assert_eq!(ids(&fleet, &kept_out), [1, 2, 2]);
    assert_eq!(kept_out.rejection.unwrap().closest, Some((InstanceId::from_u128(1), Reason::Cpu)));
    let own = Request { group, takes_kept_room: true, ..request(&TEN, &[]) };
    let daemons = fleet.plan(&own, 5, &mut rng());
    assert_eq!(ids(&fleet, &daemons), [1, 2, 1, 2]);
    // What it holds while it is replaced by a larger one is kept only once.
    let held = Reserved { cpu_units: 7, ..Reserved::default() };
    assert_eq!(TEN.beyond([&held]), Demand { cpu_units: 3, ..Demand::default() });
    assert!(TEN.beyond([&held, &held]).is_nothing());
    assert!(fleet.keep(idx, &daemon, Demand::default()));
    assert_eq!(ids(&fleet, &plan(&mut fleet.clone(), &[], 4)), [1, 2, 1, 2]);
}

#[test]
fn f_16_a_damped_instance_takes_nothing_and_says_agent() {
    let mut fleet = fleet(&[(1, "a", 100)]);
    fleet.put(NodeSpec { damped: true, ..spec(1, "a", 100) });
    let rejection = plan(&mut fleet, &[], 1).rejection.unwrap();
    assert_eq!(rejection.closest, Some((InstanceId::from_u128(1), Reason::Agent)));
}

#[test]
fn svc_41_only_what_an_instance_is_can_end_its_suitability() {
    let mut fleet = fleet(&[(1, "a", 100)]);
    let idx = fleet.idx(InstanceId::from_u128(1)).unwrap();
    let in_zone = "attribute:ecs.availability-zone == a";
    let elsewhere = "attribute:ecs.availability-zone == b";
    for (text, suits, still_suits) in [
        (in_zone, true, true),
        (elsewhere, false, false),
        ("runningTasksCount > 0", false, true),
        ("not(runningTasksCount > 0)", true, true),
        ("task:group == databases", false, true),
        ("agentConnected == false", false, true),
        ("attribute:ecs.availability-zone == b or runningTasksCount > 0", false, true),
        ("attribute:ecs.availability-zone == b and runningTasksCount == 0", false, false),
        ("not(attribute:ecs.availability-zone == a or task:group exists)", false, false),
        ("not(attribute:ecs.availability-zone == b and task:group exists)", true, true),
    ] {
        let member_of = [Arc::new(Expression::parse(text).unwrap())];
        let terms = Terms { required_attributes: &[], member_of: &member_of, external: false };
        assert_eq!((fleet.suits(idx, &terms), fleet.still_suits(idx, &terms)), (suits, still_suits), "{text}");
        let looks = text.contains("task:group") || text.contains("runningTasksCount");
        assert_eq!(member_of[0].looks_at_tasks(), looks, "{text}");
    }
    let terms = Terms { required_attributes: &["gpu".into()], member_of: &[], external: false };
    assert!(!fleet.suits(idx, &terms) && !fleet.still_suits(idx, &terms));
    let terms = Terms { required_attributes: &[], ..terms };
    fleet.put(NodeSpec { connected: false, ..spec(1, "a", 100) });
    assert_eq!((fleet.suits(idx, &terms), fleet.still_suits(idx, &terms)), (false, true));
    fleet.put(NodeSpec { active: false, ..spec(1, "a", 100) });
    assert_eq!((fleet.suits(idx, &terms), fleet.still_suits(idx, &terms)), (false, false));
}

#[test]
fn run_7_an_empty_cluster_is_told_from_a_full_one() {
    let mut fleet = Fleet::new();
    assert_eq!(plan(&mut fleet, &[], 1).rejection.unwrap().instances, 0);
    fleet.put(NodeSpec { active: false, ..spec(1, "a", 100) });
    assert!(!fleet.has_active_of_kind(false, None));
    fleet.put(spec(1, "a", 100));
    assert!(fleet.has_active_of_kind(false, None));
    assert!(!fleet.has_active_of_kind(true, None));
    fleet.remove(InstanceId::from_u128(1));
    assert!(!fleet.has_active_of_kind(false, None));
}

#[test]
fn res_6_an_instance_has_at_most_100_ports_in_use() {
    let mut fleet = Fleet::new();
    let port = |port| PortClaim { protocol: Protocol::Tcp, port };
    let mut full = spec(1, "a", 100);
    full.resources.reserved_ports = (1..=98).map(port).collect();
    let idx = fleet.put(full);
    let group = fleet.group("service:web");
    let wants = |ports: &[u16]| Demand { ports: ports.iter().map(|&one| port(one)).collect(), ..Demand::default() };
    for (ports, expected) in [
        (&[200, 201][..], None),
        (&[200, 201, 202][..], Some(Reason::Ports)),
        (&[98][..], Some(Reason::Ports)),
        (&[][..], None),
    ] {
        let demand = wants(ports);
        let answer = fleet.check(idx, &Request { group, ..request(&demand, &[]) });
        assert_eq!(answer.err(), expected, "{ports:?}");
    }
    fleet.add_task(idx, group, &Reserved { ports: vec![port(200), port(201)], ..Reserved::default() });
    assert_eq!(fleet.check(idx, &Request { group, ..request(&wants(&[]), &[]) }).err(), None);
    assert_eq!(fleet.check(idx, &Request { group, ..request(&wants(&[300]), &[]) }).err(), Some(Reason::Ports));
}

#[test]
fn random_picks_each_instance_about_equally_often() {
    let fleet = fleet(&[(1, "a", 100_000), (2, "a", 100_000), (3, "b", 100_000), (4, "b", 100_000)]);
    for chain in [vec![PlacementStrategy::Random], vec![spread("ecs.availability-zone"), PlacementStrategy::Random]] {
        let mut counts = BTreeMap::new();
        for id in ids(&fleet, &plan(&mut fleet.clone(), &chain, 8_000)) {
            *counts.entry(id).or_insert(0) += 1;
        }
        // Six standard deviations of a fair draw are about 230.
        assert!(counts.len() == 4 && counts.values().all(|&count| (1_770..=2_230).contains(&count)), "{counts:?}");
    }
}

#[test]
fn a_removed_instance_leaves_nothing_behind() {
    let mut fleet = fleet(&[(1, "a", 100), (2, "b", 100)]);
    let before = fleet.clone();
    let web = fleet.group("service:web");
    let idx = fleet.put(spec(9, "c", 100));
    fleet.add_task(idx, web, &Reserved { cpu_units: 10, ..Reserved::default() });
    fleet.remove(InstanceId::from_u128(9));
    fleet.release_group(web);
    assert_eq!(fleet.find_group("service:web"), None);
    // The ordinals are free again, everything else is as it was.
    let again = fleet.put(spec(9, "c", 100));
    assert_eq!(again, idx);
    fleet.remove(InstanceId::from_u128(9));
    assert_eq!(ids(&fleet, &plan(&mut fleet.clone(), &[], 4)), ids(&before, &plan(&mut before.clone(), &[], 4)));
}

#[test]
fn term_3_the_fullest_zone_then_instance_then_the_newest() {
    // Zone a: 2 tasks on 1, 1 on 2; zone b: 2 on 3.
    let mut world = Placed::new(&[(1, "a", 100), (2, "a", 100), (3, "b", 100)], &[1, 1, 2, 3, 3]);
    assert_eq!(world.victims(&[], 5), [2, 5, 3, 4, 1]);
    // TERM-5: a task that is stopping counts no more.
    world.stopping(1);
    assert_eq!(world.victims(&[], 1), [5]);
}

#[test]
fn term_4_strategies_are_turned_round() {
    let world = Placed::new(&[(1, "a", 100), (2, "a", 50), (3, "b", 30)], &[1, 1, 2, 3, 3, 3]);
    // Binpack keeps the fullest instance: 1 has 80 free and empties first, then 2.
    assert_eq!(world.victims(&[PlacementStrategy::BinpackCpu], 4), [2, 1, 3, 6]);
    assert_eq!(world.victims(&[PlacementStrategy::Spread(SpreadField::Instance)], 3), [6, 5, 2]);
    assert_eq!(world.victims(&[spread("ecs.availability-zone")], 2), [6, 3]);
    let mut any = world.victims(&[PlacementStrategy::Random], 9);
    any.sort();
    assert_eq!(any, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn term_4_an_instance_that_shrank_under_its_tasks_is_counted_below_zero() {
    let mut world = Placed::new(&[(1, "a", 100), (2, "a", 100)], &[1, 1, 1, 2, 2]);
    // 30 used of 5, 20 used of 10: a stop leaves instance 2 less short.
    world.fleet.put(spec(1, "a", 5));
    world.fleet.put(spec(2, "a", 10));
    assert_eq!(world.victims(&[PlacementStrategy::BinpackCpu], 5), [5, 4, 3, 2, 1]);
}

static ONE: Demand = Demand { cpu_units: 1, memory_mib: 0, ports: Vec::new(), gpus: 0 };
static TEN: Demand = Demand { cpu_units: 10, memory_mib: 0, ports: Vec::new(), gpus: 0 };

/// Tasks of `service:web`, ten CPU units each, numbered from 1 in order of creation.
struct Placed {
    fleet: Fleet,
    tasks: Vec<(u128, InstanceIdx, Reserved)>,
}

impl Placed {
    fn new(instances: &[(u128, &str, u32)], tasks_on: &[u128]) -> Self {
        let mut fleet = fleet(instances);
        let web = fleet.group("service:web");
        let reserved = Reserved { cpu_units: 10, ..Reserved::default() };
        let tasks = tasks_on.iter().enumerate().map(|(nth, &id)| {
            let idx = fleet.idx(InstanceId::from_u128(id)).unwrap();
            fleet.add_task(idx, web, &reserved);
            (nth as u128 + 1, idx, reserved.clone())
        });
        let tasks = tasks.collect();
        Placed { fleet, tasks }
    }

    fn stopping(&mut self, task: u128) {
        let at = self.tasks.iter().position(|(id, _, _)| *id == task).unwrap();
        let (_, idx, reserved) = self.tasks.remove(at);
        let web = self.fleet.group("service:web");
        self.fleet.task_stopping(idx, web);
        self.fleet.remove_task(idx, web, &reserved, TaskWasLive::No);
    }

    fn victims(&self, strategies: &[PlacementStrategy], count: usize) -> Vec<u128> {
        let group = self.fleet.find_group("service:web").unwrap();
        let victims = self.tasks.iter().map(|(id, instance, reserved)| Victim {
            task: TaskId::from_u128(*id),
            instance: *instance,
            created_at: Timestamp::from_millis(*id as i64),
            reserved,
        });
        let victims: Vec<Victim<'_>> = victims.collect();
        let picked = pick_victims(&self.fleet, group, strategies, &victims, count, &mut rng());
        picked.into_iter().map(TaskId::as_u128).collect()
    }
}

fn spec(id: u128, zone: &str, cpu_units: u32) -> NodeSpec {
    NodeSpec {
        instance: InstanceId::from_u128(id),
        ec2_instance_id: format!("i-{id}").into(),
        registered_at: Timestamp::ZERO,
        agent_version: None,
        attributes: BTreeMap::from([("ecs.availability-zone".into(), Some(zone.into()))]),
        resources: Resources { cpu_units, ..Resources::default() },
        active: true,
        connected: true,
        damped: false,
    }
}

fn fleet(instances: &[(u128, &str, u32)]) -> Fleet {
    let mut fleet = Fleet::new();
    instances.iter().for_each(|&(id, zone, cpu_units)| {
        fleet.put(spec(id, zone, cpu_units));
    });
    fleet
}

/// The group is put in by whoever has a fleet.
fn request<'a>(demand: &'a Demand, strategies: &'a [PlacementStrategy]) -> Request<'a> {
    let group = Fleet::new().group("");
    Request {
        demand,
        required_attributes: &[],
        member_of: &[],
        distinct_instance: false,
        group,
        strategies,
        external: false,
        takes_kept_room: false,
        capacity_provider: None,
    }
}

fn plan(fleet: &mut Fleet, strategies: &[PlacementStrategy], count: usize) -> Plan {
    let group = fleet.group("service:web");
    fleet.plan(&Request { group, ..request(&TEN, strategies) }, count, &mut rng())
}

fn spread(attribute: &str) -> PlacementStrategy {
    PlacementStrategy::Spread(SpreadField::Attribute(attribute.into()))
}

fn ids(fleet: &Fleet, plan: &Plan) -> Vec<u128> {
    plan.placed.iter().map(|(idx, _)| fleet.instance(*idx).as_u128()).collect()
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}
