//! DEP-14, third step: stopping old tasks that are healthy, never below minimumHealthyPercent.
//!
//! *Start-first*: an old task goes when a healthy new one covers it. *Make-room*: where starting was limited by
//! maximumPercent or by capacity, old tasks go to make room, as many as are missing and not on their way out already. In
//! a service that was made smaller those above the maximum leave no room for anyone, so as many more go.

use super::super::derived::Class;
use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use super::Pass;
use plimsoll_model::TaskId;

impl ClusterCore {
    pub(super) fn retire(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        if numbers.old_live == 0 {
            return;
        }
        let covered = numbers.covered_beyond_desired(numbers.old_live);
        let wanted = numbers.missing() + numbers.total.saturating_sub(numbers.total_max);
        let room = if pass.make_room { wanted.saturating_sub(numbers.stopping) } else { 0 };
        let count = covered.max(room).min(numbers.healthy_to_spare());
        let healthy = self.old_of(pass, Class::Healthy, count as usize);
        let healthy_stopped = !healthy.is_empty();
        for task in healthy {
            self.stop_as(pass, task, StopBecause::scaling, out);
        }
        if healthy_stopped {
            let after = self.numbers(pass);
            let name = &pass.service.name;
            assert!(after.healthy >= after.healthy_min, "service {name}: {after:?} stopped too many (DEP-13 b)");
        }
        if numbers.new_healthy >= numbers.desired {
            // The new ones suffice: those whose health was never known go too.
            for task in self.old_of(pass, Class::Waiting, usize::MAX) {
                self.stop_as(pass, task, StopBecause::scaling, out);
            }
        }
    }

    fn old_of(&self, pass: &Pass, class: Class, count: usize) -> Vec<TaskId> {
        let old = self.old_tasks(pass).into_iter().flat_map(|classes| classes.of(class)).copied();
        old.filter(|task| self.may_be_stopped(pass, *task)).take(count).collect()
    }
}
