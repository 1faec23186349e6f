//! Every small rollout against a naive reading of its rules, compared after every event (DEP-10..20, DEP-30..35).
//!
//! The rules leave some choices free. Ours, and why:
//!
//! - **Healthy old tasks stay until covered** (DEP-14): as long as what is missing can be started, no healthy old task
//!   goes before a healthy new one stands in for it, even where minimumHealthyPercent would allow it. Capacity that
//!   costs nothing to keep is kept.
//! - **Make-room goes down to minimumHealthyPercent at once**, but never stops more tasks than are missing, counting
//!   those that are stopping anyway: fewer would take longer, more would be idle capacity lost.
//! - **Old tasks go from DRAINING instances first, then oldest deployment first** (DEP-34); among equals any will do.
//! - **An unhealthy new task does not count as live** for what is missing (SVC-25 comes before DEP-13 c), and is dealt
//!   with before healthy old tasks make room.
//! - **During a back-off nothing makes room** for tasks that are not going to be started (SVC-23).
//! - **An old task whose health is not known yet is left alone** until the new ones suffice.
//!
//! A failure prints every step up to it. `d1[HHs] d2[PP]` reads: of the first deployment two tasks are healthy and one
//! is stopping, of the second two are pending; `?` is undecided, `U` unhealthy, a dash means on a DRAINING instance.

use crate::rollout_model::rules::{Standing, healthy_min, total_max};
use crate::rollout_model::{Dice, Event, Fate, Lockstep, Order, Setting, in_parallel};
use plimsoll_core::cluster::rollout_bounds;
use std::collections::BTreeMap;

/// Steps after which a rollout that should end has not.
const STEPS_MAX: usize = 1_000;

fn runs(_label: usize) -> Fate {
    Fate::Runs
}

/// DEP-10.
#[test]
fn bounds_are_those_of_the_rules_for_every_triple() {
    for desired in 0..=10 {
        for minimum in 0..=100 {
            for maximum in 100..=300 {
                let bounds = rollout_bounds(desired as u32, minimum as u32, maximum as u32);
                let expected = (healthy_min(desired, minimum) as u32, total_max(desired, maximum) as u32);
                assert_eq!((bounds.healthy_min, bounds.total_max), expected, "{desired} of {minimum}..{maximum}%");
            }
        }
    }
}

/// DEP-18. What can happen next happens all at once; `+2 -1` is a pass that starts two tasks and stops one.
#[test]
fn worked_examples() {
    #[rustfmt::skip]
    let rows = [
        // desired, percents, bounds, passes
        (4,   50, 200,   2,  8, "+4 | -4"),
        (4,   50, 100,   2,  4, "-2 | +2 | -2 | +2"),
        (4,  100, 200,   4,  8, "+4 | -4"),
        (2,   75, 100,   2,  2, "blocked"),
        (2,   75, 200,   2,  4, "+2 | -2"),
        (3,  100, 125,   3,  3, "blocked"),
        (3,   50, 125,   2,  3, "-1 | +1 | -1 | +1 | -1 | +1"),
        (1,  100, 200,   1,  2, "+1 | -1"),
        (1,  100, 150,   1,  1, "blocked"),
        (1,   50, 100,   1,  1, "blocked"),
        (1,    0, 100,   0,  1, "-1 | +1"),
        (10,  90, 110,   9, 11, "+1 -1 | +1 -1 | +1 -1 | +1 -1 | +1 -1 | +1 -1 | +1 -1 | +1 -1 | +1 -1 | +1 | -1"),
        (7,   50, 150,   4, 10, "+3 -3 | +3 -1 | +1 -2 | -1"),
        (0,  100, 200,   0,  0, ""),
        (5,  100, 100,   5,  5, "blocked"),
    ];
    for (desired, minimum, maximum, least, most, expected) in rows {
        assert_eq!((healthy_min(desired, minimum), total_max(desired, maximum)), (least, most), "{desired}");
        let mut lockstep = Lockstep::steady(&Setting::roomy(desired, minimum, maximum), 1);
        lockstep.forget_steps();
        lockstep.step(&[Event::Update]);
        assert!(lockstep.drive(Order::AllAtOnce, STEPS_MAX, runs));
        let found = match lockstep.standing() {
            Standing::Blocked => "blocked".to_owned(),
            _ => lockstep.moves(),
        };
        assert_eq!(found, expected, "{desired} of {minimum}..{maximum}%\n{}", lockstep.trace());
    }
}

/// Each pair of bounds a service of this size can have, with the smallest and the largest percentages that give it.
fn settings(desired: usize) -> Vec<Setting> {
    let mut pairs: BTreeMap<(usize, usize), [(usize, usize); 2]> = BTreeMap::new();
    for minimum in 0..=100 {
        for maximum in 100..=300 {
            let bounds = (healthy_min(desired, minimum), total_max(desired, maximum));
            pairs.entry(bounds).or_insert([(minimum, maximum); 2])[1] = (minimum, maximum);
        }
    }
    let both = pairs.into_values().flatten();
    both.map(|(minimum, maximum)| Setting::roomy(desired, minimum, maximum)).collect()
}

fn settings_up_to(desired: usize) -> Vec<Setting> {
    (0..=desired).flat_map(settings).collect()
}

/// No task can go and none can come.
fn is_locked(setting: &Setting) -> bool {
    let least = healthy_min(setting.desired, setting.minimum);
    let most = total_max(setting.desired, setting.maximum);
    setting.desired > 0 && least == setting.desired && most == setting.desired
}

fn expect_end(lockstep: &Lockstep, locked: bool) {
    let expected = if locked { Standing::Blocked } else { Standing::Steady };
    if lockstep.standing() != expected {
        lockstep.fail(&format!("ends {:?}, not {expected:?}", lockstep.standing()));
    }
}

fn must_end(lockstep: &mut Lockstep, order: Order, fate: impl Fn(usize) -> Fate) {
    if !lockstep.drive(order, STEPS_MAX, fate) {
        lockstep.fail("does not end");
    }
}

#[test]
fn every_rollout_up_to_ten_tasks() {
    in_parallel(&settings_up_to(10), |setting| {
        for order in Order::ALL {
            let mut lockstep = Lockstep::steady(setting, 7);
            lockstep.step(&[Event::Update]);
            must_end(&mut lockstep, order, runs);
            expect_end(&lockstep, is_locked(setting));
        }
    });
}

/// DEP-11: without a health check a task counts as healthy after some time.
#[test]
fn rollouts_that_wait_for_health() {
    let mut settings = settings_up_to(5);
    for (nth, setting) in settings.iter_mut().enumerate() {
        setting.checks_health = nth % 2 == 0;
        setting.healthy_ms = 40_000;
    }
    in_parallel(&settings, |setting| {
        for order in Order::ALL {
            let mut lockstep = Lockstep::steady(setting, 7);
            lockstep.step(&[Event::Update]);
            must_end(&mut lockstep, order, runs);
            expect_end(&lockstep, is_locked(setting));
        }
    });
}

/// SVC-23: some new tasks fail to start, or all of them.
#[test]
fn rollouts_with_tasks_that_fail_to_start() {
    in_parallel(&settings_up_to(5), |setting| {
        for (seed, fails_of_ten) in [(1, 3), (2, 7), (3, 10)] {
            let fate = |label: usize| match Dice(seed * 1_000 + label as u64).below(10) < fails_of_ten {
                true => Fate::FailsToStart,
                false => Fate::Runs,
            };
            let mut lockstep = Lockstep::steady(setting, seed);
            lockstep.step(&[Event::Update]);
            // One that always fails has no end.
            let ended = lockstep.drive(Order::Random, 60, fate);
            if ended {
                expect_end(&lockstep, is_locked(setting));
            }
        }
    });
}

/// SVC-25: tasks that turn unhealthy when they come up, or later, old and new.
#[test]
fn rollouts_with_unhealthy_tasks() {
    let mut settings = settings_up_to(5);
    settings.iter_mut().for_each(|setting| setting.checks_health = true);
    in_parallel(&settings, |setting| {
        for seed in 1..=4 {
            let fate = |label: usize| match Dice(seed * 1_000 + label as u64).one_in(3) {
                true => Fate::TurnsUnhealthy,
                false => Fate::Runs,
            };
            let mut lockstep = Lockstep::steady(setting, seed);
            if seed % 2 == 0 {
                turn_one_unhealthy(&mut lockstep);
            }
            lockstep.step(&[Event::Update]);
            for step in 0..60 {
                if !lockstep.advance(Order::Random, fate) {
                    break;
                }
                if step % 5 == 4 {
                    turn_one_unhealthy(&mut lockstep);
                }
            }
        }
    });
}

fn turn_one_unhealthy(lockstep: &mut Lockstep) {
    let situation = &lockstep.story.situation;
    let healthy: Vec<usize> = situation
        .tasks
        .iter()
        .filter(|task| task.condition == crate::rollout_model::rules::Condition::Healthy)
        .map(|task| task.label)
        .collect();
    if !healthy.is_empty() {
        let chosen = healthy[lockstep.dice.below(healthy.len())];
        lockstep.step(&[Event::BecomesUnhealthy(chosen)]);
    }
}

/// DEP-4, DEP-16: from any size to any other, with and without a rollout under way.
#[test]
fn services_that_are_resized() {
    in_parallel(&settings_up_to(5), |setting| {
        for resized in 0..=7 {
            for before in [None, Some(0), Some(1), Some(3), Some(6)] {
                let order = Order::ALL[(setting.desired + setting.minimum + resized) % Order::ALL.len()];
                let mut lockstep = Lockstep::steady(setting, resized as u64);
                if let Some(steps) = before {
                    lockstep.step(&[Event::Update]);
                    lockstep.drive(order, steps, runs);
                }
                lockstep.step(&[Event::Resize(resized)]);
                must_end(&mut lockstep, order, runs);
                let locked = is_locked(&Setting { desired: resized, ..setting.clone() });
                if before.is_none() || !locked {
                    expect_end(&lockstep, false);
                }
            }
        }
    });
}

/// DEP-5, SVC-14: a second update at any moment of a rollout, and one that comes with another size.
#[test]
fn updates_that_overlap() {
    in_parallel(&settings_up_to(5), |setting| {
        for steps in 0..8 {
            let order = Order::ALL[(setting.maximum + steps) % Order::ALL.len()];
            let mut lockstep = Lockstep::steady(setting, steps as u64);
            lockstep.step(&[Event::Update]);
            lockstep.drive(order, steps, runs);
            let resized = if steps % 3 == 2 { (setting.desired + steps) % 6 } else { setting.desired };
            lockstep.step(&[Event::Update, Event::Resize(resized)]);
            must_end(&mut lockstep, order, runs);
            if !is_locked(&Setting { desired: resized, ..setting.clone() }) {
                expect_end(&lockstep, false);
            }
        }
    });
}

/// DEP-30..35: an instance is drained, alone and in the middle of a rollout, and in part set back to ACTIVE.
#[test]
fn instances_that_are_drained() {
    in_parallel(&settings_up_to(6), |setting| {
        for steps in 0..6 {
            let order = Order::ALL[(setting.minimum + steps) % Order::ALL.len()];
            let mut lockstep = Lockstep::steady(setting, steps as u64);
            if steps > 0 {
                lockstep.step(&[Event::Update]);
                lockstep.drive(order, steps, runs);
            }
            let drained = steps % 2;
            lockstep.step(&[Event::Drain(drained)]);
            if steps == 5 {
                lockstep.drive(order, 4, runs);
                lockstep.step(&[Event::Activate(drained)]);
            }
            must_end(&mut lockstep, order, runs);
            if !is_locked(setting) {
                expect_end(&lockstep, false);
            }
        }
    });
}

/// DEP-14, DEP-33, SVC-22: too little capacity for a rollout to start first, or to replace what drains.
#[test]
fn rollouts_without_capacity() {
    let mut settings = settings_up_to(5);
    for (nth, setting) in settings.iter_mut().enumerate() {
        let spare = nth % 3;
        setting.slots = vec![setting.desired.div_ceil(2), setting.desired / 2 + spare];
    }
    in_parallel(&settings, |setting| {
        for order in Order::ALL {
            let mut lockstep = Lockstep::steady(setting, 3);
            lockstep.step(&[Event::Update]);
            must_end(&mut lockstep, order, runs);
            lockstep.step(&[Event::Drain(0)]);
            must_end(&mut lockstep, order, runs);
            lockstep.step(&[Event::Activate(0)]);
            must_end(&mut lockstep, order, runs);
            lockstep.step(&[Event::Resize(setting.desired + 2)]);
            must_end(&mut lockstep, order, runs);
        }
    });
}

/// Everything at once: whatever happens in whatever order, the core does what the rules say.
#[test]
fn storms() {
    let seeds: Vec<u64> = (1..=2_000).collect();
    in_parallel(&seeds, |seed| storm(*seed));
}

fn storm(seed: u64) {
    let mut dice = Dice(seed);
    let mut setting = Setting::roomy(dice.below(7), dice.below(101), 100 + dice.below(201));
    setting.checks_health = dice.one_in(2);
    setting.healthy_ms = if dice.one_in(3) { 40_000 } else { 0 };
    if dice.one_in(2) {
        setting.slots = vec![1 + dice.below(5), 1 + dice.below(5), 1 + dice.below(5)];
    }
    let mut lockstep = Lockstep::new(&setting, seed);
    for _ in 0..80 {
        let label_of_chance = dice.below(1_000);
        let fate = |label: usize| match Dice(seed ^ (label as u64 + 1)).below(6) {
            0 => Fate::FailsToStart,
            1 => Fate::TurnsUnhealthy,
            _ => Fate::Runs,
        };
        match dice.below(24) {
            0 => lockstep.step(&[Event::Update]),
            1 => lockstep.step(&[Event::Resize(label_of_chance % 8)]),
            2 => lockstep.step(&[Event::Bounds(dice.below(101), 100 + dice.below(201))]),
            3 => lockstep.step(&[Event::Drain(label_of_chance % setting.slots.len())]),
            4 | 5 => lockstep.step(&[Event::Activate(label_of_chance % setting.slots.len())]),
            6 => one_exits(&mut lockstep, label_of_chance),
            7 if setting.checks_health => turn_one_unhealthy(&mut lockstep),
            8 => drop(lockstep.advance(Order::AllAtOnce, fate)),
            _ => drop(lockstep.advance(Order::Random, fate)),
        }
    }
}

fn one_exits(lockstep: &mut Lockstep, chance: usize) {
    use crate::rollout_model::rules::Condition::{Healthy, Undecided, Unhealthy};
    let tasks = &lockstep.story.situation.tasks;
    let running: Vec<usize> = tasks
        .iter()
        .filter(|task| matches!(task.condition, Healthy | Undecided | Unhealthy))
        .map(|task| task.label)
        .collect();
    if !running.is_empty() {
        lockstep.step(&[Event::Exits(running[chance % running.len()])]);
    }
}
