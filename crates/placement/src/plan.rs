//! Placing a batch of identical tasks: every task takes the best instance there is for it.
//!
//! The view for the request stands as if the tasks so far were there, and looks at their instances again the next time
//! it is used. What changes when a task is placed is its instance and nothing else, so no other is looked at.

use crate::order::Room;
use crate::wants::Counted;
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
        let mut views = std::mem::take(&mut self.views);
        let question = self.question(request);
        let view = views.up_to_date(self, &question, Counted::new(self, request, count));
        let mut overlay = view.overlay(self, &question);
        while let Some(idx) = view.choose(overlay.as_ref(), question.need(), rng) {
            let planned = view.planned(idx);
            let tasks = view.run_length(self, &question, idx, count - plan.placed.len());
            plan.placed.extend((planned..planned + tasks).map(|nth| (idx, self.reserve(idx, request.demand, nth))));
            if plan.placed.len() == count {
                break;
            }
            view.place(self, &question, idx, tasks);
            if let Some(overlay) = &mut overlay {
                view.lay(overlay, self, &question, idx);
            }
        }
        if plan.placed.len() < count {
            plan.rejection = Some(self.rejection(&question, &plan));
        }
        self.views = views;
        plan
    }
}

impl Demand {
    /// The amounts among what is needed.
    pub(crate) fn room(&self) -> Room {
        Room { cpu: self.cpu_units, memory: self.memory_mib, gpus: self.gpus }
    }
}
