//! Clocks of machines: off by up to an hour, fast or slow. A process takes its wall clock once, when it starts, and
//! counts on from there, as the daemons do; so a clock is only ever wrong by a constant and a rate.

use crate::coverage::{Coverage, Mishap};
use crate::dice::Dice;
use crate::swarm::Swarm;
use plimsoll_model::Timestamp;

/// Thousandths per second that pass on a clock that runs true.
const TRUE_RATE: u64 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    /// In true time.
    started: Timestamp,
    /// What it showed then.
    showed: Timestamp,
    rate: u64,
}

impl Clock {
    /// Of a process that starts now.
    pub fn draw(now: Timestamp, rate: u64, swarm: &Swarm, dice: &mut Dice, coverage: &mut Coverage) -> Self {
        let mut showed = now;
        if swarm.clock_set_ms_max > 0 {
            coverage.count(Mishap::ClockSet);
            let earliest = now.as_millis().saturating_sub_unsigned(swarm.clock_set_ms_max);
            showed = Timestamp::from_millis(earliest).plus_millis(dice.between(0, 2 * swarm.clock_set_ms_max));
        }
        Clock { started: now, showed, rate }
    }

    pub fn exact(now: Timestamp, rate: u64) -> Self {
        Clock { started: now, showed: now, rate }
    }

    /// Of a machine, for as long as it exists.
    pub fn draw_rate(swarm: &Swarm, dice: &mut Dice, coverage: &mut Coverage) -> u64 {
        let off = swarm.clock_rate_off;
        let rate = TRUE_RATE - off + dice.between(0, 2 * off);
        match rate.cmp(&TRUE_RATE) {
            std::cmp::Ordering::Less => coverage.count(Mishap::ClockSlow),
            std::cmp::Ordering::Greater => coverage.count(Mishap::ClockFast),
            std::cmp::Ordering::Equal => {}
        }
        rate
    }

    pub fn shows(&self, now: Timestamp) -> Timestamp {
        self.showed.plus_millis(now.millis_since(self.started) * self.rate / TRUE_RATE)
    }

    /// The first true instant at which it shows `local` or later.
    pub fn when(&self, local: Timestamp) -> Timestamp {
        self.started.plus_millis(true_ms(local.millis_since(self.showed), self.rate))
    }

    pub fn rate(&self) -> u64 {
        self.rate
    }
}

/// How long a clock of that rate takes to count so much.
pub(crate) fn true_ms(counted_ms: u64, rate: u64) -> u64 {
    counted_ms.saturating_mul(TRUE_RATE).div_ceil(rate)
}
