//! A pass over a DAEMON service: one task on every instance it covers, never two (SVC-40, SVC-43).
//!
//! There is no room for a second task beside the first, so whatever is replaced is stopped first: what is left on
//! instances that are not covered, what is unhealthy, and in a rollout what is old, as far as minimumHealthyPercent of
//! the covered instances allows (SVC-44). Starting comes last and finds vacant what was stopped before it was heard of.

use super::super::derived::{Class, Classes, DeploymentIndex};
use super::super::stopping::StopBecause;
use super::super::timers::Timer;
use super::super::{ClusterCore, Outbox, events};
use super::{Pass, rollout_bounds};
use plimsoll_model::{InstanceId, RolloutState, Service, TaskId};
use plimsoll_placement::Rejection;
use std::collections::BTreeMap;
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn reconcile_daemon(&mut self, service: Arc<Service>, budget: &mut usize, out: &mut Outbox) {
        let service = self.show_coverage(service, out);
        let mut pass = self.begin_pass(service);
        self.leave(&mut pass, out);
        if pass.primary.rollout_state == RolloutState::Failed {
            // Nothing is started and what runs is kept until somebody updates the service (DEP-44).
        } else if let Some(at) = pass.primary.next_start_at.filter(|at| *at > self.now) {
            // Nothing makes room for tasks that would fail again.
            self.timers.set(Timer::StartAgain(pass.service.name.clone()), at);
            pass.waits = true;
        } else {
            self.renew_unhealthy(&mut pass, out);
            self.roll(&mut pass, out);
            self.cover(&mut pass, budget, out);
            self.count_round(&pass, out);
        }
        self.say_what_moved(&pass, out);
        self.settle(&pass, out);
    }

    /// desiredCount follows the instances, and is written when it differs (SVC-40, DEP-4).
    fn show_coverage(&mut self, service: Arc<Service>, out: &mut Outbox) -> Arc<Service> {
        let coverage = self.derived.daemons.coverage(&service.name);
        let desired = coverage.expect("an ACTIVE daemon service has a coverage").eligible();
        let name = &service.name;
        let primary = self.image.primary_deployment(name).expect("an ACTIVE service has a primary");
        if primary.desired_count != desired {
            self.scale_primary(name, desired, out);
        }
        if service.desired_count == desired {
            return service;
        }
        self.update_service_row(&service.name, |row| row.desired_count = desired, out)
    }

    /// SVC-41, SVC-42: from instances that are not covered any more, whatever minimumHealthyPercent says: it speaks of
    /// those that are.
    fn leave(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let Some(coverage) = self.derived.daemons.coverage(&pass.service.name) else { return };
        pass.waits |= coverage.has_lingering();
        let leaving: Vec<TaskId> = coverage.leaving();
        for task in leaving.into_iter().filter(|task| self.may_be_stopped(pass, *task)).collect::<Vec<_>>() {
            self.stop_as(pass, task, StopBecause::scaling, out);
        }
    }

    /// SVC-25 where there is no room for a replacement: an unhealthy task is no use to its instance while it waits.
    fn renew_unhealthy(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let Some(index) = self.index_of(pass, pass.primary.id) else { return };
        let unhealthy = index.staying.of(Class::Unhealthy).iter().copied();
        let unhealthy: Vec<TaskId> = unhealthy.filter(|task| self.may_be_stopped(pass, *task)).collect();
        for task in unhealthy {
            self.stop_unhealthy(pass, task, out);
        }
    }

    /// Old tasks that serve nobody go at once, unless they are protected (PROT-4); of the others as many as are not
    /// needed for minimumHealthyPercent.
    fn roll(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let old: Vec<Arc<_>> = self.old_deployments(pass);
        if old.is_empty() {
            return;
        }
        let configuration = pass.service.deployment_configuration;
        let (minimum, maximum) = (configuration.minimum_healthy_percent, configuration.maximum_percent);
        let healthy_min = rollout_bounds(pass.service.desired_count, minimum, maximum).healthy_min as usize;
        let index = self.derived.services.get(&pass.service.name);
        let healthy: usize = index.into_iter().flat_map(|index| index.deployments.values()).map(count_healthy).sum();
        let classes: Vec<&Classes> =
            old.iter().filter_map(|row| self.index_of(pass, row.id)).map(|index| &index.staying).collect();
        let all_of = |class: Class| classes.iter().flat_map(move |classes| classes.of(class)).copied();
        let of = |class: Class| all_of(class).filter(|task| self.may_be_stopped(pass, *task));

        let useless = [Class::Pending, Class::Grace, Class::Unhealthy].into_iter().flat_map(of);
        let mut going: Vec<TaskId> = useless.collect();
        let spare = healthy.saturating_sub(healthy_min);
        let stopped: Vec<TaskId> = of(Class::Healthy).take(spare).collect();
        // Those that may yet turn out healthy count like healthy ones, but they hold up nothing for ever (SVC-44).
        let left = healthy - stopped.len() + all_of(Class::Waiting).count();
        let unproven = of(Class::Waiting).take(left.saturating_sub(healthy_min));
        going.extend(stopped.into_iter().chain(unproven));
        for task in going {
            self.stop_as(pass, task, StopBecause::scaling, out);
        }
    }

    /// Starts a task on every vacant instance that takes one. One that does not is remembered with its reason and
    /// asked again when something about it changes; the others do not wait for it (SVC-46).
    fn cover(&mut self, pass: &mut Pass, budget: &mut usize, out: &mut Outbox) {
        let name = pass.service.name.clone();
        let Some(coverage) = self.derived.daemons.coverage(&name) else { return };
        let vacant: Vec<InstanceId> = coverage.vacant().iter().copied().take(*budget).collect();
        if coverage.vacant().len() > vacant.len() {
            self.work.postpone(&name);
            pass.waits = true;
        }
        if !vacant.is_empty() {
            self.place_on(pass, vacant, budget, out);
        }
        let coverage = self.derived.daemons.coverage(&name).expect("looked up above");
        if let Some((instance, reason)) = coverage.closest_refusal() {
            let rejection =
                Rejection { counts: BTreeMap::from([(reason, 1)]), closest: Some((instance, reason)), instances: 1 };
            pass.unplaced = Some(events::unplaced(&name, None, &rejection));
            pass.waits = true;
        }
    }

    fn place_on(&mut self, pass: &mut Pass, vacant: Vec<InstanceId>, budget: &mut usize, out: &mut Outbox) {
        let name = pass.service.name.clone();
        let blueprint = self.service_blueprint(&pass.service, &pass.primary);
        let needs = self.service_requirements(&pass.service, &pass.primary);
        for instance in vacant {
            let idx = self.derived.fleet.idx(instance).expect("a covered instance is in the fleet");
            match self.check(idx, &blueprint, &needs) {
                Ok(reserved) => {
                    let task = self.place(&blueprint, idx, reserved, out);
                    pass.started.push(task.id);
                    *budget -= 1;
                }
                Err(reason) => self.note_refusal(&name, instance, reason),
            }
        }
        if !pass.started.is_empty() {
            self.work.placed(&name);
        }
    }
}

/// On covered instances: those on DRAINING ones serve no instance that minimumHealthyPercent speaks of.
fn count_healthy(index: &DeploymentIndex) -> usize {
    index.staying.of(Class::Healthy).len()
}
