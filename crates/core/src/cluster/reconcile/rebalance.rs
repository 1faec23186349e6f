//! Moving tasks of a steady service to emptier zones (SVC-61), one at a time: start one in a zone with the fewest tasks,
//! and when it is healthy stop one in a zone with the most, which is what scale-in chooses.
//!
//! A move is written on the service's row, so that whoever takes the cluster over finishes it. It is given up when
//! anything else happens to the service.

use super::super::changes::ZONE_ATTRIBUTE as ZONE;
use super::super::derived::Class;
use super::super::timers::Timer;
use super::super::{ClusterCore, Outbox, events};
use super::Pass;
use super::numbers::Numbers;
use plimsoll_model::{PlacementStrategy, Rebalancing, RolloutState, Service, SpreadField, TaskId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tasks that one zone may have more than another: one less and moving would only swap the two.
const UNEVEN_FROM: u32 = 2;

impl ClusterCore {
    /// Where a move stands, before the stages of a pass look at what is too much.
    pub(super) fn continue_move(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let Some(Rebalancing::Started(task)) = pass.service.rebalancing else { return };
        let numbers = self.numbers(pass);
        let alone = numbers.old_live == 0 && pass.primary.rollout_state == RolloutState::Completed;
        let beyond = numbers.new_live == numbers.desired + 1;
        match self.class_of_new(pass, task) {
            Some(Class::Healthy) if alone && beyond && pass.service.availability_zone_rebalancing => {
                pass.moves_out = true;
                self.set_rebalancing(pass, Some(Rebalancing::Stopped), out);
            }
            Some(Class::Pending | Class::Waiting | Class::Grace)
                if alone && beyond && pass.service.availability_zone_rebalancing =>
            {
                pass.moving_in = 1;
            }
            _ => self.set_rebalancing(pass, None, out),
        }
    }

    /// The next move of a service that is steady; true when one began.
    pub(super) fn rebalance(&mut self, pass: &Pass, numbers: &Numbers, out: &mut Outbox) -> bool {
        let name = &pass.service.name;
        let service = Arc::clone(&self.image.services[name]);
        let Some(zones) = self.uneven_zones(&service) else {
            if service.rebalancing.is_some() {
                self.set_rebalancing(pass, None, out);
                let text = self.zones_of(&service).map(|zones| describe(&zones)).unwrap_or_default();
                self.add_event(name, events::zones_are_even(name, &text), out);
            }
            return false;
        };
        if numbers.total >= numbers.total_max {
            return false;
        }
        if let Some(at) = pass.primary.next_start_at.filter(|at| *at > self.now) {
            self.timers.set(Timer::StartAgain(name.clone()), at);
            return false;
        }
        let mut blueprint = self.service_blueprint(&service, &pass.primary);
        let only_provider = pass.primary.capacity_provider_strategy().first();
        blueprint.capacity_provider = only_provider.map(|item| Arc::clone(&item.provider));
        let needs = self.service_requirements(&service, &pass.primary);
        let plan = self.plan(&blueprint, &needs, 1);
        let most = zones.values().copied().max().unwrap_or(0);
        let place = plan.placed.into_iter().next().filter(|(idx, _)| {
            let zone = self.zone_of_instance(self.derived.fleet.instance(*idx));
            most >= zones.get(&zone).copied().unwrap_or(0) + UNEVEN_FROM
        });
        let Some((idx, reserved)) = place else {
            // The emptier zones have no room today.
            self.work.wait_for_capacity(name);
            return false;
        };
        if service.rebalancing.is_none() {
            self.add_event(name, events::zones_are_uneven(name, &describe(&zones)), out);
        }
        let task = self.place(&blueprint, idx, reserved, out);
        let zone = self.zone_of_task(task.id);
        self.add_event(name, events::moved_in(name, &zone, &[task.id]), out);
        self.set_rebalancing(pass, Some(Rebalancing::Started(task.id)), out);
        true
    }

    pub(super) fn zone_of_task(&self, task: TaskId) -> Arc<str> {
        self.image
            .tasks
            .get(&task)
            .and_then(|row| row.instance)
            .map_or_else(|| "".into(), |instance| self.zone_of_instance(instance))
    }

    /// Where a move ends, whatever the strategies would choose: stopping what has just been moved in would begin it
    /// again, and for ever (I-13).
    pub(super) fn of_fullest_zone(&self, service: &Service, mut tasks: Vec<TaskId>) -> Vec<TaskId> {
        let zones = self.zones_of(service).unwrap_or_default();
        let tasks_beside = |task: &TaskId| zones.get(&self.zone_of_task(*task)).copied().unwrap_or(0);
        let most = tasks.iter().map(tasks_beside).max();
        tasks.retain(|task| Some(tasks_beside(task)) == most);
        tasks
    }

    fn zone_of_instance(&self, instance: plimsoll_model::InstanceId) -> Arc<str> {
        self.image.instances.get(&instance).and_then(|row| row.attribute(ZONE)).unwrap_or_default().into()
    }

    /// Tasks by zone, if a zone that could take tasks has too few of them.
    fn uneven_zones(&self, service: &Service) -> Option<BTreeMap<Arc<str>, u32>> {
        let wanted = service.availability_zone_rebalancing
            && (self.is_placed_by_default(service) || spreads_over_zones(&service.placement_strategy));
        if !wanted || service.desired_count < UNEVEN_FROM {
            return None;
        }
        // Between several providers their shares decide, and what a move brings to one the same one gives up again.
        if service.capacity_provider_strategy.len() > 1 {
            return None;
        }
        let zones = self.zones_of(service)?;
        let most = zones.values().copied().max()?;
        let fewest = self.derived.zones.names().map(|zone| zones.get(zone).copied().unwrap_or(0)).min()?;
        (most >= fewest + UNEVEN_FROM).then_some(zones)
    }

    fn zones_of(&self, service: &Service) -> Option<BTreeMap<Arc<str>, u32>> {
        let group = self.derived.fleet.find_group(&format!("service:{}", service.name))?;
        let counts = self.derived.fleet.live_tasks_by(group, ZONE);
        Some(counts.into_iter().map(|(zone, tasks)| (zone.into(), tasks)).collect())
    }

    fn class_of_new(&self, pass: &Pass, task: TaskId) -> Option<Class> {
        let staying = &self.index_of(pass, pass.primary.id)?.staying;
        let classes = [Class::Pending, Class::Waiting, Class::Grace, Class::Unhealthy, Class::Healthy];
        classes.into_iter().find(|class| staying.of(*class).contains(&task))
    }

    fn set_rebalancing(&mut self, pass: &Pass, to: Option<Rebalancing>, out: &mut Outbox) {
        self.update_service_row(&pass.service.name, |row| row.rebalancing = to, out);
    }
}

/// SVC-60, of those a service names. Any other order would choose another task to go than one in the fullest zone, and moving would never end.
fn spreads_over_zones(strategies: &[PlacementStrategy]) -> bool {
    match strategies.first() {
        None => false,
        Some(PlacementStrategy::Spread(SpreadField::Attribute(name))) => **name == *ZONE,
        Some(_) => false,
    }
}

fn describe(zones: &BTreeMap<Arc<str>, u32>) -> String {
    let zone = |(zone, tasks): (&Arc<str>, &u32)| match &**zone {
        "" => format!("{tasks} tasks in no zone"),
        name => format!("{tasks} tasks in {name}"),
    };
    zones.iter().map(zone).collect::<Vec<_>>().join(", ")
}
