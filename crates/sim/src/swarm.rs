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
    pub placements_per_step_max: usize,
    pub node_retention_ms: u64,
    pub heartbeat_ms: u64,

    pub delay_ms_max: u64,
    /// Messages of one connection may overtake each other.
    pub reorder: bool,
    pub loss: u64,
    pub duplicate: u64,

    pub commit_ms_max: u64,
    pub commit_failure: u64,
    /// The commit happened, the writer is told that it did not.
    pub commit_unknown: u64,

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
    pub node_crash_ms: Option<u64>,
    pub identity_loss_ms: Option<u64>,
    pub container_exit_ms: Option<u64>,
    pub container_removal_ms: Option<u64>,
}

impl Swarm {
    pub fn of_seed(seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 0);
        // Most edge cases live in clusters of one node and services of one task.
        let tiny = dice.permille(250);
        let size = if tiny { 1 } else { dice.between(2, 6) };
        Swarm {
            nodes: usize::try_from(size).expect("a handful of nodes"),
            services_max: if tiny { 1 } else { dice.between(1, 4) },
            desired_max: if tiny && dice.coin() { 1 } else { 6 },
            client_pause_ms: dice.between(50, 5_000),
            disconnect_grace_ms: if dice.permille(200) { None } else { Some(dice.between(1_000, 30_000)) },
            healthy_ms: if dice.permille(700) { 0 } else { dice.between(500, 5_000) },
            retention_ms: dice.between(10_000, 120_000),
            placements_per_step_max: if dice.permille(300) { 1 } else { 1_000 },
            node_retention_ms: dice.between(0, 60_000),
            heartbeat_ms: dice.between(1_000, 10_000),
            delay_ms_max: dice.between(1, 1_000),
            reorder: dice.coin(),
            loss: sometimes(dice, 200).unwrap_or(0),
            duplicate: sometimes(dice, 300).unwrap_or(0),
            commit_ms_max: dice.between(1, 300),
            commit_failure: sometimes(dice, 60).unwrap_or(0),
            commit_unknown: sometimes(dice, 60).unwrap_or(0),
            start_ms_max: dice.between(50, 5_000),
            start_failure: sometimes(dice, 400).unwrap_or(0),
            stop_lost: sometimes(dice, 400).unwrap_or(0),
            event_twice: sometimes(dice, 400).unwrap_or(0),
            unhealthy: sometimes(dice, 400).unwrap_or(0),
            connection_break_ms: sometimes(dice, 30_000),
            partition_ms: sometimes(dice, 60_000),
            core_crash_ms: sometimes(dice, 60_000),
            node_crash_ms: sometimes(dice, 60_000),
            identity_loss_ms: sometimes(dice, 120_000),
            container_exit_ms: sometimes(dice, 20_000),
            container_removal_ms: sometimes(dice, 60_000),
        }
    }

    /// The same world with nothing going wrong.
    pub fn without_faults(&self) -> Self {
        Swarm {
            reorder: false,
            loss: 0,
            duplicate: 0,
            commit_failure: 0,
            commit_unknown: 0,
            start_failure: 0,
            stop_lost: 0,
            event_twice: 0,
            unhealthy: 0,
            connection_break_ms: None,
            partition_ms: None,
            core_crash_ms: None,
            node_crash_ms: None,
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
