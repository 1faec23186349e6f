//! Placing a batch of identical tasks: every task takes the best instance there is for it.
//!
//! Batches are drafted beside the view for the request; what is not, is placed in the view itself, task by task.

use crate::check::Question;
use crate::draft::{Draft, Share};
use crate::room::Room;
use crate::view::View;
use crate::{Demand, Fleet, Plan, Request};
use rand_chacha::ChaCha8Rng;

impl Fleet {
    /// Where `count` identical tasks go, one after another (PL-1..12). Changes nothing but what the fleet remembers
    /// about itself to answer faster; the same rows, request and generator give the same plan.
    pub fn plan(&mut self, request: &Request<'_>, count: usize, rng: &mut ChaCha8Rng) -> Plan {
        let mut plan = Plan { placed: Vec::with_capacity(count), rejection: None };
        if count == 0 {
            return plan;
        }
        if self.policy_of(request).is_some() {
            return self.plan_by_policy(request, count, rng);
        }
        let mut views = std::mem::take(&mut self.views);
        let question = self.question(request);
        let view = views.up_to_date(self, &question, count);
        if view.is_drafted(count) {
            self.draft(view, &question, count, &mut plan);
        } else {
            self.place_one_by_one(view, &question, count, rng, &mut plan);
        }
        if plan.placed.len() < count {
            plan.rejection = Some(self.rejection(&question, &plan));
        }
        self.views = views;
        plan
    }

    fn draft(&self, view: &mut View, question: &Question<'_>, count: usize, plan: &mut Plan) {
        let desk = view.desk(self, question.request.group);
        if count == 1 && !view.leaves_tasks_to_others(question.request) {
            if let Some(idx) = view.best_of_leaves(self, question, &desk) {
                self.promise(question, Share { idx, planned: 0, tasks: 1 }, plan);
            }
            view.take_back(self, question, desk);
            return;
        }
        let mut draft = Draft::new(self, question, view, count, desk);
        while plan.placed.len() < count {
            let Some(share) = draft.next(count - plan.placed.len()) else { break };
            self.promise(question, share, plan);
        }
        let desk = draft.into_desk();
        view.take_back(self, question, desk);
    }

    /// The view stands as if the tasks so far were there, and looks at their instances again the next time it is used.
    /// What changes when a task is placed is its instance and nothing else, so no other is looked at.
    fn place_one_by_one(
        &self,
        view: &mut View,
        question: &Question<'_>,
        count: usize,
        rng: &mut ChaCha8Rng,
        plan: &mut Plan,
    ) {
        let mut overlay = view.overlay(self, question);
        while let Some(idx) = view.choose(overlay.as_ref(), question.need(), rng) {
            if !view.has_room(self, question, idx) {
                view.mend(self, question, idx);
                continue;
            }
            self.promise(question, Share { idx, planned: view.planned(idx), tasks: 1 }, plan);
            if plan.placed.len() == count {
                break;
            }
            view.place(self, question, idx);
            if let Some(overlay) = &mut overlay {
                view.lay(overlay, self, question, idx);
            }
        }
    }

    fn promise(&self, question: &Question<'_>, share: Share, plan: &mut Plan) {
        let Share { idx, planned, tasks } = share;
        let reserve = |nth| (idx, self.reserve(idx, question.request.demand, nth));
        plan.placed.extend((planned..planned + tasks).map(reserve));
    }
}

impl Demand {
    /// The amounts among what is needed.
    pub(crate) fn room(&self) -> Room {
        Room { cpu: self.cpu_units, memory: self.memory_mib, gpus: self.gpus }
    }
}
