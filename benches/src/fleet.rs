//! The fleets that are measured, and what is asked of them.

use plimsoll_model::{InstanceId, PlacementStrategy, Resources, SpreadField, Timestamp};
use plimsoll_placement::{Demand, Expression, Fleet, NodeSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// CPU units and MiB of each instance: an m5.2xlarge.
pub const CPU: u32 = 8_192;
pub const MEMORY: u32 = 32_768;

/// Instances have three zones, a rack for every forty, and three types.
pub fn spec(nth: u32) -> NodeSpec {
    let zone = ["eu-1a", "eu-1b", "eu-1c"][nth as usize % 3];
    let kind = ["m5.2xlarge", "m6i.2xlarge", "c5.4xlarge"][(nth / 3) as usize % 3];
    let attribute = |name: &str, value: String| (Arc::from(name), Some(Arc::from(value)));
    // Ids come in no order, as those of real instances do.
    let id = u128::from(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    NodeSpec {
        instance: InstanceId::from_u128(id),
        ec2_instance_id: format!("i-{nth:017x}").into(),
        registered_at: Timestamp::ZERO,
        agent_version: Some("1.90.0".into()),
        attributes: BTreeMap::from([
            attribute("ecs.availability-zone", zone.to_owned()),
            attribute("ecs.instance-type", kind.to_owned()),
            attribute("rack", format!("r{}", nth / 40)),
            attribute("ecs.os-type", "linux".to_owned()),
        ]),
        resources: Resources {
            cpu_units: CPU,
            memory_mib: MEMORY,
            reserved_ports: BTreeSet::new(),
            gpus: BTreeSet::new(),
            others: BTreeMap::new(),
        },
        active: true,
        connected: true,
        damped: false,
    }
}

pub fn fleet(instances: u32) -> Fleet {
    let mut fleet = Fleet::new();
    for nth in 0..instances {
        fleet.put(spec(nth));
    }
    fleet
}

/// Strategies, and whether two thirds of the instances are asked for by type.
#[derive(Clone, Copy)]
pub struct Setting {
    pub name: &'static str,
    strategies: &'static [Step],
    constrained: bool,
}

#[derive(Clone, Copy)]
enum Step {
    Cpu,
    Memory,
    Instances,
    Zones,
    Racks,
    Random,
}

impl Setting {
    pub const ALL: &'static [Setting] = &[
        Setting { name: "binpack cpu", strategies: &[Step::Cpu], constrained: false },
        Setting { name: "binpack memory, memberOf", strategies: &[Step::Memory], constrained: true },
        Setting { name: "instances", strategies: &[Step::Instances], constrained: false },
        Setting { name: "instances, memberOf", strategies: &[Step::Instances], constrained: true },
        Setting { name: "racks", strategies: &[Step::Racks], constrained: false },
        Setting { name: "zones, instances", strategies: &[], constrained: false },
        Setting { name: "zones, cpu", strategies: &[Step::Zones, Step::Cpu], constrained: false },
        Setting { name: "zones, cpu, memberOf", strategies: &[Step::Zones, Step::Cpu], constrained: true },
        Setting { name: "random", strategies: &[Step::Random], constrained: false },
        Setting { name: "zones, random, memberOf", strategies: &[Step::Zones, Step::Random], constrained: true },
    ];

    pub fn named(name: &str) -> Setting {
        *Self::ALL.iter().find(|setting| setting.name == name).expect("settings are named in the list above")
    }

    pub fn strategies(&self) -> Vec<PlacementStrategy> {
        let by = |name: &str| PlacementStrategy::Spread(SpreadField::Attribute(name.into()));
        let strategy = |step: &Step| match step {
            Step::Cpu => PlacementStrategy::BinpackCpu,
            Step::Memory => PlacementStrategy::BinpackMemory,
            Step::Instances => PlacementStrategy::Spread(SpreadField::Instance),
            Step::Zones => by("ecs.availability-zone"),
            Step::Racks => by("rack"),
            Step::Random => PlacementStrategy::Random,
        };
        self.strategies.iter().map(strategy).collect()
    }

    pub fn member_of(&self) -> Vec<Arc<Expression>> {
        let text = "attribute:ecs.instance-type =~ m.* and attribute:ecs.os-type == linux";
        let expression = || Arc::new(Expression::parse(text).expect("the expression above is one"));
        self.constrained.then(expression).into_iter().collect()
    }

    /// Of the instances, those that are asked for.
    pub fn share(&self) -> f64 {
        if self.constrained { 2.0 / 3.0 } else { 1.0 }
    }
}

/// Eight sizes of tasks, from an eighth of a core to two.
pub fn shapes() -> Vec<Demand> {
    let sizes =
        [(128, 512), (256, 512), (256, 2048), (512, 1024), (512, 4096), (1024, 2048), (1024, 8192), (2048, 4096)];
    let shape = |(cpu_units, memory_mib)| Demand { cpu_units, memory_mib, ports: Vec::new(), gpus: 0 };
    sizes.map(shape).to_vec()
}

/// Bytes per instance, per task, and per instance and view, from what the process has in memory before and after.
///
/// An instance has a task each of eight services out of a hundred; a view each is for binpack, for the instances, for the
/// zones and both, with a service that has tasks on many instances.
pub fn memory(instances: u32) -> [u64; 3] {
    let before = resident();
    let mut filled = fleet(instances);
    let with_instances = resident();
    let tasks = crate::runs::add_tasks(&mut filled, 8, 100);
    let with_tasks = resident();
    let views = ["binpack cpu", "instances", "zones, cpu", "zones, instances"];
    for view in views {
        crate::runs::ask_once(&mut filled, Setting::named(view));
    }
    let with_views = resident();
    drop(filled);
    [
        with_instances.saturating_sub(before) / u64::from(instances),
        with_tasks.saturating_sub(with_instances) / u64::from(tasks),
        with_views.saturating_sub(with_tasks) / u64::from(instances) / views.len() as u64,
    ]
}

/// Bytes of the process in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux says what a process has in memory");
    let pages = text.split_whitespace().nth(1).expect("the second number is the resident size");
    pages.parse::<u64>().expect("it is in pages") * 4096
}
