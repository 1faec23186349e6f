//! A fleet and the oracle, led through the same history and compared at every step.

#![allow(clippy::unwrap_used, reason = "what is not there is a difference, too")]

use crate::oracle::{Task, Wanted, World};
use crate::{Demand, Fleet, NodeSpec, Plan, Reason, Request, TaskWasLive, Victim, pick_victims};
use plimsoll_model::{InstanceId, PlacementStrategy, TaskId, Timestamp};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[derive(Clone, Debug)]
pub(crate) enum Event {
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

pub(crate) struct Pair {
    fleet: Fleet,
    pub world: World,
    rng: ChaCha8Rng,
    next_task: u128,
    /// Whether a plan is made twice, and once more by a fleet that is built anew from the same rows.
    thorough: bool,
}

impl Pair {
    pub fn new(seed: u64, thorough: bool) -> Self {
        let (fleet, world) = (Fleet::new(), World::default());
        Pair { fleet, world, rng: ChaCha8Rng::seed_from_u64(seed), next_task: 0, thorough }
    }

    pub fn apply(&mut self, event: Event) {
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
        if self.thorough {
            self.compare_counts();
        }
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
        let before = self.thorough.then(|| (self.fleet.clone(), self.rng.clone()));
        let mut oracles_rng = self.rng.clone();
        let request = request(&mut self.fleet, wanted);
        let plan = self.fleet.plan(&request, count, &mut self.rng);
        if let Some((fleet, rng)) = before {
            self.check_explanation(&fleet, wanted);
            self.check_purity(&plan, wanted, count, (&fleet, &rng));
        }
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

    /// In a fleet as it was before the plan.
    fn check_explanation(&self, fleet: &Fleet, wanted: &Wanted) {
        let mut fleet = fleet.clone();
        let request = request(&mut fleet, wanted);
        let explanation = fleet.explain(&request, usize::MAX);
        assert_eq!(explanation.refused, self.world.explain(wanted));
        assert_eq!(explanation.refused, fleet.refusals(&request));
        assert_eq!(explanation.instances as usize, self.world.asked(wanted).len());
        let taking = explanation.instances as usize - explanation.refused.len();
        assert_eq!(explanation.candidates.len(), taking);
        let ranked: Vec<_> = explanation.candidates.iter().map(|candidate| candidate.instance).collect();
        assert!(ranked.starts_with(&self.world.best(wanted)), "those that tie for the best come first, in order of id");
        let closest = explanation.closest.map(|closest| (closest.instance, closest.reason));
        assert_eq!(closest, self.world.rejection(wanted).closest);
        let only: u32 = explanation.obstacles.iter().map(|obstacle| obstacle.only).sum();
        assert!(only as usize <= explanation.refused.len(), "an instance that fails one check only counts for one");
    }

    /// That the plan is the same the second time, and the same from nothing but the rows (I-7).
    fn check_purity(&mut self, plan: &Plan, wanted: &Wanted, count: usize, (fleet, rng): (&Fleet, &ChaCha8Rng)) {
        let request = request(&mut self.fleet, wanted);
        let again = self.fleet.plan(&request, count, &mut rng.clone());
        assert_eq!(*plan, again, "planning twice gives the same plan");
        let mut unplanned = fleet.clone();
        unplanned.group(wanted.group);
        assert_eq!(self.fleet, unplanned, "planning changes nothing");
        let mut rebuilt = self.rebuilt();
        let same_request = self::request(&mut rebuilt, wanted);
        let elsewhere = rebuilt.plan(&same_request, count, &mut rng.clone());
        let ids =
            |fleet: &Fleet, plan: &Plan| plan.placed.iter().map(|(idx, _)| fleet.instance(*idx)).collect::<Vec<_>>();
        assert_eq!(ids(&self.fleet, plan), ids(&rebuilt, &elsewhere), "a plan does not depend on history");
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
