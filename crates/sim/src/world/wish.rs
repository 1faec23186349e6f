//! I-14: somebody wants what cannot be. It is said once, it costs nothing to go on wanting, and when it becomes
//! possible it happens.

use super::World;
use super::client::put_attribute;
use super::node::ZONE;
use crate::invariants::rest;
use crate::violation::{Broken, require};
use plimsoll_core::command::{Command, StrategyChoice};
use plimsoll_model::{
    CircuitBreaker, InstanceId, InstanceStatus, PlacementConstraint, SchedulingStrategy, ServiceName, ServiceStatus,
};

/// A zone that no machine is in.
const NOWHERE: &str = "nowhere";
/// A node that was damped comes back, another one is closest.
const CAUSES_MAX: usize = 3;
/// As long as nothing may happen; shorter than a minute on any clock, after which a failed placement is counted.
const SILENCE_MS: u64 = 45_000;
/// From placed to started: two messages, a pull, a start, a report.
const START_MS: u64 = 40_000;
/// What may be left of the time in which a node that flapped takes nothing (F-16).
const FLAPPED_MS: u64 = 200_000;

impl World {
    pub(super) fn wish_for_the_impossible(&mut self) -> Result<(), Broken> {
        let room = self.instances_with_room();
        if room.is_empty() || !self.control.committed.is_active() {
            return Ok(());
        }
        let name = ServiceName::parse("wish").expect("a valid name");
        let Command::CreateService(mut wish) = self.create_service_named(name.clone()) else { return Ok(()) };
        wish.definition = Some(self.definitions.plain());
        wish.scheduling_strategy = SchedulingStrategy::Replica;
        wish.capacity_provider_strategy = StrategyChoice::LaunchType;
        wish.desired_count = 1;
        wish.availability_zone_rebalancing = false;
        wish.deployment_configuration.circuit_breaker = CircuitBreaker::off();
        wish.placement_constraints =
            vec![PlacementConstraint::MemberOf(format!("attribute:{ZONE} == {NOWHERE}").into())];
        self.submit(Command::CreateService(wish))?;
        let said = self.now.plus_millis(SILENCE_MS);
        self.run_to(said)?;
        let is_wish = |world: &World| world.control.committed.services.get(&name).map(|row| row.status);
        require(is_wish(self) == Some(ServiceStatus::Active), "I-28", || "the wish was not heard".to_owned())?;
        // What stands in the way may change; that nothing is said twice is checked as it is said.
        let events = self.control.committed.events_of_service(&name).count();
        require((1..=CAUSES_MAX).contains(&events), "I-14", || {
            format!("{events} events say that a wish cannot be fulfilled")
        })?;
        self.expire_what_is_due()?;
        rest::i_13_quiescence(self)?;

        let damped = self.control.committed.events_of_service(&name).any(|event| event.message.contains("AGENT"));
        for instance in room {
            self.submit(put_attribute(instance, ZONE, NOWHERE))?;
        }
        let swarm = &self.swarm;
        let placed_ms = if damped { FLAPPED_MS } else { 2_000 + 6 * swarm.commit_ms_max };
        let placed = |world: &World| world.control.committed.service_counts(&name).not_stopped == 1;
        self.run_until(placed_ms, placed, "I-14", |_| "the wish could be fulfilled and nobody looked".to_owned())?;
        let swarm = &self.swarm;
        let start_ms = START_MS + 2 * swarm.delay_ms_max + 3 * swarm.commit_ms_max + 3 * swarm.start_ms_max;
        let fulfilled = |world: &World| world.control.committed.service_counts(&name).running == 1;
        self.run_until(start_ms, fulfilled, "I-14", |_| "the wish could be fulfilled and was not".to_owned())?;
        self.coverage.count("wish fulfilled");
        Ok(())
    }

    /// Those that take a plain task.
    fn instances_with_room(&self) -> Vec<InstanceId> {
        let image = &self.control.committed;
        let plain = self.definitions.plain();
        let cpu: u64 = plain.containers.iter().map(|container| u64::from(container.cpu)).sum();
        let has_room = |id: &InstanceId| {
            let used = image.usage.get(id).copied().unwrap_or_default();
            image.instances.get(id).is_some_and(|row| {
                let custom = row.attributes.values().filter(|one| one.custom).count();
                let fits = used.cpu_units + cpu <= u64::from(row.registered.cpu_units);
                row.status == InstanceStatus::Active && custom < 10 && fits
            })
        };
        let living = self.nodes.iter().filter(|node| !node.is_dead);
        living.filter_map(|node| node.identity.instance).filter(has_room).collect()
    }
}
