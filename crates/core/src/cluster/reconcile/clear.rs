//! DEP-14, first step: old tasks that are PENDING or UNHEALTHY serve nobody and go at once, whatever minimumHealthyPercent
//! says; on a DRAINING instance that is DEP-30. Old tasks that may yet turn out healthy are left alone.

use super::super::derived::Class;
use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use super::Pass;
use plimsoll_model::TaskId;

impl ClusterCore {
    pub(super) fn clear(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let useless: Vec<TaskId> = self
            .old_tasks(pass)
            .into_iter()
            .flat_map(|classes| [Class::Pending, Class::Grace, Class::Unhealthy].map(|class| classes.of(class)))
            .flatten()
            .copied()
            .filter(|task| self.may_be_stopped(pass, *task))
            .collect();
        for task in useless {
            self.stop_as(pass, task, StopBecause::scaling, out);
        }
    }
}
