//! A service whose PRIMARY deployment was given up and that has nothing to go back to (DEP-44, DEP-47): nothing is
//! started, and what runs is kept until somebody updates the service.

use super::super::derived::Class;
use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use super::Pass;
use plimsoll_model::TaskId;

const LEAST_USEFUL_FIRST: [Class; 5] = [Class::Unhealthy, Class::Grace, Class::Pending, Class::Waiting, Class::Healthy];

impl ClusterCore {
    pub(super) fn tend_failed(&mut self, pass: &mut Pass, out: &mut Outbox) {
        self.clear_draining(pass, out);
        self.heal(pass, out);
        self.scale_in(pass, out);
        self.scale_in_old(pass, out);
    }

    /// DEP-30.
    fn clear_draining(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let Some(index) = self.derived.services.get(&pass.service.name) else { return };
        let draining = index.deployments.values().flat_map(|one| one.draining.of(Class::Pending));
        let pending = draining.copied().filter(|task| self.may_be_stopped(pass, *task));
        let pending: Vec<TaskId> = pending.collect();
        for task in pending {
            self.stop_as(pass, task, StopBecause::scaling, out);
        }
    }

    /// Old tasks stand in for the new ones that failed, so only what they alone have too much of goes.
    fn scale_in_old(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        let mut surplus = numbers.old_live.saturating_sub(numbers.desired) as usize;
        for class in LEAST_USEFUL_FIRST {
            let limit = match class {
                Class::Healthy => surplus.min(self.numbers(pass).healthy_to_spare() as usize),
                _ => surplus,
            };
            let old = self.old_tasks(pass);
            let of_class = old.into_iter().flat_map(|classes| classes.of(class)).copied();
            let victims: Vec<TaskId> = of_class.filter(|task| self.may_be_stopped(pass, *task)).take(limit).collect();
            surplus -= victims.len();
            for task in victims {
                self.stop_as(pass, task, StopBecause::scaling, out);
            }
        }
    }
}
