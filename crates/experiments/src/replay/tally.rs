//! How full a fleet is while a log goes by: what one side of a comparison comes to.

use plimsoll_model::InstanceId;
use std::collections::BTreeMap;

/// CPU units and MiB.
type Amounts = [u64; 2];

/// One way of placing the tasks of a log, over all its clusters. Instances of different clusters have different ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    hosts: BTreeMap<InstanceId, Host>,
    used: u64,
    /// Of the instances that have tasks.
    capacity_used: Amounts,
    allocated: Amounts,
    pub most_used: u64,
    over_time: OverTime,
    now: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    capacity: Amounts,
    allocated: Amounts,
    tasks: u64,
}

/// Sums over milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct OverTime {
    millis: f64,
    used: f64,
    /// Shares of what the used hosts have.
    shares: [f64; 2],
    /// Milliseconds with a host in use.
    in_use: f64,
}

impl Tally {
    /// Time goes on to here.
    pub fn until(&mut self, at: i64) {
        let before = self.now.map_or(at, |now| now.min(at));
        let millis = (at - before) as f64;
        self.now = Some(at);
        self.over_time.millis += millis;
        self.over_time.used += millis * self.used as f64;
        if self.used > 0 {
            self.over_time.in_use += millis;
            let shares = self.shares();
            for (sum, share) in self.over_time.shares.iter_mut().zip(shares) {
                *sum += millis * share;
            }
        }
    }

    fn shares(&self) -> [f64; 2] {
        std::array::from_fn(|at| self.allocated[at] as f64 / (self.capacity_used[at] as f64).max(1.0))
    }

    /// An instance has this much.
    pub fn host(&mut self, instance: InstanceId, capacity: Amounts) {
        let host = self.hosts.entry(instance).or_default();
        if host.tasks > 0 {
            add(&mut self.capacity_used, capacity);
            subtract(&mut self.capacity_used, host.capacity);
        }
        host.capacity = capacity;
    }

    pub fn place(&mut self, instance: InstanceId, amounts: Amounts) {
        let host = self.hosts.entry(instance).or_default();
        host.tasks += 1;
        if host.tasks == 1 {
            self.used += 1;
            self.most_used = self.most_used.max(self.used);
            add(&mut self.capacity_used, host.capacity);
        }
        add(&mut host.allocated, amounts);
        add(&mut self.allocated, amounts);
    }

    /// What is there is told of again.
    pub fn forget_tasks(&mut self, instances: impl Fn(InstanceId) -> bool) {
        for (id, host) in &mut self.hosts {
            if host.tasks > 0 && instances(*id) {
                self.used -= 1;
                subtract(&mut self.capacity_used, host.capacity);
                subtract(&mut self.allocated, host.allocated);
                (host.tasks, host.allocated) = (0, [0; 2]);
            }
        }
    }

    pub fn release(&mut self, instance: InstanceId, amounts: Amounts) {
        let Some(host) = self.hosts.get_mut(&instance).filter(|host| host.tasks > 0) else { return };
        host.tasks -= 1;
        if host.tasks == 0 {
            self.used -= 1;
            subtract(&mut self.capacity_used, host.capacity);
        }
        subtract(&mut host.allocated, amounts);
        subtract(&mut self.allocated, amounts);
    }

    /// Hosts with a task at the end.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Hosts with a task, on average over time.
    pub fn mean_used(&self) -> f64 {
        if self.over_time.millis > 0.0 { self.over_time.used / self.over_time.millis } else { self.used as f64 }
    }

    /// Shares of CPU and memory that tasks hold of the hosts that have any, on average over time.
    pub fn mean_shares(&self) -> [f64; 2] {
        let OverTime { shares, in_use, .. } = self.over_time;
        if in_use > 0.0 { shares.map(|sum| sum / in_use) } else { self.shares() }
    }
}

fn add(sum: &mut Amounts, amounts: Amounts) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
}

fn subtract(sum: &mut Amounts, amounts: Amounts) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum = sum.saturating_sub(amount));
}
