//! Why instances refuse, and which of the others would be chosen.

use crate::chain::Chain;
use crate::check::Question;
use crate::{Fleet, InstanceIdx, Plan, Reason, Rejection, Request};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, SpreadField};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All there is to say about one more task: for an API caller, an operator, a service's event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Explanation {
    /// ACTIVE instances of the needed kind and capacity provider: those that were asked.
    pub instances: u32,
    /// Those that refuse, in order of id, with the first check each fails (RUN-8, RUN-10).
    pub refused: Vec<(InstanceId, Reason)>,
    /// What they fail, in the order of the checks. An instance that fails several counts for each.
    pub obstacles: Vec<Obstacle>,
    /// The instance that passed the most checks (PL-11).
    pub closest: Option<Closest>,
    /// What ranks those that take the task, in order; nothing where the request leaves it to chance alone.
    pub chain: Vec<PlacementStrategy>,
    /// The policy that ranks instead of a chain, where one rules and the request has no strategy.
    pub policy: Option<String>,
    /// Those that take the task, best first, as many as were asked for.
    pub candidates: Vec<Candidate>,
}

impl Explanation {
    /// Instances that take the task, whether they are among the candidates or not.
    pub fn takers(&self) -> u32 {
        self.instances - u32::try_from(self.refused.len()).expect("no more refuse than were asked")
    }

    /// Why an instance refuses; `None` where it takes the task or was not asked.
    pub fn refusal(&self, instance: InstanceId) -> Option<Reason> {
        let at = self.refused.binary_search_by_key(&instance, |(id, _)| *id).ok()?;
        Some(self.refused[at].1)
    }
}

/// One thing that instances fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Obstacle {
    pub check: Check,
    /// Instances that fail it, whatever else they fail.
    pub instances: u32,
    /// Instances that would take the task but for it.
    pub only: u32,
}

/// A check of one thing: a [`Reason`] with what it is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Check {
    Agent,
    Attribute(Arc<str>),
    Cpu,
    Memory,
    Port(PortClaim),
    /// None of the ports is in use, but there are too many (RES-6).
    PortCount,
    Gpu,
    /// By its position among the request's expressions, and its text.
    MemberOf(usize, Arc<str>),
    DistinctInstance,
}

impl Check {
    /// The refusal of an instance that fails this before anything else.
    pub fn reason(&self) -> Reason {
        match self {
            Check::Agent => Reason::Agent,
            Check::Attribute(_) => Reason::Attribute,
            Check::Cpu => Reason::Cpu,
            Check::Memory => Reason::Memory,
            Check::Port(_) | Check::PortCount => Reason::Ports,
            Check::Gpu => Reason::Gpu,
            Check::MemberOf(..) => Reason::MemberOf,
            Check::DistinctInstance => Reason::DistinctInstance,
        }
    }
}

/// What the closest instance lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closest {
    pub instance: InstanceId,
    pub reason: Reason,
    pub fails: Vec<Check>,
    /// What is missing of each amount.
    pub cpu_units: u32,
    pub memory_mib: u32,
    pub gpus: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    pub instance: InstanceId,
    /// In the order of the chain, smallest best: what is free, or the tasks of the group there. `random` has none; what
    /// is equal before it is drawn from.
    pub scores: Vec<(PlacementStrategy, u32)>,
    /// By the policy, largest best.
    pub score: Option<i64>,
}

impl Fleet {
    /// Every ACTIVE instance of the needed kind and capacity provider that refuses one more task, in order of id, with
    /// the first check it fails (RUN-8, RUN-10).
    pub fn refusals(&self, request: &Request<'_>) -> Vec<(InstanceId, Reason)> {
        let question = self.question(request);
        let answers = self.answers(&question, |_| 0);
        answers.filter_map(|(idx, refusal)| Some((self.instance(idx), refusal?))).collect()
    }

    /// What every instance that is asked answers, in order of id: the one source of refusals, rejections and
    /// explanations. `planned` says how many tasks of the request are planned on an instance already.
    fn answers(
        &self,
        question: &Question<'_>,
        planned: impl Fn(InstanceIdx) -> u32,
    ) -> impl Iterator<Item = (InstanceIdx, Option<Reason>)> {
        self.active_of_kind(question.kind).map(move |idx| (idx, self.refusal(idx, question, planned(idx))))
    }

    /// What becomes of one more task and why, with so many of the candidates.
    pub fn explain(&self, request: &Request<'_>, candidates: usize) -> Explanation {
        let question = self.question(request);
        let mut explanation = Explanation::default();
        let mut obstacles: BTreeMap<Check, (u32, u32)> = BTreeMap::new();
        let (mut closest, mut taking): (Option<(InstanceIdx, Reason)>, _) = (None, Vec::new());
        for (idx, refusal) in self.answers(&question, |_| 0) {
            explanation.instances += 1;
            let Some(reason) = refusal else {
                taking.push(idx);
                continue;
            };
            explanation.refused.push((self.instance(idx), reason));
            if is_closer(reason, closest) {
                closest = Some((idx, reason));
            }
            let failed = self.failed_checks(idx, &question);
            let only = u32::from(failed.len() == 1);
            for check in failed {
                let counts = obstacles.entry(check).or_default();
                *counts = (counts.0 + 1, counts.1 + only);
            }
        }
        let obstacle = |(check, (instances, only))| Obstacle { check, instances, only };
        explanation.obstacles = obstacles.into_iter().map(obstacle).collect();
        explanation.closest = closest.map(|(idx, reason)| self.closest(idx, reason, &question));
        if let Some(policy) = self.policy_of(request) {
            explanation.policy = Some(policy.as_str().to_owned());
            let ranked = self.ranked_by_policy(request).into_iter().take(candidates);
            let by_score =
                |(idx, score)| Candidate { instance: self.instance(idx), scores: Vec::new(), score: Some(score) };
            explanation.candidates = ranked.map(by_score).collect();
            return explanation;
        }
        explanation.chain = Chain::new(request.strategies).strategies();
        explanation.candidates = self.ranked(taking, request, &explanation.chain, candidates);
        explanation
    }

    /// Every check an instance fails, in their order.
    fn failed_checks(&self, idx: InstanceIdx, question: &Question<'_>) -> Vec<Check> {
        let Request { demand, takes_kept_room, .. } = *question.request;
        let (hot, facts) = (self.hot(idx), self.facts(idx, None));
        let (room, mut failed) = (hot.room(takes_kept_room), Vec::new());
        if !hot.is_reachable() {
            failed.push(Check::Agent);
        }
        let has = |name: &str| self.word(name).is_some_and(|name| self.attribute(idx, name).is_some());
        let missing = question.request.required_attributes.iter().filter(|name| !has(name));
        failed.extend(missing.map(|name| Check::Attribute(Arc::clone(name))));
        failed.extend((demand.cpu_units > room.cpu).then_some(Check::Cpu));
        failed.extend((demand.memory_mib > room.memory).then_some(Check::Memory));
        if !self.has_ports(idx, question.request, 0) {
            let taken = |port: &&PortClaim| self.is_port_taken(idx, port, !takes_kept_room);
            let before = failed.len();
            failed.extend(demand.ports.iter().filter(taken).map(|&port| Check::Port(port)));
            failed.extend((failed.len() == before).then_some(Check::PortCount));
        }
        failed.extend((demand.gpus > room.gpus).then_some(Check::Gpu));
        for (nth, expression) in question.request.member_of.iter().enumerate() {
            failed.extend((!expression.holds(&facts)).then(|| Check::MemberOf(nth, expression.source().into())));
        }
        failed.extend(self.is_occupied(idx, question.request, 0).then_some(Check::DistinctInstance));
        failed
    }

    fn closest(&self, idx: InstanceIdx, reason: Reason, question: &Question<'_>) -> Closest {
        let Request { demand, takes_kept_room, .. } = *question.request;
        let room = self.hot(idx).room(takes_kept_room);
        Closest {
            instance: self.instance(idx),
            reason,
            fails: self.failed_checks(idx, question),
            cpu_units: demand.cpu_units.saturating_sub(room.cpu),
            memory_mib: demand.memory_mib.saturating_sub(room.memory),
            gpus: demand.gpus.saturating_sub(room.gpus),
        }
    }

    /// Best first; between equals, lowest id first.
    fn ranked(
        &self,
        taking: Vec<InstanceIdx>,
        request: &Request<'_>,
        steps: &[PlacementStrategy],
        most: usize,
    ) -> Vec<Candidate> {
        let domain_counts = |strategy: &PlacementStrategy| match strategy {
            PlacementStrategy::Spread(SpreadField::Attribute(name)) => self.live_tasks_by_value(request.group, name),
            _ => BTreeMap::new(),
        };
        let counts: Vec<_> = steps.iter().map(domain_counts).collect();
        let score = |idx: InstanceIdx, nth: usize| match &steps[nth] {
            PlacementStrategy::BinpackCpu => self.hot(idx).cpu_free,
            PlacementStrategy::BinpackMemory => self.hot(idx).memory_free,
            PlacementStrategy::Spread(SpreadField::Instance) => self.live_tasks(idx, request.group),
            PlacementStrategy::Spread(SpreadField::Attribute(name)) => {
                let value = self.word(name).and_then(|name| self.attribute(idx, name));
                counts[nth].get(&value).copied().unwrap_or(0)
            }
            PlacementStrategy::Random => unreachable!("random is no step of a chain"),
        };
        let scored = taking.into_iter().map(|idx| {
            let scores: Vec<u32> = (0..steps.len()).map(|nth| score(idx, nth)).collect();
            (scores, self.instance(idx))
        });
        let mut ranked: Vec<_> = scored.collect();
        ranked.sort_unstable();
        let candidate = |(scores, instance): (Vec<u32>, InstanceId)| Candidate {
            instance,
            scores: steps.iter().cloned().zip(scores).collect(),
            score: None,
        };
        ranked.into_iter().take(most).map(candidate).collect()
    }

    /// Why nothing takes one more task on top of what is `planned`.
    pub(crate) fn rejection(&self, question: &Question<'_>, planned: &Plan) -> Rejection {
        let mut planned_there = BTreeMap::new();
        for (idx, _) in &planned.placed {
            *planned_there.entry(*idx).or_insert(0u32) += 1;
        }
        let mut rejection = Rejection::default();
        for (idx, reason) in self.answers(question, |idx| planned_there.get(&idx).copied().unwrap_or(0)) {
            rejection.instances += 1;
            rejection.add(self.instance(idx), reason.expect("an instance that takes the task would have been chosen"));
        }
        rejection
    }
}

/// PL-11: whoever passed more checks; instances come in order of id, so the first of equals stays.
fn is_closer<T>(reason: Reason, closest: Option<(T, Reason)>) -> bool {
    closest.is_none_or(|(_, before)| reason > before)
}

impl Rejection {
    fn add(&mut self, instance: InstanceId, reason: Reason) {
        *self.counts.entry(reason).or_insert(0) += 1;
        if is_closer(reason, self.closest) {
            self.closest = Some((instance, reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Demand, Expression, NodeSpec};
    use plimsoll_model::{Reserved, Resources, Timestamp};

    fn spec(id: u128, zone: &str, cpu_units: u32) -> NodeSpec {
        NodeSpec {
            instance: InstanceId::from_u128(id),
            ec2_instance_id: format!("i-{id}").into(),
            registered_at: Timestamp::ZERO,
            agent_version: None,
            attributes: BTreeMap::from([("zone".into(), Some(zone.into()))]),
            resources: Resources { cpu_units, memory_mib: 50, ..Resources::default() },
            active: true,
            connected: true,
            damped: false,
        }
    }

    /// What RunTask's failures and a service's event say comes from the same answers as an explanation.
    #[test]
    fn refusals_and_rejections_say_what_an_explanation_says() {
        let mut fleet = Fleet::new();
        for (id, zone, cpu_units) in [(1, "a", 5), (2, "b", 50), (3, "a", 7)] {
            fleet.put(spec(id, zone, cpu_units));
        }
        let (in_a, group) = (Expression::parse("attribute:zone == a").unwrap(), fleet.group("service:web"));
        let demand = Demand { cpu_units: 10, ..Demand::default() };
        let request = Request {
            demand: &demand,
            required_attributes: &[],
            member_of: &[Arc::new(in_a)],
            distinct_instance: false,
            group,
            strategies: &[],
            external: false,
            takes_kept_room: false,
            capacity_provider: None,
        };
        let explanation = fleet.explain(&request, 9);
        assert_eq!(explanation.refused, fleet.refusals(&request));
        assert_eq!((explanation.takers(), explanation.candidates.len()), (0, 0));
        assert_eq!(explanation.refusal(InstanceId::from_u128(2)), Some(Reason::MemberOf));
        let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(1);
        let rejection = fleet.plan(&request, 2, &mut rng).rejection.unwrap();
        let closest = explanation.closest.unwrap();
        assert_eq!(rejection.closest, Some((closest.instance, closest.reason)));
        assert_eq!(rejection.instances, explanation.instances);
        let mut counts = BTreeMap::new();
        explanation.refused.iter().for_each(|(_, reason)| *counts.entry(*reason).or_insert(0) += 1);
        assert_eq!(rejection.counts, counts);
    }

    #[test]
    fn what_stands_in_the_way_is_told_apart_from_what_would_be_chosen() {
        let mut fleet = Fleet::new();
        for (id, zone, cpu_units) in [(1, "a", 5), (2, "b", 5), (3, "b", 90), (4, "a", 90), (5, "a", 40)] {
            fleet.put(spec(id, zone, cpu_units));
        }
        fleet.put(NodeSpec { connected: false, ..spec(6, "a", 90) });
        let (in_a, group) = (Expression::parse("attribute:zone == a").unwrap(), fleet.group("service:web"));
        let full = fleet.idx(InstanceId::from_u128(5)).unwrap();
        fleet.add_task(full, group, &Reserved { cpu_units: 5, ..Reserved::default() });
        let demand = Demand { cpu_units: 10, ..Demand::default() };
        let strategies = [PlacementStrategy::Spread(SpreadField::Instance), PlacementStrategy::BinpackCpu];
        let request = Request {
            demand: &demand,
            required_attributes: &[],
            member_of: &[Arc::new(in_a)],
            distinct_instance: false,
            group,
            strategies: &strategies,
            external: false,
            takes_kept_room: false,
            capacity_provider: None,
        };
        let explanation = fleet.explain(&request, 1);
        let id = InstanceId::from_u128;
        assert_eq!(explanation.instances, 6);
        let refused = [(id(1), Reason::Cpu), (id(2), Reason::Cpu), (id(3), Reason::MemberOf), (id(6), Reason::Agent)];
        assert_eq!(explanation.refused, refused);
        let member_of = Check::MemberOf(0, "attribute:zone == a".into());
        let obstacle = |check: &Check, instances, only| Obstacle { check: check.clone(), instances, only };
        let obstacles = [obstacle(&Check::Agent, 1, 1), obstacle(&Check::Cpu, 2, 1), obstacle(&member_of, 2, 1)];
        assert_eq!(explanation.obstacles, obstacles);
        let closest = explanation.closest.unwrap();
        assert_eq!((closest.instance, closest.reason, closest.fails), (id(3), Reason::MemberOf, vec![member_of]));
        assert_eq!((closest.cpu_units, closest.memory_mib, closest.gpus), (0, 0, 0));
        let scores: Vec<u32> = explanation.candidates[0].scores.iter().map(|(_, score)| *score).collect();
        assert_eq!((explanation.candidates.len(), explanation.candidates[0].instance, scores), (1, id(4), vec![0, 90]));

        let larger = Demand { cpu_units: 100, memory_mib: 60, gpus: 2, ..Demand::default() };
        let closest = fleet.explain(&Request { demand: &larger, member_of: &[], ..request }, 1).closest.unwrap();
        assert_eq!((closest.instance, closest.reason), (id(1), Reason::Cpu));
        assert_eq!((closest.cpu_units, closest.memory_mib, closest.gpus), (95, 10, 2));
        assert_eq!(closest.fails, [Check::Cpu, Check::Memory, Check::Gpu]);
    }
}
