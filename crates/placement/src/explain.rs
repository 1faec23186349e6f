//! Why instances refuse: one reason each for an API caller, counts and the closest match for a service's event.

use crate::check::Question;
use crate::{Fleet, Plan, Reason, Rejection, Request};
use plimsoll_model::InstanceId;
use std::collections::BTreeMap;

impl Fleet {
    /// Every ACTIVE instance of the needed kind and capacity provider that refuses one more task, in order of id, with the first check it
    /// fails (RUN-8, RUN-10).
    pub fn explain(&self, request: &Request<'_>) -> Vec<(InstanceId, Reason)> {
        let question = self.question(request);
        let asked = self.active_of_kind(question.kind);
        asked.filter_map(|idx| Some((self.instance(idx), self.refusal(idx, &question, 0)?))).collect()
    }

    /// Why nothing takes one more task on top of what is `planned`.
    pub(crate) fn rejection(&self, question: &Question<'_>, planned: &Plan) -> Rejection {
        let mut planned_there = BTreeMap::new();
        for (idx, _) in &planned.placed {
            *planned_there.entry(*idx).or_insert(0u32) += 1;
        }
        let mut rejection = Rejection::default();
        for idx in self.active_of_kind(question.kind) {
            let count = planned_there.get(&idx).copied().unwrap_or(0);
            rejection.instances += 1;
            let reason = self.refusal(idx, question, count);
            rejection.add(self.instance(idx), reason.expect("an instance that takes the task would have been chosen"));
        }
        rejection
    }
}

impl Rejection {
    /// Instances come in order of id, so the first of the closest ones stays (PL-11).
    fn add(&mut self, instance: InstanceId, reason: Reason) {
        *self.counts.entry(reason).or_insert(0) += 1;
        if self.closest.is_none_or(|(_, closest)| reason > closest) {
            self.closest = Some((instance, reason));
        }
    }
}
