//! DEP-14, second step: starting what is missing of the PRIMARY deployment.

use super::super::timers::Timer;
use super::super::{ClusterCore, Outbox, events};
use super::Pass;
use plimsoll_placement::mutant;

impl ClusterCore {
    pub(super) fn start(&mut self, pass: &mut Pass, budget: &mut usize, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        let missing = numbers.missing();
        if missing == 0 {
            return;
        }
        let name = pass.service.name.clone();
        if let Some(at) = pass.primary.next_start_at.filter(|at| *at > self.now) {
            // Nothing makes room for tasks that would fail again.
            self.look_again(pass, Timer::StartAgain(name), at);
            pass.waits = true;
            return;
        }
        let allowed = missing.min(numbers.total_max.saturating_sub(numbers.total));
        pass.make_room = allowed < missing;
        let count = (allowed as usize).min(*budget);
        if count > 0 {
            self.place_for(pass, count, budget, out);
        }
        if count < allowed as usize && pass.unplaced.is_none() {
            // More would fit than this step may place; without room, trying again at once would be idle (I-14).
            self.work.postpone(&name);
            pass.waits = true;
        }
        let after = self.numbers(pass);
        if !pass.started.is_empty() {
            assert!(after.total <= after.total_max, "service {name}: {after:?} started too many (DEP-13 a)");
            assert!(after.new_live <= after.desired, "service {name}: {after:?} started beyond desired (DEP-13 c)");
        }
    }

    fn place_for(&mut self, pass: &mut Pass, count: usize, budget: &mut usize, out: &mut Outbox) {
        let name = pass.service.name.clone();
        let deployment = mutant!(
            SupersededStarts => self.old_deployments(pass).first().unwrap_or(&pass.primary).clone(),
            pass.primary.clone()
        );
        let blueprint = self.service_blueprint(&pass.service, &deployment);
        let needs = self.service_requirements(&pass.service, &pass.primary);
        let plan = self.plan(&blueprint, &needs, count);
        *budget -= plan.placed.len();
        for (idx, reserved) in plan.placed {
            let task = self.place(&blueprint, idx, reserved, out);
            pass.started.push(task.id);
        }
        if !pass.started.is_empty() {
            self.work.placed(&name);
        }
        if let Some(rejection) = plan.rejection {
            pass.make_room = true;
            pass.waits = true;
            self.work.wait_for_capacity(&name);
            pass.unplaced = Some(events::unplaced(pass.speaker(), &rejection));
        }
    }
}
