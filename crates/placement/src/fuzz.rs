//! Random histories of fleets and random expressions, from a seed alone.

use crate::oracle::Wanted;
use crate::pair::Event;
use crate::{Demand, Expression, NodeSpec};
use plimsoll_model::{InstanceId, PlacementStrategy, PortClaim, Protocol, Resources, SpreadField, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;

const GROUPS: [&str; 5] = ["service:web", "service:api", "databases", "family:job", "family:x"];
const OWNERS: [&str; 2] = ["daemon:logs", "daemon:metrics"];
const PROVIDERS: [&str; 3] = ["racks", "spot", "nowhere"];
const GPUS: [&str; 4] = ["gpu-0", "gpu-1", "gpu-2", "gpu-3"];

pub(crate) struct Fuzz {
    rng: ChaCha8Rng,
    /// Ids go from 1 to this.
    instances: u32,
    /// Amounts go from 0 to this.
    size: u32,
    /// Requests repeat themselves, as those of services do.
    recent: Vec<Wanted>,
}

impl Fuzz {
    pub fn new(seed: u64, instances: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let size = [6, 12, 40][rng.random_range(0..3usize)];
        Fuzz { rng, instances, size, recent: Vec::new() }
    }

    pub fn event(&mut self, tasks: usize) -> Event {
        // Tasks that need nothing would pile up for ever.
        if tasks > 4 * self.instances as usize + 20 {
            return Event::Gone(self.number());
        }
        match self.rng.random_range(0..100u32) {
            0..10 => Event::Put(self.spec()),
            10..13 => Event::Remove(self.id()),
            13..60 => {
                let wanted = self.wanted();
                let most = if self.chance(50) { 2 } else { 10 };
                Event::Place(wanted, self.rng.random_range(1..most))
            }
            60..63 => Event::StartOn(self.id(), self.wanted()),
            63..68 => Event::ScaleIn(self.one_of(&GROUPS), self.strategies(), self.rng.random_range(1..6)),
            68..76 => Event::Stopping(self.number()),
            76..92 => Event::Gone(self.number()),
            92..95 => Event::Running(self.id(), self.rng.random_range(0..4)),
            95..98 => Event::Keep(self.id(), self.one_of(&OWNERS), self.demand()),
            _ => Event::Keep(self.id(), self.one_of(&OWNERS), Demand::default()),
        }
    }

    pub fn spec(&mut self) -> NodeSpec {
        let instance = self.id();
        let gpus = if self.chance(40) { self.rng.random_range(0..=GPUS.len()) } else { 0 };
        let (cpu_units, memory_mib) = (self.amount(), self.amount());
        NodeSpec {
            instance,
            ec2_instance_id: format!("i-{}", instance.as_u128()).into(),
            registered_at: Timestamp::from_millis(i64::from(self.rng.random_range(0..4u32)) * 1000),
            agent_version: [None, Some("1.14.5"), Some("1.2"), Some("x")][self.rng.random_range(0..4usize)]
                .map(Arc::from),
            attributes: self.attributes(),
            resources: Resources {
                cpu_units,
                memory_mib,
                reserved_ports: self.ports().into_iter().collect(),
                gpus: GPUS[..gpus].iter().copied().map(Arc::from).collect(),
                others: BTreeMap::new(),
            },
            active: self.chance(92),
            connected: self.chance(92),
            damped: self.chance(5),
        }
    }

    fn attributes(&mut self) -> BTreeMap<Arc<str>, Option<Arc<str>>> {
        let mut attributes = BTreeMap::new();
        for (name, values) in [
            ("ecs.availability-zone", &["us-a", "us-b", "us-c"][..]),
            ("rack", &["1", "2", "10", "", "a"]),
            ("plimsoll.capacity-provider", &PROVIDERS[..2]),
        ] {
            if self.chance(75) {
                attributes.insert(name.into(), Some(self.one_of(values).into()));
            }
        }
        if self.chance(50) {
            attributes.insert("host".into(), Some(format!("h{}", self.rng.random_range(0..2 * self.instances)).into()));
        }
        for (name, percent) in [("ecs.capability.external", 5), ("gpu-host", 30)] {
            if self.chance(percent) {
                attributes.insert(name.into(), None);
            }
        }
        attributes
    }

    fn wanted(&mut self) -> Wanted {
        if !self.recent.is_empty() && self.chance(70) {
            let mut again = self.recent[self.rng.random_range(0..self.recent.len())].clone();
            if self.chance(50) {
                again.demand = self.demand();
            }
            if self.chance(20) {
                again.group = self.one_of(&GROUPS);
            }
            return again;
        }
        let wanted = self.new_wanted();
        if self.recent.len() < 12 {
            self.recent.push(wanted.clone());
        } else {
            let at = self.rng.random_range(0..self.recent.len());
            self.recent[at] = wanted.clone();
        }
        wanted
    }

    fn new_wanted(&mut self) -> Wanted {
        let required: &[&str] = match self.rng.random_range(0..10u32) {
            0 => &["rack"],
            1 => &["rack", "gpu-host"],
            _ => &[],
        };
        let expressions = if self.chance(50) { self.rng.random_range(1..3) } else { 0 };
        Wanted {
            demand: self.demand(),
            required_attributes: required.iter().copied().map(Arc::from).collect(),
            member_of: (0..expressions).map(|_| Arc::new(self.expression())).collect(),
            distinct_instance: self.chance(15),
            group: self.one_of(&GROUPS),
            strategies: self.strategies(),
            external: self.chance(5),
            takes_kept_room: self.chance(30),
            capacity_provider: self.chance(20).then(|| self.one_of(&PROVIDERS)),
        }
    }

    fn demand(&mut self) -> Demand {
        let part = self.size / 4 + 1;
        Demand {
            cpu_units: self.rng.random_range(0..=part),
            memory_mib: self.rng.random_range(0..=part),
            ports: if self.chance(15) { self.ports() } else { Vec::new() },
            gpus: if self.chance(15) { self.rng.random_range(1..3) } else { 0 },
        }
    }

    fn ports(&mut self) -> Vec<PortClaim> {
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let known = [(tcp, 80), (tcp, 443), (udp, 80)].map(|(protocol, port)| PortClaim { protocol, port });
        let mut ports: Vec<PortClaim> = known.into_iter().filter(|_| self.chance(25)).collect();
        ports.sort();
        ports
    }

    fn strategies(&mut self) -> Vec<PlacementStrategy> {
        (0..self.rng.random_range(0..4u32)).map(|_| self.strategy()).collect()
    }

    fn strategy(&mut self) -> PlacementStrategy {
        let by = |name: &str| PlacementStrategy::Spread(SpreadField::Attribute(name.into()));
        match self.rng.random_range(0..9u32) {
            0 => by("ecs.availability-zone"),
            1 => by("rack"),
            2 => by("host"),
            3 => by("nobody-has-this"),
            4 => PlacementStrategy::Spread(SpreadField::Instance),
            5 => PlacementStrategy::Random,
            6 => PlacementStrategy::BinpackMemory,
            _ => PlacementStrategy::BinpackCpu,
        }
    }

    /// One that parses; most do, and none that does not may do more than say so.
    pub fn expression(&mut self) -> Expression {
        loop {
            let mut text = self.any(2);
            if self.chance(5) {
                text = self.garbled(&text);
            }
            if let Ok(expression) = Expression::parse(&text) {
                return expression;
            }
        }
    }

    fn any(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..if depth == 0 { 1 } else { 6u32 }) {
            0..3 => self.predicate(),
            3 => format!("({}) {} {}", self.any(depth - 1), self.one_of(&["and", "&&"]), self.any(depth - 1)),
            4 => format!("{} {} ({})", self.any(depth - 1), self.one_of(&["or", "||"]), self.any(depth - 1)),
            _ => format!("{}({})", self.one_of(&["not", "!"]), self.any(depth - 1)),
        }
    }

    fn predicate(&mut self) -> String {
        let compare = ["==", "!=", "<", "<=", ">", ">=", "equals", "less_than"];
        match self.rng.random_range(0..8u32) {
            0 | 1 => self.set_predicate("attribute:rack", &["1", "2", "10", "a", "''"]),
            2 => self.set_predicate("attribute:ecs.availability-zone", &["us-a", "us-b", "us-c", "eu"]),
            3 => self.set_predicate("task:group", &GROUPS),
            4 => format!("runningTasksCount {} {}", self.one_of(&compare), self.rng.random_range(0..4u32)),
            5 => format!("agentVersion {} {}", self.one_of(&compare), self.one_of(&["1.2.0", "1.14", "2"])),
            6 => {
                format!("registeredAt {} 1970-01-01T00:00:0{}Z", self.one_of(&compare), self.rng.random_range(0..4u32))
            }
            _ => match self.chance(30) {
                true => format!("agentConnected == {}", self.one_of(&["true", "false"])),
                false => format!("ec2InstanceId in [i-1, i-{}, i-{}]", self.number() % 9, self.number() % 40),
            },
        }
    }

    fn set_predicate(&mut self, subject: &str, values: &[&str]) -> String {
        let value = self.one_of(values);
        match self.rng.random_range(0..6u32) {
            0 => format!("{subject} {}", self.one_of(&["exists", "!exists", "not_exists"])),
            1 => format!("{subject} {} [{value}, {}]", self.one_of(&["in", "!in", "not_in"]), self.one_of(values)),
            2 => format!("{subject} {} .*{}", self.one_of(&["=~", "!~"]), self.one_of(&["a", "[0-9]+", ":web"])),
            _ => format!("{subject} {} {value}", self.one_of(&["==", "!=", ">", "<=", "equals"])),
        }
    }

    fn garbled(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let at = self.rng.random_range(0..letters.len());
        match self.rng.random_range(0..3u32) {
            0 => drop(letters.remove(at)),
            1 => letters
                .insert(at, self.one_of(&["(", ")", "'", "[", " ", "!", "\\", "é"]).chars().next().unwrap_or(' ')),
            _ => letters.truncate(at),
        }
        letters.into_iter().collect()
    }

    fn id(&mut self) -> InstanceId {
        InstanceId::from_u128(u128::from(self.rng.random_range(1..=self.instances)))
    }

    fn amount(&mut self) -> u32 {
        self.rng.random_range(0..=self.size)
    }

    fn number(&mut self) -> usize {
        self.rng.random_range(0..u64::from(u32::MAX)) as usize
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_range(0..100) < percent
    }

    fn one_of<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.random_range(0..from.len())]
    }
}
