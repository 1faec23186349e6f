//! A fleet ruled by each policy, led through random histories: what the boards choose is what a plain scan chooses.

use super::*;
use crate::policy::registry::Chosen;
use crate::{Demand, Expression, Fleet, InstanceIdx, NodeSpec, Request, TaskWasLive};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, Protocol, Reserved, Resources, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

fn spec(id: u128, rng: &mut ChaCha8Rng) -> NodeSpec {
    let gpus = rng.random_range(0..4u32);
    let zone = ["a", "b"][rng.random_range(0..2usize)];
    NodeSpec {
        instance: InstanceId::from_u128(id),
        ec2_instance_id: format!("i-{id}").into(),
        registered_at: Timestamp::ZERO,
        agent_version: None,
        attributes: BTreeMap::from([("zone".into(), Some(zone.into()))]),
        resources: Resources {
            cpu_units: [2_000, 4_096, 7_000][rng.random_range(0..3usize)],
            memory_mib: [3_000, 8_192][rng.random_range(0..2usize)],
            gpus: (0..gpus).map(|gpu| format!("gpu-{gpu}").into()).collect(),
            ..Resources::default()
        },
        active: rng.random_range(0..8) > 0,
        connected: rng.random_range(0..8) > 0,
        damped: false,
    }
}

struct World {
    fleet: Fleet,
    rng: ChaCha8Rng,
    draws: ChaCha8Rng,
    tasks: Vec<(InstanceId, &'static str, Reserved, TaskWasLive)>,
    expression: Arc<Expression>,
    chosen: Chosen,
}

impl World {
    fn new(policy: &PolicySpec, seed: u64) -> Self {
        let mut fleet = Fleet::new();
        fleet.rule_by(Some(policy.clone()));
        let largest = Largest { cpu_milli: 7_168, memory_mib: 8_192, gpu_milli: 3_072 };
        World {
            fleet,
            rng: ChaCha8Rng::seed_from_u64(seed),
            draws: ChaCha8Rng::seed_from_u64(seed + 1),
            tasks: Vec::new(),
            expression: Arc::new(Expression::parse("attribute:zone == a or task:group == service:b").unwrap()),
            chosen: policy.build(largest, &[]).unwrap(),
        }
    }

    fn step(&mut self) {
        match self.rng.random_range(0..20u32) {
            0..2 => {
                let id = self.rng.random_range(1..12);
                self.fleet.put(spec(id, &mut self.rng));
            }
            2 => {
                let id = InstanceId::from_u128(self.rng.random_range(1..12));
                self.fleet.remove(id);
                self.tasks.retain(|(instance, ..)| *instance != id);
            }
            3..7 if !self.tasks.is_empty() => self.one_goes(),
            7 => {
                let id = InstanceId::from_u128(self.rng.random_range(1..12));
                let cpu_units = self.rng.random_range(0..2_000);
                if let Some(idx) = self.fleet.idx(id) {
                    self.fleet.keep(idx, &"daemon".into(), Demand { cpu_units, ..Demand::default() });
                }
            }
            _ => self.place(),
        }
    }

    fn one_goes(&mut self) {
        let at = self.rng.random_range(0..self.tasks.len());
        let (instance, group, ..) = self.tasks[at];
        let (idx, group) = (self.fleet.idx(instance).unwrap(), self.fleet.group(group));
        if self.tasks[at].3 == TaskWasLive::Yes && self.rng.random_range(0..3) == 0 {
            self.tasks[at].3 = TaskWasLive::No;
            return self.fleet.task_stopping(idx, group);
        }
        let (.., reserved, was_live) = self.tasks.swap_remove(at);
        self.fleet.remove_task(idx, group, &reserved, was_live);
        self.fleet.release_group(group);
    }

    fn place(&mut self) {
        let group = ["service:a", "service:b"][self.rng.random_range(0..2usize)];
        let demand = Demand {
            cpu_units: [100, 900][self.rng.random_range(0..2usize)],
            memory_mib: [64, 1_500][self.rng.random_range(0..2usize)],
            ports: [vec![], vec![], vec![PortClaim { protocol: Protocol::Tcp, port: 80 }]]
                [self.rng.random_range(0..3usize)]
            .clone(),
            gpus: [0, 0, 1, 2][self.rng.random_range(0..4usize)],
        };
        let member_of = [vec![], vec![Arc::clone(&self.expression)]][self.rng.random_range(0..2usize)].clone();
        let count = self.rng.random_range(1..6);
        let request = Request {
            demand: &demand,
            required_attributes: &[],
            member_of: &member_of,
            distinct_instance: self.rng.random_range(0..4) == 0,
            group: self.fleet.group(group),
            strategies: &[],
            external: false,
            takes_kept_room: false,
            capacity_provider: None,
        };
        let expected = self.scan(&request, count);
        let mut again = self.draws.clone();
        let plan = self.fleet.plan(&request, count, &mut self.draws);
        let ids: Vec<InstanceId> = plan.placed.iter().map(|(idx, _)| self.fleet.instance(*idx)).collect();
        match self.chosen.policy.sample() {
            None if self.chosen.tie_break == TieBreak::First => assert_eq!(ids, expected),
            _ => assert_eq!(ids.len(), expected.len(), "whom it draws is another thing, that it finds one is not"),
        }
        assert_eq!(plan.rejection.is_some(), ids.len() < count);
        let mut copy = self.fleet.clone();
        assert_eq!(copy.plan(&request, count, &mut again), plan, "whatever was asked before");
        assert_eq!(again, self.draws);
        let best = self.fleet.explain(&request, 1);
        if self.chosen.policy.sample().is_none() && self.chosen.tie_break == TieBreak::First {
            assert_eq!(best.candidates.first().map(|one| one.instance), ids.first().copied());
        }
        assert_eq!(best.policy.as_deref(), self.fleet.policy().map(PolicySpec::as_str));
        for (idx, reserved) in plan.placed {
            self.fleet.add_task(idx, request.group, &reserved);
            self.tasks.push((self.fleet.instance(idx), group, reserved, TaskWasLive::Yes));
        }
        self.fleet.release_group(request.group);
    }

    /// One task after the other, each against every instance.
    fn scan(&self, request: &Request<'_>, count: usize) -> Vec<InstanceId> {
        let question = self.fleet.question(request);
        let task = request.demand.as_task();
        let mut planned: BTreeMap<InstanceIdx, u32> = BTreeMap::new();
        let mut ids = Vec::new();
        while ids.len() < count {
            let mut best: Option<(Score, InstanceIdx)> = None;
            for idx in self.fleet.active_of_kind(question.kind) {
                let nth = planned.get(&idx).copied().unwrap_or(0);
                if self.fleet.refusal(idx, &question, nth).is_some() {
                    continue;
                }
                let score = self.chosen.policy.score(&task, &self.fleet.as_node(idx, &task, nth));
                if best.is_none_or(|(most, _)| score > most) {
                    best = Some((score, idx));
                }
            }
            let Some((_, idx)) = best else { break };
            *planned.entry(idx).or_insert(0) += 1;
            ids.push(self.fleet.instance(idx));
        }
        ids
    }
}

#[test]
fn a_ruled_fleet_places_where_a_scan_would() {
    for described in describe() {
        // Fixed capacities, so that the scan measures as the fleet does whatever joins and leaves.
        let policy = PolicySpec::parse(described.name).unwrap();
        let mut world = World::new(&policy, 7);
        for id in [20, 21] {
            let large = spec(id, &mut world.rng);
            let gpus = (0..3).map(|gpu| format!("gpu-{gpu}").into()).collect();
            let resources = Resources { cpu_units: 7_000, memory_mib: 8_192, gpus, ..Resources::default() };
            world.fleet.put(NodeSpec { resources, ..large });
        }
        for _ in 0..400 {
            world.step();
        }
    }
}

#[test]
fn strategies_and_kept_room_are_not_the_policys() {
    let mut world = World::new(&PolicySpec::parse("first-fit").unwrap(), 3);
    let demand = Demand { cpu_units: 10, ..Demand::default() };
    let request = Request {
        demand: &demand,
        required_attributes: &[],
        member_of: &[],
        distinct_instance: false,
        group: world.fleet.group("service:a"),
        strategies: &[],
        external: false,
        takes_kept_room: false,
        capacity_provider: None,
    };
    assert!(world.fleet.policy_of(&request).is_some());
    let random = [PlacementStrategy::Random];
    assert!(world.fleet.policy_of(&Request { strategies: &random, ..request }).is_none());
    assert!(world.fleet.policy_of(&Request { takes_kept_room: true, ..request }).is_none());
    world.fleet.rule_by(None);
    assert!(world.fleet.policy_of(&request).is_none());
}
