//! Unhealthy tasks of the PRIMARY deployment (SVC-25): their replacements, started by the step before, come first. Where
//! there is no room for one, they are stopped one at a time. With fewer healthy ones than the minimum, each replacement
//! shows first what it is worth.

use super::super::derived::Class;
use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox, events};
use super::Pass;
use plimsoll_model::TaskId;
use plimsoll_placement::mutant;

impl ClusterCore {
    pub(super) fn heal(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        if mutant!(UnhealthyStay => true, numbers.new_unhealthy == 0) {
            return;
        }
        let covered = numbers.covered_beyond_desired(numbers.new_unhealthy + numbers.old_live);
        let enough = numbers.healthy >= numbers.healthy_min || numbers.pending + numbers.undecided == 0;
        let in_the_way = pass.make_room && numbers.stopping == 0 && enough;
        let count = covered.max(u32::from(in_the_way)).min(numbers.new_unhealthy);
        let index = self.index_of(pass, pass.primary.id).expect("it has an unhealthy task");
        let unhealthy = index.staying.of(Class::Unhealthy).iter().copied();
        let unhealthy: Vec<TaskId> =
            unhealthy.filter(|task| self.may_be_stopped(pass, *task)).take(count as usize).collect();
        for id in unhealthy {
            self.stop_unhealthy(pass, id, out);
        }
    }

    pub(super) fn stop_unhealthy(&mut self, pass: &mut Pass, id: TaskId, out: &mut Outbox) {
        let task = self.image.tasks[&id].clone();
        self.stop_as(pass, id, |_| StopBecause::unhealthy(), out);
        self.count_health_failure(&task, out);
        let name = pass.service.name.clone();
        self.add_event(&name, events::failed_health_checks(pass.speaker(), id), out);
    }
}
