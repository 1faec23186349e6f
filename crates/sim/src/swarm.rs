//! What a run is like: which faults it has and how often. Drawn per seed, every fault on in about half of the runs,
//! because a world with all faults at once hides what a world with two of them shows.

use crate::dice::Dice;

/// Durations are milliseconds; chances are permille.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swarm {
    pub nodes: usize,
    pub services_max: u64,
    pub desired_max: u32,
    pub client_pause_ms: u64,

    pub disconnect_grace_ms: Option<u64>,
    pub healthy_ms: u64,
    pub retention_ms: u64,
    pub token_retention_ms: u64,
    pub provisioning_timeout_ms: u64,
    pub provisioning_tasks_max: usize,
    pub placements_per_step_max: usize,
    pub node_retention_ms: u64,
    pub heartbeat_ms: u64,
    pub lease_ttl_ms: u64,

    pub delay_ms_max: u64,
    /// Messages of one connection may overtake each other.
    pub reorder: bool,
    pub loss: u64,
    pub duplicate: u64,

    pub commit_ms_max: u64,
    pub commit_failure: u64,
    /// The commit happened, the writer is told that it did not.
    pub commit_unknown: u64,
    /// A commit that hangs for seconds.
    pub commit_stall: u64,

    /// How far a clock may be off when its process starts. Within a process time is monotonic.
    pub clock_set_ms_max: u64,
    /// How much faster or slower than true time a clock may run.
    pub clock_rate_off: u64,

    pub start_ms_max: u64,
    pub start_failure: u64,
    /// A stop request that the runtime forgets (F-18).
    pub stop_lost: u64,
    /// An event of the runtime that comes twice.
    pub event_twice: u64,
    pub unhealthy: u64,

    /// Mean time between faults of a kind; `None` switches it off.
    pub connection_break_ms: Option<u64>,
    pub partition_ms: Option<u64>,
    pub core_crash_ms: Option<u64>,
    pub core_pause_ms: Option<u64>,
    pub node_crash_ms: Option<u64>,
    pub node_pause_ms: Option<u64>,
    pub node_reboot_ms: Option<u64>,
    pub identity_loss_ms: Option<u64>,
    pub container_exit_ms: Option<u64>,
    pub container_removal_ms: Option<u64>,
}

/// How big a world is.
struct Size {
    nodes: u64,
    services_max: u64,
    desired_max: u32,
    /// Thousands of heartbeats a minute would be all that happens in a big one.
    heartbeat_ms: u64,
}

impl Size {
    /// Most edge cases live in clusters of one node and services of one task.
    fn draw(dice: &mut Dice) -> Self {
        let kind = dice.below(1000);
        let (nodes, services_max, heartbeat_ms) = match kind {
            0..270 => (1, 1, dice.between(1_000, 10_000)),
            270..955 => (dice.between(2, 6), dice.between(1, 4), dice.between(1_000, 10_000)),
            955..990 => (dice.between(7, 24), dice.between(1, 12), dice.between(5_000, 20_000)),
            _ => (dice.between(25, 200), dice.between(1, 50), dice.between(20_000, 60_000)),
        };
        let desired_max = match kind {
            0..150 => 1,
            150..955 => 6,
            955..990 => 12,
            _ => 30,
        };
        Size { nodes, services_max, desired_max, heartbeat_ms }
    }
}

impl Swarm {
    pub fn of_seed(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 0);
        let size = Size::draw(dice);
        let retention_ms = dice.between(10_000, 120_000);
        let clock_set_ms_max = if dice.permille(300) { 3_600_000 } else { 0 };
        Swarm {
            nodes: usize::try_from(size.nodes).expect("some hundred nodes"),
            services_max: size.services_max,
            desired_max: size.desired_max,
            client_pause_ms: dice.between(50, 5_000),
            disconnect_grace_ms: if dice.permille(200) { None } else { Some(dice.between(1_000, 30_000)) },
            healthy_ms: if dice.permille(700) { 0 } else { dice.between(500, 5_000) },
            retention_ms,
            // Clocks that disagree by an hour must not disagree about a token (I-25): those are kept for a day.
            token_retention_ms: if clock_set_ms_max > 0 { 86_400_000 } else { 4 * retention_ms },
            placements_per_step_max: if dice.permille(300) { 1 } else { 1_000 },
            node_retention_ms: dice.between(0, 60_000),
            heartbeat_ms: size.heartbeat_ms,
            lease_ttl_ms: dice.between(3_000, 12_000),
            delay_ms_max: if dice.permille(200) { dice.between(1_000, 5_000) } else { dice.between(1, 1_000) },
            reorder: dice.coin(),
            loss: sometimes(dice, 300).unwrap_or(0),
            duplicate: sometimes(dice, 500).unwrap_or(0),
            commit_ms_max: dice.between(1, 300),
            commit_failure: sometimes(dice, 60).unwrap_or(0),
            commit_unknown: sometimes(dice, 60).unwrap_or(0),
            commit_stall: sometimes(dice, 20).unwrap_or(0),
            clock_set_ms_max,
            clock_rate_off: if dice.permille(300) { dice.between(1, 200) } else { 0 },
            start_ms_max: dice.between(50, 5_000),
            start_failure: sometimes(dice, 400).unwrap_or(0),
            stop_lost: sometimes(dice, 400).unwrap_or(0),
            event_twice: sometimes(dice, 400).unwrap_or(0),
            unhealthy: sometimes(dice, 400).unwrap_or(0),
            connection_break_ms: sometimes(dice, 30_000),
            partition_ms: sometimes(dice, 60_000),
            core_crash_ms: sometimes(dice, 60_000),
            core_pause_ms: sometimes(dice, 60_000),
            node_crash_ms: sometimes(dice, 60_000),
            node_pause_ms: sometimes(dice, 60_000),
            node_reboot_ms: sometimes(dice, 120_000),
            identity_loss_ms: sometimes(dice, 120_000),
            container_exit_ms: sometimes(dice, 20_000),
            container_removal_ms: sometimes(dice, 60_000),
            provisioning_timeout_ms: dice.between(5_000, 200_000),
            provisioning_tasks_max: usize::try_from(dice.between(1, 8)).unwrap_or(1),
        }
    }

    /// The same world with nothing going wrong. Clocks stay as they are: nobody sets them right.
    pub fn without_faults(&self) -> Self {
        Swarm {
            reorder: false,
            loss: 0,
            duplicate: 0,
            commit_failure: 0,
            commit_unknown: 0,
            commit_stall: 0,
            start_failure: 0,
            stop_lost: 0,
            event_twice: 0,
            unhealthy: 0,
            connection_break_ms: None,
            partition_ms: None,
            core_crash_ms: None,
            core_pause_ms: None,
            node_crash_ms: None,
            node_pause_ms: None,
            node_reboot_ms: None,
            identity_loss_ms: None,
            container_exit_ms: None,
            container_removal_ms: None,
            ..self.clone()
        }
    }
}

/// On in half of the runs.
fn sometimes(dice: &mut Dice, high: u64) -> Option<u64> {
    if dice.coin() { Some(dice.between(high / 20 + 1, high)) } else { None }
}
