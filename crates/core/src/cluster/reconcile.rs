//! Making what is there equal to what is wanted, service by service (SVC-20, DEP-14).
//!
//! A pass over a service looks at counts and sets kept by the index, never at all tasks; with nothing to do it costs
//! the number of deployments. Its stages run in this order, each on fresh numbers: `clear` (old tasks that serve
//! nobody), `start` (what is missing), `heal` (unhealthy tasks), `scale_in` (what is too much), `retire` (old tasks
//! that are no longer needed), `settle` (what the result means), `rebalance` (a steady service whose zones are uneven).
//! Before them `judge` gives up a deployment that failed too often; one that was given up has `tend_failed` in place of
//! the stages.
//! A DAEMON service has stages of its own (`daemon`) and the same end.
//!
//! After the services come the tasks that wait for an instance (`provisioning`).

mod bounds;
mod clear;
mod daemon;
mod deletion;
mod failed;
mod heal;
mod judge;
mod numbers;
mod rebalance;
mod retire;
mod scale_in;
mod settle;
mod shares;
mod standing;
mod start;
mod task_sets;
mod work;

pub use bounds::{RolloutBounds, rollout_bounds};
pub(super) use work::{Look, Work};

use super::stopping::StopBecause;
use super::timers::Timer;
use super::{ClusterCore, Outbox, events};
use plimsoll_model::{
    Deployment, DeploymentController, RolloutState, SchedulingStrategy, Service, ServiceName, ServiceStatus, TaskId,
    Timestamp,
};
use std::sync::Arc;

/// Passes over one service in one step. Stopping a task that no node was told of frees its place at once, so a pass
/// may make the next one worthwhile; what is left after these waits for the next step.
const PASSES_PER_SERVICE_MAX: usize = 4;

/// One look at one service or at one of its task sets, and what came of it.
#[derive(Debug)]
struct Pass {
    service: Arc<Service>,
    /// The deployment that gets tasks: the PRIMARY one, or the task set that is looked at.
    primary: Arc<Deployment>,
    started: Vec<TaskId>,
    stopped: Vec<TaskId>,
    /// Fewer tasks than are missing could be started, because of maximumPercent or for want of capacity: old ones may
    /// go down to minimumHealthyPercent to make room (DEP-14).
    make_room: bool,
    /// Nothing is blocked: there is something to wait for other than room.
    waits: bool,
    /// Tasks beyond desiredCount that stay for now: the one that takes another one's place in an emptier zone (SVC-61).
    moving_in: u32,
    /// Surplus is stopped because of such a move.
    moves_out: bool,
    /// A task found no instance.
    unplaced: Option<events::Unplaced>,
}

impl Pass {
    fn over(service: Arc<Service>, primary: Arc<Deployment>) -> Self {
        Pass {
            service,
            primary,
            started: Vec::new(),
            stopped: Vec::new(),
            make_room: false,
            waits: false,
            moving_in: 0,
            moves_out: false,
            unplaced: None,
        }
    }

    fn is_of_task_set(&self) -> bool {
        self.primary.task_set.is_some()
    }

    /// In whose name it speaks.
    fn speaker(&self) -> events::Speaker {
        events::Speaker::of(&self.primary)
    }
}

impl ClusterCore {
    pub(super) fn reconcile(&mut self, out: &mut Outbox) {
        let mut budget = self.config.placements_per_step_max;
        let mut passes_left = self.work.len() * PASSES_PER_SERVICE_MAX;
        while passes_left > 0
            && let Some(name) = self.work.next()
        {
            passes_left -= 1;
            self.reconcile_service(&name, &mut budget, out);
        }
        self.place_waiting_tasks(&mut budget, out);
        self.work.end_step();
    }

    fn reconcile_service(&mut self, name: &ServiceName, budget: &mut usize, out: &mut Outbox) {
        let Some(service) = self.image.services.get(name).cloned() else { return };
        match service.status {
            ServiceStatus::Inactive => {}
            ServiceStatus::Draining => self.drain_deleted(&service, out),
            ServiceStatus::Active if service.controller == DeploymentController::External => {
                self.reconcile_task_sets(&service, budget, out);
            }
            ServiceStatus::Active => {
                self.judge(name, out);
                let service = Arc::clone(&self.image.services[name]);
                match service.scheduling_strategy {
                    SchedulingStrategy::Replica => self.reconcile_replicas(service, budget, out),
                    SchedulingStrategy::Daemon => self.reconcile_daemon(service, budget, out),
                }
            }
        }
    }

    fn reconcile_replicas(&mut self, service: Arc<Service>, budget: &mut usize, out: &mut Outbox) {
        let pass = self.begin_pass(service);
        self.run(pass, budget, out);
    }

    /// The stages of a pass over tasks of which there is to be a number.
    fn run(&mut self, mut pass: Pass, budget: &mut usize, out: &mut Outbox) {
        self.continue_move(&mut pass, out);
        if pass.primary.rollout_state == RolloutState::Failed {
            self.tend_failed(&mut pass, out);
        } else {
            self.clear(&mut pass, out);
            self.start(&mut pass, budget, out);
            self.heal(&mut pass, out);
            self.scale_in(&mut pass, out);
            self.retire(&mut pass, out);
            self.count_round(&pass, out);
        }
        self.say_what_moved(&pass, out);
        self.settle(&pass, out);
    }

    fn begin_pass(&self, service: Arc<Service>) -> Pass {
        let primary = self.image.primary_deployment(&service.name).expect("an ACTIVE service has a primary").clone();
        Pass::over(service, primary)
    }

    fn stop_as(
        &mut self,
        pass: &mut Pass,
        id: TaskId,
        because: impl Fn(&plimsoll_model::Task) -> StopBecause,
        out: &mut Outbox,
    ) {
        let task = self.image.tasks[&id].clone();
        self.stop_task(&task, because(&task), out);
        pass.stopped.push(id);
    }

    /// The task sets of a service share its timers, so that the earliest deadline counts.
    fn look_again(&mut self, pass: &Pass, timer: Timer, at: Timestamp) {
        if pass.is_of_task_set() {
            self.timers.set_no_later(timer, at);
        } else {
            self.timers.set(timer, at);
        }
    }

    /// EV-2, one message for all tasks of a pass; EV-3 after it.
    fn say_what_moved(&mut self, pass: &Pass, out: &mut Outbox) {
        let name = &pass.service.name;
        if !pass.started.is_empty() {
            self.add_event(name, events::started(pass.speaker(), &pass.started), out);
        }
        if !pass.stopped.is_empty() && pass.moves_out {
            let zone = self.zone_of_task(pass.stopped[0]);
            self.add_event(name, events::moved_out(name, &zone, &pass.stopped), out);
        } else if !pass.stopped.is_empty() {
            self.add_event(name, events::stopped(pass.speaker(), &pass.stopped), out);
        }
        if pass.unplaced.is_none() && self.numbers(pass).missing() == 0 {
            self.nothing_is_unplaced(name, &pass.speaker(), out);
        }
        if let Some(unplaced) = &pass.unplaced {
            let repeat_at = self.add_unplaced_event(name, unplaced, out);
            self.look_again(pass, Timer::Repeat(name.clone()), repeat_at);
        }
    }
}
