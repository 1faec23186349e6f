//! What the node and its cluster say to each other: hello, welcome, commands, reports. See `crate::protocol`.
//!
//! At most one report is on its way at a time: its acknowledgement then speaks of exactly the tasks it held, changes
//! that happen meanwhile travel together in the next one, and nothing piles up at a slow control plane.

use super::task::{NodeTask, Ownership};
use super::{Identity, NodeCore, Outbox};
use crate::protocol::{Assignment, Commands, FromNode, Heartbeat, Hello, Report, StopCause, ToNode, Welcome};
use plimsoll_model::{Epoch, SessionId, TaskId, Timestamp};
use plimsoll_placement::mutant;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The rest goes with the next report, so that one message stays well below what a stream accepts.
const REPORT_TASKS_MAX: usize = 1_000;

/// A stream to the control plane.
#[derive(Debug)]
pub(super) struct Link {
    session: Option<Session>,
    /// A hello is out and was neither welcomed nor refused.
    hello_pending: bool,
    pub heartbeat_at: Timestamp,
}

#[derive(Debug)]
struct Session {
    id: SessionId,
    epoch: Epoch,
    cluster: Arc<str>,
    /// The highest command number obeyed.
    received: u64,
    /// A gap was seen; commands mean nothing until the next welcome.
    resyncing: bool,
    next_report: u64,
    in_flight: Option<InFlight>,
    /// How many heartbeats an acknowledgement may take. Doubles when it takes longer: it speaks of the last report only,
    /// so where a round trip is longer than a heartbeat no report would ever be acknowledged.
    patience: u64,
}

/// How many heartbeats an acknowledgement may take at most.
const PATIENCE_MAX: u64 = 16;

/// A report that is not acknowledged.
#[derive(Debug)]
struct InFlight {
    sequence: u64,
    tasks: Vec<TaskId>,
    sent_at: Timestamp,
}

impl Session {
    /// Said twice, or overtaken by commands or by a newer session: it may list tasks that have come and gone since.
    fn has_passed(&self, welcome: &Welcome) -> bool {
        let passed = (self.id, self.received) >= (welcome.session, welcome.sequence);
        self.epoch == welcome.epoch && mutant!(LateWelcomeIsObeyed => false, passed)
    }
}

impl NodeCore {
    pub(super) fn connected(&mut self, now: Timestamp, out: &mut Outbox) {
        self.disconnected();
        let heartbeat_at = now.plus_millis(self.config.heartbeat_ms);
        self.link = Some(Link { session: None, hello_pending: true, heartbeat_at });
        self.say_hello(out);
    }

    /// Nothing stops (I-33); what was on its way is told again to the next session.
    pub(super) fn disconnected(&mut self) {
        if let Some(in_flight) = self.link.take().and_then(|link| link.session).and_then(|session| session.in_flight) {
            self.unreported.extend(in_flight.tasks);
        }
    }

    /// Only once the containers of an earlier agent are known: an inventory without them would lose their exits.
    pub(super) fn say_hello(&self, out: &mut Outbox) {
        if self.link.is_none() || !self.adopted {
            return;
        }
        let mut registration = self.config.registration.clone();
        registration.instance = self.identity.instance;
        let inventory = self.tasks.values().filter(|task| !task.is_settled()).map(NodeTask::report).collect();
        out.messages.push(FromNode::Hello(Box::new(Hello { registration, inventory, epoch: self.identity.epoch })));
    }

    pub(super) fn control(&mut self, now: Timestamp, message: ToNode, out: &mut Outbox) {
        if self.link.is_none() {
            return;
        }
        match message {
            ToNode::Welcome(welcome) => self.welcome(now, *welcome, out),
            ToNode::Refused { .. } => {
                if let Some(link) = &mut self.link {
                    link.hello_pending = false;
                }
            }
            ToNode::Commands(commands) => self.commands(now, commands, out),
            ToNode::Acknowledge { session, sequence } => self.acknowledge(now, session, sequence, out),
        }
    }

    fn welcome(&mut self, now: Timestamp, welcome: Welcome, out: &mut Outbox) {
        let Some(link) = &mut self.link else { return };
        if mutant!(OldEpochIsObeyed => false, welcome.epoch < self.identity.epoch) {
            // The control plane went back in time: what it wants may be what it wanted long ago (I-30, F-9).
            return;
        }
        if link.session.as_ref().is_some_and(|session| session.has_passed(&welcome)) {
            return;
        }
        let answers_hello = std::mem::take(&mut link.hello_pending);
        let before = link.session.take();
        let next_report = before.as_ref().filter(|session| session.id == welcome.session).map(|one| one.next_report);
        let in_flight = before.and_then(|session| session.in_flight);
        self.unreported.extend(in_flight.into_iter().flat_map(|report| report.tasks));
        let cluster = welcome.cluster.name.shared();
        link.session = Some(Session {
            id: welcome.session,
            epoch: welcome.epoch,
            cluster: Arc::clone(&cluster),
            received: welcome.sequence,
            resyncing: false,
            next_report: next_report.unwrap_or(1),
            in_flight: None,
            patience: 1,
        });
        let identity = Identity { instance: Some(welcome.instance), epoch: welcome.epoch };
        if identity != self.identity {
            self.identity = identity;
            out.identity = Some(identity);
        }
        if !answers_hello {
            // Perhaps a late copy of a hello brought it about, and an inventory of long ago was believed with it.
            let kept = self.tasks.values().filter(|task| task.ownership == Ownership::Assigned && !task.is_settled());
            self.unreported.extend(kept.map(|task| task.id));
        }
        self.adjust_to(now, &welcome.desired, &cluster, out);
    }

    /// Makes the tasks of the node those of the desired set.
    fn adjust_to(&mut self, now: Timestamp, desired: &[Assignment], cluster: &Arc<str>, out: &mut Outbox) {
        let wanted: BTreeSet<TaskId> = desired.iter().map(|assignment| assignment.task).collect();
        let unwanted: Vec<TaskId> = self.tasks.keys().filter(|id| !wanted.contains(id)).copied().collect();
        for id in unwanted {
            self.touch(now, id, out, |task| {
                if task.is_stopped() {
                    // It is not listed, so its end is known there.
                    task.acknowledged = true;
                } else {
                    task.ownership = Ownership::Disowned;
                    task.stop_because(StopCause::Requested);
                }
            });
            self.unreported.remove(&id);
        }
        for assignment in desired {
            self.assign(now, assignment, cluster, out);
        }
    }

    fn assign(&mut self, now: Timestamp, assignment: &Assignment, cluster: &Arc<str>, out: &mut Outbox) {
        if !self.tasks.contains_key(&assignment.task) {
            let task = NodeTask::assigned(now, assignment, cluster);
            self.tasks.insert(task.id, task);
            self.queue.insert(assignment.task);
        }
        self.touch(now, assignment.task, out, |task| {
            task.define(now, assignment, cluster);
            if mutant!(WelcomeDoesNotStop => false, assignment.stopping) {
                task.stop_because(StopCause::Requested);
            }
            // It is listed, so its end is not known there.
            task.changed |= task.is_stopped();
        });
    }

    fn commands(&mut self, now: Timestamp, commands: Commands, out: &mut Outbox) {
        let Some(session) = self.link.as_mut().and_then(|link| link.session.as_mut()) else { return };
        let stale = commands.session != session.id || commands.epoch != session.epoch;
        if stale || commands.sequence <= session.received || session.resyncing {
            return;
        }
        if mutant!(GapIsIgnored => false, commands.sequence > session.received + 1) {
            session.resyncing = true;
            out.messages.push(FromNode::Resync { session: session.id });
            return;
        }
        session.received = commands.sequence;
        let cluster = Arc::clone(&session.cluster);
        for assignment in &commands.start {
            self.assign(now, assignment, &cluster, out);
        }
        for id in commands.stop {
            self.tasks.entry(id).or_insert_with(|| NodeTask::unknown_to_stop(id));
            self.touch(now, id, out, |task| {
                task.stop_because(StopCause::Requested);
                task.changed |= task.is_stopped();
            });
        }
    }

    fn acknowledge(&mut self, now: Timestamp, id: SessionId, sequence: u64, out: &mut Outbox) {
        let Some(session) = self.link.as_mut().and_then(|link| link.session.as_mut()) else { return };
        if session.id != id {
            return;
        }
        let Some(report) = session.in_flight.take_if(|report| report.sequence <= sequence) else { return };
        session.patience = 1;
        for id in report.tasks {
            if !self.unreported.contains(&id) {
                self.touch(now, id, out, |task| task.acknowledged = true);
            }
        }
    }

    /// Says what changed, unless the report before is still on its way.
    pub(super) fn report(&mut self, now: Timestamp, out: &mut Outbox) {
        let Some(session) = self.link.as_mut().and_then(|link| link.session.as_mut()) else { return };
        if session.in_flight.is_some() || self.unreported.is_empty() {
            return;
        }
        let ids: Vec<TaskId> = self.unreported.iter().take(REPORT_TASKS_MAX).copied().collect();
        let tasks = ids.iter().filter_map(|id| self.tasks.get(id)).map(NodeTask::report).collect();
        ids.iter().for_each(|id| {
            self.unreported.remove(id);
        });
        let sequence = session.next_report;
        session.next_report += 1;
        session.in_flight = Some(InFlight { sequence, tasks: ids, sent_at: now });
        out.messages.push(FromNode::Report(Report { session: session.id, sequence, tasks }));
    }

    /// Proof of life; also when everything that went unanswered is said again.
    pub(super) fn heartbeat(&mut self, now: Timestamp, out: &mut Outbox) {
        let interval_ms = self.config.heartbeat_ms;
        let Some(link) = self.link.as_mut().filter(|link| link.heartbeat_at <= now) else { return };
        link.heartbeat_at = now.plus_millis(interval_ms);
        let Some(session) = &mut link.session else {
            if link.hello_pending {
                self.say_hello(out);
            }
            return;
        };
        out.messages.push(FromNode::Heartbeat(Heartbeat { session: session.id, received: session.received }));
        if session.resyncing {
            out.messages.push(FromNode::Resync { session: session.id });
        }
        let patience_ms = interval_ms.saturating_mul(session.patience);
        let overdue =
            |report: &mut InFlight| mutant!(ReportsOnce => false, now.millis_since(report.sent_at) >= patience_ms);
        if let Some(report) = session.in_flight.take_if(overdue) {
            session.patience = (2 * session.patience).min(PATIENCE_MAX);
            self.unreported.extend(report.tasks);
        }
    }
}
