//! What is timed. Times are those of the process on a processor, not of the clock on the wall: other work on the machine
//! costs a little cache and no more.

use crate::fleet::{CPU, Setting, fleet, shapes, spec};
use plimsoll_model::{PlacementStrategy, Reserved, TaskId, Timestamp};
use plimsoll_placement::oracle::{Task, Wanted, World};
use plimsoll_placement::{Demand, Expression, Fleet, GroupIdx, InstanceIdx, Request, TaskWasLive};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::sync::Arc;

/// Tasks that come and go are timed over so many.
const CHURN: u32 = 200_000;

/// What a stream of requests has in common.
struct Stream {
    member_of: Vec<Arc<Expression>>,
    strategies: Vec<PlacementStrategy>,
    rng: ChaCha8Rng,
}

type Placed = (InstanceIdx, GroupIdx, Reserved);

impl Stream {
    fn new(setting: Setting) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(1);
        Stream { member_of: setting.member_of(), strategies: setting.strategies(), rng }
    }

    fn request<'a>(&'a self, demand: &'a Demand, group: GroupIdx) -> Request<'a> {
        Request {
            demand,
            required_attributes: &[],
            member_of: &self.member_of,
            distinct_instance: false,
            group,
            strategies: &self.strategies,
            external: false,
            takes_kept_room: false,
            capacity_provider: None,
        }
    }

    /// Plans so many tasks and adds them; says how many found a place.
    fn place(
        &mut self,
        fleet: &mut Fleet,
        demand: &Demand,
        group: GroupIdx,
        count: usize,
        into: &mut Vec<Placed>,
    ) -> usize {
        let mut rng = self.rng.clone();
        let plan = fleet.plan(&self.request(demand, group), count, &mut rng);
        self.rng = rng;
        let placed = plan.placed.len();
        for (idx, reserved) in plan.placed {
            fleet.add_task(idx, group, &reserved);
            into.push((idx, group, reserved));
        }
        placed
    }
}

/// From empty to 95 % of the CPU that is asked for, with tasks of one shape. Nanoseconds per task.
pub fn fill(instances: u32, setting: Setting, batch: usize) -> f64 {
    // Small fleets again and again: a fill of a hundred instances is over in microseconds.
    let times = (20_000 / instances).max(1);
    (0..times).map(|_| fill_once(instances, setting, batch)).sum::<f64>() / f64::from(times)
}

fn fill_once(instances: u32, setting: Setting, batch: usize) -> f64 {
    let (mut fleet, mut stream) = (fleet(instances), Stream::new(setting));
    let group = fleet.group("service:web");
    let demand = Demand { cpu_units: 1_024, memory_mib: 2_048, ..Demand::default() };
    let total = (f64::from(instances) * f64::from(CPU / demand.cpu_units) * setting.share() * 0.95) as usize;
    let mut placed = Vec::with_capacity(total + batch);
    let begun = processor_ns();
    while placed.len() < total {
        let count = batch.min(total - placed.len());
        assert_eq!(stream.place(&mut fleet, &demand, group, count, &mut placed), count, "there is room for all");
    }
    (processor_ns() - begun) / total as f64
}

/// An empty fleet that is asked for plans, none of which is carried out.
pub struct Standing {
    fleet: Fleet,
    stream: Stream,
    group: GroupIdx,
    demand: Demand,
}

impl Standing {
    pub fn new(instances: u32, setting: Setting) -> Self {
        let mut fleet = fleet(instances);
        let group = fleet.group("service:web");
        let demand = Demand { cpu_units: 1_024, memory_mib: 2_048, ..Demand::default() };
        Standing { fleet, stream: Stream::new(setting), group, demand }
    }

    /// How many of so many identical tasks find a place.
    pub fn plan(&mut self, count: usize) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let request = self.stream.request(&self.demand, self.group);
        black_box(self.fleet.plan(&request, count, &mut rng)).placed.len()
    }
}

/// Plans of so many identical tasks, and nothing added. Nanoseconds per task.
pub fn plan_only(instances: u32, setting: Setting, count: usize) -> f64 {
    let (mut standing, plans) = (Standing::new(instances, setting), 20);
    standing.plan(1);
    let begun = processor_ns();
    for _ in 0..plans {
        assert_eq!(standing.plan(count), count, "there is room for all");
    }
    (processor_ns() - begun) / f64::from(plans) / count as f64
}

/// Tasks of eight shapes come one by one and others go, in a fleet that is 80 % full. Nanoseconds per task that comes,
/// with the one that goes.
pub fn churn(instances: u32, setting: Setting, groups: usize) -> f64 {
    let (mut fleet, mut stream) = (fleet(instances), Stream::new(setting));
    let shapes = shapes();
    let groups: Vec<GroupIdx> = (0..groups).map(|nth| fleet.group(&format!("service:{nth}"))).collect();
    let mut tasks: Vec<Placed> = Vec::new();
    let budget = f64::from(instances) * f64::from(CPU) * setting.share() * 0.8;
    let mut used = 0.0;
    while used < budget {
        let nth = stream.rng.random_range(0..shapes.len());
        stream.place(&mut fleet, &shapes[nth], groups[nth % groups.len()], 1, &mut tasks);
        used += f64::from(shapes[nth].cpu_units);
    }
    let mut refused = 0;
    let begun = processor_ns();
    for _ in 0..CHURN {
        let gone = stream.rng.random_range(0..tasks.len());
        let (idx, group, reserved) = tasks.swap_remove(gone);
        fleet.remove_task(idx, group, &reserved, TaskWasLive::Yes);
        let nth = stream.rng.random_range(0..shapes.len());
        refused += 1 - stream.place(&mut fleet, &shapes[nth], groups[nth % groups.len()], 1, &mut tasks);
    }
    let cost = (processor_ns() - begun) / f64::from(CHURN);
    assert!(refused * 100 < CHURN as usize, "{refused} tasks found no room, which is another thing to measure");
    cost
}

/// Adds so many tasks to every instance, each of another of so many services; says how many there are.
pub fn add_tasks(fleet: &mut Fleet, per_instance: u32, services: u32) -> u32 {
    let groups: Vec<GroupIdx> = (0..services).map(|nth| fleet.group(&format!("service:{nth}"))).collect();
    let reserved = Reserved { cpu_units: 512, memory_mib: 1_024, ..Reserved::default() };
    let mut tasks = 0;
    while let Some(idx) = fleet.idx(spec(tasks / per_instance).instance) {
        fleet.add_task(idx, groups[(tasks % services) as usize], &reserved);
        tasks += 1;
    }
    tasks
}

/// Asks for one task of the first service, so that there is a view to answer with.
pub fn ask_once(fleet: &mut Fleet, setting: Setting) {
    let demand = Demand { cpu_units: 512, memory_mib: 1_024, ..Demand::default() };
    let (group, stream) = (fleet.group("service:0"), Stream::new(setting));
    let plan = fleet.plan(&stream.request(&demand, group), 1, &mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!(black_box(plan).placed.len(), 1, "there is room for one more");
}

/// One choice of the plain definition and one of the engine, with one task on every instance. Nanoseconds each.
pub fn beside_oracle(instances: u32, setting: Setting) -> (f64, f64) {
    let mut world = World::default();
    let (mut fleet, mut stream) = (Fleet::new(), Stream::new(setting));
    let group = fleet.group("service:web");
    let demand = Demand { cpu_units: 512, memory_mib: 1_024, ..Demand::default() };
    for nth in 0..instances {
        let spec = spec(nth);
        let reserved = Reserved { cpu_units: demand.cpu_units, memory_mib: demand.memory_mib, ..Reserved::default() };
        let idx = fleet.put(spec.clone());
        fleet.add_task(idx, group, &reserved);
        world.tasks.push(Task {
            id: TaskId::from_u128(u128::from(nth)),
            instance: spec.instance,
            group: "service:web",
            reserved,
            live: true,
            created_at: Timestamp::ZERO,
        });
        world.instances.insert(spec.instance, (spec, 1));
    }
    let wanted = Wanted {
        demand: demand.clone(),
        required_attributes: Vec::new(),
        member_of: stream.member_of.clone(),
        distinct_instance: false,
        group: "service:web",
        strategies: stream.strategies.clone(),
        external: false,
        takes_kept_room: false,
        capacity_provider: None,
    };
    let best = world.best(&wanted);
    let (begun, times) = (processor_ns(), 20_000 / instances);
    for _ in 0..times {
        black_box(world.best(&wanted));
    }
    let plain = (processor_ns() - begun) / f64::from(times);
    let mut placed = Vec::new();
    stream.place(&mut fleet, &demand, group, 1, &mut placed);
    assert_eq!(Some(fleet.instance(placed[0].0)), best.first().copied(), "both choose the same");
    let begun = processor_ns();
    let times = 100_000;
    for _ in 0..times {
        stream.place(&mut fleet, &demand, group, 1, &mut placed);
        let (idx, group, reserved) = placed.swap_remove(0);
        fleet.remove_task(idx, group, &reserved, TaskWasLive::Yes);
    }
    (plain, (processor_ns() - begun) / f64::from(times))
}

/// Time of this thread on a processor, in nanoseconds.
fn processor_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
