//! Nodes that come and go (F-16). Each break of a session costs an instance points, and time halves them; one with too
//! many takes no further tasks until few are left, as routers damp routes that flap. What runs there stays.
//!
//! Volatile: a writer that takes over trusts every node anew, and the breaks it causes itself count against nobody.

use super::ClusterCore;
use super::timers::Timer;
use plimsoll_model::{InstanceId, Timestamp};
use std::collections::BTreeMap;

const POINTS_PER_BREAK: u64 = 1_000;
const HALF_LIFE_MS: u64 = 60_000;
/// Three breaks in quick succession; one every minute and a half never gets there.
const DAMP_FROM_POINTS: u64 = 2_500;
/// Trusted again: at least one half-life without a break.
const TRUST_BELOW_POINTS: u64 = 1_000;
/// Whatever came before, trust is back two and a half minutes after the last break.
const POINTS_MAX: u64 = 6_000;

#[derive(Debug, Default)]
pub(super) struct Flapping {
    /// Of the instances of the fleet that ever broke a session.
    records: BTreeMap<InstanceId, Record>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Record {
    points: u64,
    as_of: Timestamp,
    damped: bool,
}

impl Record {
    fn points_at(&self, now: Timestamp) -> u64 {
        halved(self.points, now.millis_since(self.as_of))
    }
}

/// Exact at whole half-lives and straight between them.
fn halved(points: u64, elapsed_ms: u64) -> u64 {
    let halvings = elapsed_ms / HALF_LIFE_MS;
    let whole = points.checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX)).unwrap_or(0);
    whole - whole * (elapsed_ms % HALF_LIFE_MS) / (2 * HALF_LIFE_MS)
}

/// How long until fewer than `below` are left.
fn ms_until(points: u64, below: u64) -> u64 {
    let mut elapsed_ms = 0;
    while halved(points, elapsed_ms) >= below {
        elapsed_ms += 1_000;
    }
    elapsed_ms
}

impl Flapping {
    pub fn is_damped(&self, instance: InstanceId) -> bool {
        self.records.get(&instance).is_some_and(|record| record.damped)
    }

    /// When a damped instance is trusted again if no session breaks until then.
    pub fn trusted_at(&self, instance: InstanceId) -> Option<Timestamp> {
        let record = self.records.get(&instance).filter(|record| record.damped)?;
        Some(record.as_of.plus_millis(ms_until(record.points, TRUST_BELOW_POINTS)))
    }

    fn count_break(&mut self, instance: InstanceId, now: Timestamp) {
        let before = self.records.get(&instance).copied();
        let points = before.map_or(0, |record| record.points_at(now)) + POINTS_PER_BREAK;
        let points = points.min(POINTS_MAX);
        let damped = points >= DAMP_FROM_POINTS || before.is_some_and(|record| record.damped);
        self.records.insert(instance, Record { points, as_of: now, damped });
    }

    fn trust_again(&mut self, instance: InstanceId) {
        self.records.remove(&instance);
    }
}

impl ClusterCore {
    /// A session of the instance ended: it went silent, or another one took its place.
    pub(super) fn count_break(&mut self, instance: InstanceId) {
        self.flapping.count_break(instance, self.now);
        if let Some(at) = self.flapping.trusted_at(instance) {
            self.timers.set(Timer::Trust(instance), at);
        }
    }

    /// Stable for long enough: capacity, as if it had just come.
    pub(super) fn trust_again(&mut self, instance: InstanceId) {
        self.flapping.trust_again(instance);
        if let Some(row) = self.image.instances.get(&instance).cloned() {
            self.derive_instance(&row);
        }
    }

    pub(super) fn forget_flapping(&mut self, instance: InstanceId) {
        self.flapping.trust_again(instance);
        self.timers.cancel(&Timer::Trust(instance));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InstanceId = InstanceId::from_u128(1);

    fn after(seconds: u64) -> Timestamp {
        Timestamp::ZERO.plus_millis(seconds * 1_000)
    }

    #[test]
    fn points_halve() {
        for (seconds, points) in [(0, 1_000), (30, 750), (60, 500), (90, 375), (120, 250), (10_000, 0)] {
            assert_eq!(halved(1_000, seconds * 1_000), points, "after {seconds} s");
        }
        assert_eq!(ms_until(POINTS_MAX, TRUST_BELOW_POINTS), 161_000);
        assert_eq!(ms_until(10, 50), 0);
    }

    #[test]
    fn a_few_breaks_are_forgiven_and_many_are_not() {
        for (every_seconds, damped_at) in [(5, Some(3)), (20, Some(3)), (45, Some(6)), (60, None), (90, None)] {
            let mut flapping = Flapping::default();
            let mut first = None;
            for nth in 1..=60 {
                flapping.count_break(ONE, after(nth * every_seconds));
                if first.is_none() && flapping.is_damped(ONE) {
                    first = Some(nth);
                }
            }
            assert_eq!(first, damped_at, "a break every {every_seconds} s");
        }
    }

    #[test]
    fn trust_comes_back_and_the_record_goes() {
        let mut flapping = Flapping::default();
        flapping.count_break(ONE, after(0));
        assert_eq!(flapping.trusted_at(ONE), None);
        for nth in 0..100 {
            flapping.count_break(ONE, after(nth));
        }
        assert_eq!(flapping.trusted_at(ONE), Some(after(99 + 161)));
        flapping.trust_again(ONE);
        assert!(!flapping.is_damped(ONE) && flapping.records.is_empty());
    }
}
