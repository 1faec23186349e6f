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
        if allowed > 0 && self.place_for(pass, allowed, budget, out) > 0 {
            self.work.postpone(&name);
            pass.waits = true;
        }
        let after = self.numbers(pass);
        if !pass.started.is_empty() {
            assert!(after.total <= after.total_max, "service {name}: {after:?} started too many (DEP-13 a)");
            assert!(after.new_live <= after.desired, "service {name}: {after:?} started beyond desired (DEP-13 c)");
        }
    }

    /// One plan per capacity provider: their instances are disjoint, so none takes a place another one wants, and a
    /// provider that is full holds up nobody else's share. Returns how many more might fit than this step may place.
    fn place_for(&mut self, pass: &mut Pass, allowed: u32, budget: &mut usize, out: &mut Outbox) -> usize {
        let name = pass.service.name.clone();
        if *budget == 0 {
            return allowed as usize;
        }
        let deployment = mutant!(
            SupersededStarts => self.old_deployments(pass).first().unwrap_or(&pass.primary).clone(),
            pass.primary.clone()
        );
        let mut blueprint = self.service_blueprint(&pass.service, &deployment);
        let needs = self.service_requirements(&pass.service, &pass.primary);
        let shares = self.shares_to_start(pass, allowed);
        if shares.iter().map(|share| share.count).sum::<usize>() < allowed as usize {
            self.wait_for_room(pass, events::beyond_every_base(pass.speaker()));
        }
        let mut put_off = 0;
        for share in shares {
            let count = share.count.min(*budget);
            blueprint.capacity_provider = share.provider;
            let plan = self.plan(&blueprint, &needs, count);
            *budget -= plan.placed.len();
            for (idx, reserved) in plan.placed {
                let task = self.place(&blueprint, idx, reserved, out);
                pass.started.push(task.id);
            }
            match plan.rejection {
                Some(rejection) => {
                    let event = events::unplaced(pass.speaker(), blueprint.capacity_provider.as_deref(), &rejection);
                    self.wait_for_room(pass, event);
                }
                // Without room, trying again at once would be idle (I-14).
                None => put_off += share.count - count,
            }
        }
        if !pass.started.is_empty() {
            self.work.placed(&name);
        }
        put_off
    }

    fn wait_for_room(&mut self, pass: &mut Pass, event: events::Unplaced) {
        pass.make_room = true;
        pass.waits = true;
        self.work.wait_for_capacity(&pass.service.name);
        pass.unplaced.get_or_insert(event);
    }
}
