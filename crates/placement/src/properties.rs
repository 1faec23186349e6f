//! Properties over random fleets and random histories: what the fleet answers is what the oracle answers.

use crate::oracle::Wanted;
use crate::pair::{Event, Pair};
use crate::{Demand, Expression, NodeSpec};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, Protocol, Resources, SpreadField, Timestamp};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// PL-1..8, CQL-13, RUN-8..11, TERM-3..4, and that the counts behind them survive any history.
    #[test]
    fn the_fleet_answers_as_the_oracle_does(fleet in vec(spec(), 1..8), history in vec(event(), 1..40), seed: u64) {
        let mut pair = Pair::new(seed, true);
        fleet.into_iter().map(Event::Put).chain(history).for_each(|event| pair.apply(event));
    }
}

const GROUPS: [&str; 3] = ["service:web", "databases", "family:job"];

const EXPRESSIONS: [&str; 9] = [
    "task:group == databases",
    "not(task:group == databases)",
    "task:group !exists",
    "task:group != service:web",
    "attribute:rack exists",
    "attribute:ecs.availability-zone =~ us-.*",
    "runningTasksCount < 2",
    "agentConnected == true",
    "ec2InstanceId in [i-1, i-2, i-5]",
];

fn id() -> impl Strategy<Value = InstanceId> {
    (1..9u128).prop_map(InstanceId::from_u128)
}

fn group() -> impl Strategy<Value = &'static str> {
    select(&GROUPS[..])
}

fn attributes() -> impl Strategy<Value = BTreeMap<Arc<str>, Option<Arc<str>>>> {
    let pair = |name: &'static str, value: Option<&'static str>| (Arc::from(name), value.map(Arc::from));
    let known = vec![
        pair("ecs.availability-zone", Some("us-a")),
        pair("ecs.availability-zone", Some("us-b")),
        pair("ecs.availability-zone", None),
        pair("rack", Some("1")),
        pair("rack", Some("2")),
        pair("rack", Some("")),
        pair("ecs.capability.external", None),
        pair("gpu-host", None),
        pair("plimsoll.capacity-provider", Some("racks")),
        pair("plimsoll.capacity-provider", Some("spot")),
    ];
    subsequence(known, 0..8).prop_map(|pairs| {
        let mut attributes: BTreeMap<_, _> = pairs.into_iter().collect();
        // Most instances are of the ordinary kind, or most requests would have none to choose from.
        if attributes.contains_key("gpu-host") {
            attributes.remove("ecs.capability.external");
        }
        attributes
    })
}

fn ports() -> impl Strategy<Value = BTreeSet<PortClaim>> {
    let port = |protocol, port| PortClaim { protocol, port };
    let known = [port(Protocol::Tcp, 80), port(Protocol::Udp, 80), port(Protocol::Tcp, 443)];
    btree_set(select(known.to_vec()), 0..2)
}

prop_compose! {
    fn spec()(
        instance in id(),
        attributes in attributes(),
        reserved_ports in ports(),
        (cpu_units, memory_mib, gpus) in (0..12u32, 0..12u32, 0..4usize),
        (active, connected) in (prop::bool::weighted(0.9), prop::bool::weighted(0.9)),
        damped in prop::bool::weighted(0.1),
    ) -> NodeSpec {
        let names: [Arc<str>; 3] = ["gpu-0".into(), "gpu-1".into(), "gpu-2".into()];
        let gpus = names[..gpus].iter().cloned().collect();
        NodeSpec {
            instance,
            ec2_instance_id: format!("i-{}", instance.as_u128()).into(),
            registered_at: Timestamp::ZERO,
            agent_version: Some("1.14.5".into()),
            attributes,
            resources: Resources { cpu_units, memory_mib, reserved_ports, gpus, others: BTreeMap::new() },
            active,
            connected,
            damped,
        }
    }
}

fn strategies() -> impl Strategy<Value = Vec<PlacementStrategy>> {
    let attribute = |name: &str| PlacementStrategy::Spread(SpreadField::Attribute(name.into()));
    let known = vec![
        PlacementStrategy::Spread(SpreadField::Instance),
        attribute("ecs.availability-zone"),
        attribute("rack"),
        PlacementStrategy::BinpackCpu,
        PlacementStrategy::BinpackMemory,
        PlacementStrategy::Random,
    ];
    vec(select(known), 0..=5)
}

prop_compose! {
    fn demand()(
        (cpu_units, memory_mib) in (0..5u32, 0..5u32),
        ports in prop_oneof![3 => Just(BTreeSet::new()), 1 => ports()],
        gpus in prop_oneof![4 => Just(0), 1 => 1..3u32],
    ) -> Demand {
        Demand { cpu_units, memory_mib, ports: ports.into_iter().collect(), gpus }
    }
}

prop_compose! {
    fn wanted()(
        demand in demand(),
        required in prop_oneof![3 => Just(vec![]), 1 => Just(vec!["rack"]), 1 => Just(vec!["rack", "gpu-host"])],
        member_of in prop_oneof![2 => Just(vec![]), 1 => vec(select(&EXPRESSIONS[..]), 1..3)],
        distinct_instance in prop::bool::weighted(0.2),
        group in group(),
        strategies in strategies(),
        external in prop::bool::weighted(0.1),
        takes_kept_room in prop::bool::weighted(0.3),
        capacity_provider in prop_oneof![
            3 => Just(None), 2 => Just(Some("racks")), 1 => Just(Some("spot")), 1 => Just(Some("nowhere"))
        ],
    ) -> Wanted {
        Wanted {
            demand,
            takes_kept_room,
            required_attributes: required.into_iter().map(Arc::from).collect(),
            member_of: member_of.into_iter().map(|text| Arc::new(Expression::parse(text).unwrap())).collect(),
            distinct_instance,
            group,
            strategies,
            external,
            capacity_provider,
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => spec().prop_map(Event::Put),
        1 => id().prop_map(Event::Remove),
        8 => (wanted(), 1..12usize).prop_map(|(wanted, count)| Event::Place(wanted, count)),
        1 => (id(), wanted()).prop_map(|(id, wanted)| Event::StartOn(id, wanted)),
        3 => (group(), strategies(), 1..6usize).prop_map(|(group, chain, count)| Event::ScaleIn(group, chain, count)),
        3 => any::<usize>().prop_map(Event::Stopping),
        4 => any::<usize>().prop_map(Event::Gone),
        1 => (id(), 0..4u32).prop_map(|(id, running)| Event::Running(id, running)),
        2 => (id(), group(), demand()).prop_map(|(id, owner, room)| Event::Keep(id, owner, room)),
        1 => (id(), group()).prop_map(|(id, owner)| Event::Keep(id, owner, Demand::default())),
    ]
}
