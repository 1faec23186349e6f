//! Who may write. A process renews its lease at thirds of its time to live; one that is stopped by its machine does
//! not, so another takes over and raises the epoch. When the first wakes up it may be in the middle of a step and go on
//! as if nothing had happened (F-2): nothing it does from there on may count.

use super::clock::{Clock, true_ms};
use super::control::{InFlight, Outcome, Written};
use super::{Event, World};
use crate::coverage::Mishap;
use crate::violation::{Broken, require};
use plimsoll_core::cluster::Input;
use plimsoll_core::{ClusterCore, Outbox};
use plimsoll_model::Timestamp;

/// A new leader must be there this long after the lease of the old one could have run out (I-32).
const TAKE_OVER_MS_MAX: u64 = 2_000;

/// A process that led until it was stopped.
#[derive(Debug)]
pub(crate) struct Former {
    core: ClusterCore,
    epoch: u64,
    clock: Clock,
    current: Outbox,
    in_flight: Option<InFlight>,
    /// What reached it meanwhile.
    inbox: Vec<Input>,
}

impl Former {
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl World {
    /// SIGSTOP, and SIGCONT later. What it had sent to the store may have arrived.
    pub(super) fn core_pauses(&mut self) -> Result<(), Broken> {
        if !self.control.answers() {
            return Ok(());
        }
        self.coverage.count(Mishap::CorePaused);
        let ttl_ms = self.swarm.lease_ttl_ms;
        let resumes_at = self.now.plus_millis(self.dice.faults.between(100, 3 * ttl_ms));
        self.control.paused_until = Some(resumes_at);
        self.control.leaderless_since = self.now;
        if self.dice.store.coin()
            && let Some(in_flight) = self.control.in_flight.take()
        {
            let reaches = in_flight.outcome != Outcome::Failed && !in_flight.applied;
            if reaches {
                self.write(&in_flight.outbox, self.control.epoch)?;
            }
            self.control.in_flight = Some(InFlight { applied: in_flight.applied || reaches, ..in_flight });
        }
        let epoch = self.control.epoch;
        self.schedule_at(resumes_at, Event::CoreResume(epoch));
        // Renewed up to a third of the time to live ago, and run out by the store's own clock.
        let renewed_ms_ago = self.dice.faults.between(0, ttl_ms / 3);
        let renewed = Timestamp::from_millis(self.now.as_millis().saturating_sub_unsigned(renewed_ms_ago));
        let runs_out = renewed.plus_millis(true_ms(ttl_ms, self.store_rate));
        let believed_until = renewed.plus_millis(true_ms(2 * ttl_ms / 3, self.control.clock.rate()));
        require(believed_until <= runs_out.plus_millis(2), "I-31", || {
            format!("epoch {epoch} believes in its lease until {believed_until:?}, which runs out at {runs_out:?}")
        })?;
        let notices = self.dice.faults.between(1, 1_000);
        self.schedule_at(runs_out.plus_millis(notices), Event::TakeOver(epoch));
        Ok(())
    }

    /// Another process finds that the lease has run out.
    pub(super) fn core_is_taken_over(&mut self) -> Result<(), Broken> {
        self.control.paused_until = None;
        let Some(core) = self.control.core.take() else { return Ok(()) };
        self.coverage.count(Mishap::TakenOver);
        self.formers.push(Former {
            core,
            epoch: self.control.epoch,
            clock: self.control.clock,
            current: std::mem::take(&mut self.control.current),
            in_flight: self.control.in_flight.take(),
            inbox: Vec::new(),
        });
        let unanswered = std::mem::take(&mut self.control.pending);
        self.requests_failed(unanswered.into_values().collect());
        self.nodes_notice_silence();
        self.core_starts()
    }

    /// Within its time to live it goes on as if it had only been slow; a former leader steps what it has and tries to
    /// commit it.
    pub(super) fn core_resumes(&mut self, epoch: u64) -> Result<(), Broken> {
        if self.control.epoch == epoch {
            self.control.paused_until = None;
            return Ok(());
        }
        let Some(at) = self.formers.iter().position(|former| former.epoch == epoch) else { return Ok(()) };
        let mut former = self.formers.remove(at);
        let connections = self.network.of_epoch(epoch);
        let in_flight = former.in_flight.take().filter(|one| !one.applied);
        let is_over = match in_flight {
            Some(in_flight) => self.stale_commit(&in_flight.outbox, epoch)? == Written::Fenced,
            None => false,
        };
        // What it knows beyond a batch that was fenced never happened: it drops everything.
        if !is_over {
            let now = former.clock.shows(self.now);
            for input in std::mem::take(&mut former.inbox) {
                former.core.step(now, input, &mut former.current);
            }
            former.core.step(now, Input::Reconcile, &mut former.current);
            if former.current.changes.is_empty() {
                // Without a batch there is nothing to fence.
                self.perform(std::mem::take(&mut former.current.effects));
            } else {
                self.stale_commit(&former.current, epoch)?;
            }
        }
        for connection in connections {
            self.core_closes(connection);
            self.close_at_core(connection);
        }
        Ok(())
    }

    fn stale_commit(&mut self, outbox: &Outbox, epoch: u64) -> Result<Written, Broken> {
        let written = self.write(outbox, epoch)?;
        if written == Written::Fenced {
            self.coverage.count(Mishap::StaleWriterFenced);
        }
        Ok(written)
    }

    pub(super) fn former_hears(&mut self, epoch: u64, input: Input) {
        if let Some(former) = self.formers.iter_mut().find(|former| former.epoch == epoch) {
            former.inbox.push(input);
        }
    }

    /// I-32.
    pub(super) fn check_leader_in_time(&self) -> Result<(), Broken> {
        let waited = self.now.millis_since(self.control.leaderless_since);
        let allowed = true_ms(self.swarm.lease_ttl_ms, self.store_rate) + TAKE_OVER_MS_MAX;
        // A process that crashed is started again by its supervisor, which takes its own time.
        let restart_ms = 3_000;
        require(waited <= allowed + restart_ms, "I-32", || format!("nobody led for {waited} ms of {allowed}"))
    }
}
