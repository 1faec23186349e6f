//! The placement policy a cluster has chosen by name, and what it may count on to come.

use super::ClusterCore;
use plimsoll_model::{PLACEMENT_POLICY, SchedulingStrategy, Service, ServiceStatus};
use plimsoll_placement::policy::{PolicySpec, Task, Typical};
use std::collections::BTreeMap;

/// Kinds of tasks a policy is told to expect: every score looks at all of them.
const TYPICAL_MAX: usize = 32;

impl ClusterCore {
    /// Makes the policy of the cluster's row rule. One that does not parse does not: the server refuses such, and a
    /// stored row must not stop the scheduler.
    pub(super) fn derive_policy(&mut self) {
        let chosen = self.image.cluster.as_ref().and_then(|row| row.setting(PLACEMENT_POLICY));
        let policy = chosen.and_then(|text| PolicySpec::parse(text).ok());
        if self.derived.fleet.policy() == policy.as_ref() {
            return;
        }
        self.typical_is_stale = true;
        self.derived.fleet.rule_by(policy);
        // Zones are evened out where the default strategy rules, and only there.
        let movable = self.image.services.values().filter(|service| service.availability_zone_rebalancing);
        movable.for_each(|service| self.work.mark(&service.name));
    }

    /// What services want is what is to be expected (FGD looks at what typical tasks could use).
    pub(super) fn expectation_may_change(&mut self, before: Option<&Service>, after: &Service) {
        let wants = |row: &Service| (row.status, row.desired_count, row.definition.clone());
        if before.map(wants) != Some(wants(after)) {
            self.typical_is_stale = true;
        }
    }

    /// Before a placement by policy. Takes a look at every service, and only where one changed what it wants and the
    /// policy has a use for it.
    pub(super) fn refresh_expectation(&mut self) {
        let has_a_use = |policy: &PolicySpec| policy.expects_tasks();
        if !self.typical_is_stale || !self.derived.fleet.policy().is_some_and(has_a_use) {
            return;
        }
        self.typical_is_stale = false;
        let mut weights: BTreeMap<Task, u32> = BTreeMap::new();
        for service in self.image.services.values() {
            let counts = service.status == ServiceStatus::Active
                && service.scheduling_strategy == SchedulingStrategy::Replica
                && service.desired_count > 0;
            if let Some(id) = service.definition.as_ref().filter(|_| counts) {
                let weight = weights.entry(self.derived.definitions.get(id).demand.as_task()).or_insert(0);
                *weight = weight.saturating_add(service.desired_count);
            }
        }
        let mut typical: Vec<Typical> = weights.into_iter().map(|(task, weight)| Typical { task, weight }).collect();
        typical.sort_by_key(|one| std::cmp::Reverse(one.weight));
        typical.truncate(TYPICAL_MAX);
        self.derived.fleet.expect(typical);
    }

    /// Whether the default of ECS places the tasks of a service: zones first, then instances (PL-6).
    pub(super) fn is_placed_by_default(&self, service: &Service) -> bool {
        service.placement_strategy.is_empty() && self.derived.fleet.policy().is_none()
    }
}
