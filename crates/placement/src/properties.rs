//! Properties over random fleets and random histories: what the fleet answers is what the oracle answers.

use crate::oracle::{Task, Wanted, World};
use crate::{Demand, Expression, Fleet, NodeSpec, Plan, Reason, Request, TaskWasLive, Victim, pick_victims};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, Protocol, Resources, SpreadField, TaskId, Timestamp};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, Debug)]
enum Event {
    Put(NodeSpec),
    Remove(InstanceId),
    Place(Wanted, usize),
    StartOn(InstanceId, Wanted),
    ScaleIn(&'static str, Vec<PlacementStrategy>, usize),
    Stopping(usize),
    Gone(usize),
    Running(InstanceId, u32),
    Keep(InstanceId, &'static str, Demand),
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// PL-1..8, CQL-13, RUN-8..11, TERM-3..4, and that the counts behind them survive any history.
    #[test]
    fn the_fleet_answers_as_the_oracle_does(fleet in vec(spec(), 1..8), history in vec(event(), 1..40), seed: u64) {
        let mut pair = Pair::new(seed);
        fleet.into_iter().map(Event::Put).chain(history).for_each(|event| pair.apply(event));
    }
}

/// The fleet and the oracle, led through the same history.
struct Pair {
    fleet: Fleet,
    world: World,
    rng: ChaCha8Rng,
    next_task: u128,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let (fleet, world) = (Fleet::new(), World::default());
        Pair { fleet, world, rng: ChaCha8Rng::seed_from_u64(seed), next_task: 0 }
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Put(spec) => self.put(spec),
            Event::Remove(id) => self.remove(id),
            Event::Place(wanted, count) => self.place(&wanted, count),
            Event::StartOn(id, wanted) => self.start_on(id, &wanted),
            Event::ScaleIn(group, strategies, count) => self.scale_in(group, &strategies, count),
            Event::Stopping(nth) => self.stopping(nth),
            Event::Gone(nth) => self.gone(nth),
            Event::Running(id, running) => self.running(id, running),
            Event::Keep(id, owner, room) => self.keep(id, owner, room),
        }
        self.compare_counts();
    }

    fn put(&mut self, spec: NodeSpec) {
        self.fleet.put(spec.clone());
        let running = self.world.instances.get(&spec.instance).map_or(0, |(_, running)| *running);
        self.world.instances.insert(spec.instance, (spec, running));
    }

    fn remove(&mut self, id: InstanceId) {
        self.fleet.remove(id);
        self.world.instances.remove(&id);
        self.world.tasks.retain(|task| task.instance != id);
        self.world.kept.retain(|(at, ..)| *at != id);
    }

    fn keep(&mut self, id: InstanceId, owner: &'static str, room: Demand) {
        let Some(idx) = self.fleet.idx(id) else { return };
        let before = self.world.kept.iter().position(|(at, who, _)| (*at, *who) == (id, owner));
        let before = before.map(|at| self.world.kept.swap_remove(at).2).unwrap_or_default();
        assert_eq!(self.fleet.keep(idx, &owner.into(), room.clone()), before != room);
        if !room.is_nothing() {
            self.world.kept.push((id, owner, room));
        }
    }

    fn running(&mut self, id: InstanceId, running: u32) {
        let Some(idx) = self.fleet.idx(id) else { return };
        self.fleet.set_running(idx, running);
        self.world.instances.get_mut(&id).unwrap().1 = running;
    }

    fn stopping(&mut self, nth: usize) {
        let live: Vec<usize> = (0..self.world.tasks.len()).filter(|&at| self.world.tasks[at].live).collect();
        if let Some(&at) = live.get(nth % live.len().max(1)) {
            let task = &mut self.world.tasks[at];
            task.live = false;
            let group = self.fleet.find_group(task.group).unwrap();
            self.fleet.task_stopping(self.fleet.idx(task.instance).unwrap(), group);
        }
    }

    fn gone(&mut self, nth: usize) {
        if self.world.tasks.is_empty() {
            return;
        }
        let task = self.world.tasks.remove(nth % self.world.tasks.len());
        let (idx, group) = (self.fleet.idx(task.instance).unwrap(), self.fleet.find_group(task.group).unwrap());
        let was_live = if task.live { TaskWasLive::Yes } else { TaskWasLive::No };
        self.fleet.remove_task(idx, group, &task.reserved, was_live);
        if nth.is_multiple_of(2) {
            self.fleet.release_group(group);
        }
    }

    fn place(&mut self, wanted: &Wanted, count: usize) {
        let request = request(&mut self.fleet, wanted);
        assert_eq!(self.fleet.explain(&request), self.world.explain(wanted));
        let before = self.fleet.clone();
        let (mut same_rng, mut rng_before) = (self.rng.clone(), self.rng.clone());
        let mut oracles_rng = self.rng.clone();
        let plan = self.fleet.plan(&request, count, &mut self.rng);
        assert_eq!(plan, self.fleet.plan(&request, count, &mut same_rng), "planning twice gives the same plan");
        assert_eq!(self.fleet, before, "planning changes nothing");
        let ids =
            |fleet: &Fleet, plan: &Plan| plan.placed.iter().map(|(idx, _)| fleet.instance(*idx)).collect::<Vec<_>>();
        let mut rebuilt = self.rebuilt();
        let same_request = self::request(&mut rebuilt, wanted);
        let elsewhere = rebuilt.plan(&same_request, count, &mut rng_before);
        assert_eq!(ids(&self.fleet, &plan), ids(&rebuilt, &elsewhere), "a plan does not depend on history (I-7)");

        for (idx, reserved) in &plan.placed {
            let (id, best) = (self.fleet.instance(*idx), self.world.best(wanted));
            assert_eq!(Some(id), World::pick(&best, wanted, &mut oracles_rng));
            let gpus = self.world.gpus_free(id);
            assert_eq!(reserved.gpus, gpus[..wanted.demand.gpus as usize]);
            assert_eq!(reserved.ports, wanted.demand.ports);
            self.add(id, wanted.group, reserved.clone());
        }
        let rejection = (plan.placed.len() < count).then(|| {
            assert_eq!(self.world.best(wanted), [], "a task was refused though an instance takes it");
            self.world.rejection(wanted)
        });
        assert_eq!(plan.rejection, rejection);
        assert_eq!(self.rng, oracles_rng, "a plan draws once for each task that is placed at random, and never else");
    }

    fn start_on(&mut self, id: InstanceId, wanted: &Wanted) {
        let Some(idx) = self.fleet.idx(id) else { return };
        let request = request(&mut self.fleet, wanted);
        let of_kind = self.world.is_of_kind(id, wanted);
        let expected = if of_kind { self.world.refusal(id, wanted) } else { Some(Reason::Attribute) };
        let answer = self.fleet.check(idx, &request);
        assert_eq!(answer.as_ref().err().copied(), expected);
        if let Ok(reserved) = answer {
            self.add(id, wanted.group, reserved);
        }
    }

    fn scale_in(&mut self, group: &'static str, strategies: &[PlacementStrategy], count: usize) {
        let ordinal = self.fleet.group(group);
        let of_group = |task: &&Task| task.live && task.group == group;
        // Every third task stands for a protected one: counted, not a candidate.
        let eligible = |task: &&Task| of_group(task) && !task.id.as_u128().is_multiple_of(3);
        let tasks: Vec<Task> = self.world.tasks.iter().filter(eligible).cloned().collect();
        let candidates: Vec<Victim<'_>> = tasks
            .iter()
            .map(|task| Victim {
                task: task.id,
                instance: self.fleet.idx(task.instance).unwrap(),
                created_at: task.created_at,
                reserved: &task.reserved,
            })
            .collect();
        let picked = pick_victims(&self.fleet, ordinal, strategies, &candidates, count, &mut self.rng);
        assert_eq!(picked.len(), count.min(candidates.len()));

        // The oracle takes each victim as stopped at once; the fleet hears of it afterwards.
        let mut stopped = self.world.clone();
        let mut left: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        for task in &picked {
            let next = stopped.victims(group, strategies, &left);
            if strategies.contains(&PlacementStrategy::Random) {
                assert!(next.contains(task), "{task} is not among {next:?}");
            } else {
                assert_eq!(Some(task), next.first());
            }
            left.retain(|one| one != task);
            stopped.tasks.retain(|one| one.id != *task);
        }
        for task in self.world.tasks.iter_mut().filter(|task| picked.contains(&task.id)) {
            task.live = false;
            self.fleet.task_stopping(self.fleet.idx(task.instance).unwrap(), ordinal);
        }
    }

    /// The same rows put into a fleet of its own, as after a restart: other ordinals for everything.
    fn rebuilt(&self) -> Fleet {
        let mut fleet = Fleet::new();
        for (spec, running) in self.world.instances.values().rev() {
            let idx = fleet.put(spec.clone());
            fleet.set_running(idx, *running);
        }
        for task in self.world.tasks.iter().rev() {
            let (idx, group) = (fleet.idx(task.instance).unwrap(), fleet.group(task.group));
            fleet.add_task(idx, group, &task.reserved);
            if !task.live {
                fleet.task_stopping(idx, group);
            }
        }
        for (id, owner, room) in self.world.kept.iter().rev() {
            fleet.keep(fleet.idx(*id).unwrap(), &(*owner).into(), room.clone());
        }
        fleet
    }

    fn add(&mut self, instance: InstanceId, group: &'static str, reserved: plimsoll_model::Reserved) {
        let (idx, ordinal) = (self.fleet.idx(instance).unwrap(), self.fleet.group(group));
        self.fleet.add_task(idx, ordinal, &reserved);
        self.next_task += 1;
        let id = TaskId::from_u128(self.next_task);
        // Few different instants, so that ties happen.
        let created_at = Timestamp::from_millis((self.next_task / 4) as i64);
        self.world.tasks.push(Task { id, instance, group, reserved, live: true, created_at });
    }

    fn compare_counts(&self) {
        for (external, provider) in [(false, None), (true, None), (false, Some("racks")), (true, Some("spot"))] {
            let is_asked = |spec: &NodeSpec| {
                let belongs_to = spec.attributes.get("plimsoll.capacity-provider").and_then(Option::as_deref);
                let is_external = spec.attributes.contains_key("ecs.capability.external");
                spec.active && is_external == external && (provider.is_none() || belongs_to == provider)
            };
            let any = self.world.instances.values().any(|(spec, _)| is_asked(spec));
            let found = self.fleet.has_active_of_kind(external, provider);
            assert_eq!(found, any, "external: {external}, provider: {provider:?}");
        }
        for &id in self.world.instances.keys() {
            let idx = self.fleet.idx(id).expect("an instance that was put is there");
            assert_eq!(self.fleet.instance(idx), id);
            let tasks = || self.world.tasks.iter().filter(|task| task.instance == id);
            let usage = self.fleet.usage(idx);
            assert_eq!(usage.cpu_units, tasks().map(|task| u64::from(task.reserved.cpu_units)).sum::<u64>());
            assert_eq!(usage.memory_mib, tasks().map(|task| u64::from(task.reserved.memory_mib)).sum::<u64>());
            assert_eq!(self.fleet.free_gpus(idx).iter().cloned().collect::<Vec<_>>(), self.world.gpus_free(id));
        }
    }
}

fn request<'a>(fleet: &mut Fleet, wanted: &'a Wanted) -> Request<'a> {
    Request {
        demand: &wanted.demand,
        required_attributes: &wanted.required_attributes,
        member_of: &wanted.member_of,
        distinct_instance: wanted.distinct_instance,
        group: fleet.group(wanted.group),
        strategies: &wanted.strategies,
        external: wanted.external,
        takes_kept_room: wanted.takes_kept_room,
        capacity_provider: wanted.capacity_provider,
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
