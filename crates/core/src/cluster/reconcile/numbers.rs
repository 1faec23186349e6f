//! The counts a stage decides on.

use super::super::ClusterCore;
use super::super::derived::{Class, Classes, DeploymentIndex};
use super::{Pass, rollout_bounds};
use plimsoll_model::{Counts, Deployment, DeploymentId, DeploymentStatus, TaskId};
use plimsoll_placement::mutant;
use std::sync::Arc;

/// "New" tasks are those of the PRIMARY deployment on instances that stay; "old" ones all others that are live
/// (DEP-31).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Numbers {
    pub desired: u32,
    pub healthy_min: u32,
    pub total_max: u32,
    /// Not STOPPED (DEP-12).
    pub total: u32,
    /// Told to stop and not STOPPED.
    pub stopping: u32,
    /// New and old ones.
    pub healthy: u32,
    pub pending: u32,
    /// RUNNING and not yet known to be healthy, or in their grace period: time will tell.
    pub undecided: u32,
    /// New ones that will do: all but the unhealthy.
    pub new_live: u32,
    pub new_healthy: u32,
    pub new_unhealthy: u32,
    pub old_live: u32,
}

impl Numbers {
    /// How many healthy tasks the scheduler may stop (DEP-13 b).
    pub fn healthy_to_spare(&self) -> u32 {
        self.healthy.saturating_sub(mutant!(MakesRoomBelowMinimum => 0, self.healthy_min))
    }

    pub fn missing(&self) -> u32 {
        self.desired.saturating_sub(self.new_live)
    }

    /// Live tasks that could serve if the unhealthy and superseded were gone, beyond what is desired.
    pub fn covered_beyond_desired(&self, others: u32) -> u32 {
        (others + self.new_healthy).saturating_sub(self.desired)
    }

    fn add(&mut self, classes: &Classes) {
        self.healthy += classes.count(Class::Healthy);
        self.pending += classes.count(Class::Pending);
        self.undecided += classes.count(Class::Waiting) + classes.count(Class::Grace);
    }
}

impl ClusterCore {
    pub(super) fn numbers(&self, pass: &Pass) -> Numbers {
        let service = &pass.service;
        let configuration = service.deployment_configuration;
        let desired = if pass.is_of_task_set() { pass.primary.desired_count } else { service.desired_count };
        let bounds = rollout_bounds(desired, configuration.minimum_healthy_percent, configuration.maximum_percent);
        let counts = self.counts(pass);
        let mut numbers = Numbers {
            desired,
            healthy_min: bounds.healthy_min,
            total_max: bounds.total_max,
            total: counts.not_stopped,
            stopping: counts.not_stopped - counts.live,
            ..Numbers::default()
        };
        let Some(index) = self.derived.services.get(&service.name) else { return numbers };
        for (id, deployment) in &index.deployments {
            if pass.is_of_task_set() && *id != pass.primary.id {
                continue;
            }
            numbers.add(&deployment.staying);
            numbers.add(&deployment.draining);
            if *id == pass.primary.id {
                numbers.new_healthy = deployment.staying.count(Class::Healthy);
                numbers.new_unhealthy = deployment.staying.count(Class::Unhealthy);
                let pending = mutant!(ForgetsPending => deployment.staying.count(Class::Pending), 0);
                numbers.new_live = deployment.staying.live() - numbers.new_unhealthy - pending;
                numbers.old_live += deployment.draining.live();
            } else {
                numbers.old_live += deployment.staying.live() + deployment.draining.live();
            }
        }
        numbers
    }

    /// Of the tasks that the pass is about.
    pub(super) fn counts(&self, pass: &Pass) -> Counts {
        if pass.is_of_task_set() {
            self.image.deployment_counts(pass.primary.id)
        } else {
            self.image.service_counts(&pass.service.name)
        }
    }

    pub(super) fn index_of(&self, pass: &Pass, deployment: DeploymentId) -> Option<&DeploymentIndex> {
        self.derived.deployment(&pass.service.name, deployment)
    }

    /// Superseded deployments that are still listed, oldest first. Task sets do not supersede one another.
    pub(super) fn old_deployments(&self, pass: &Pass) -> Vec<Arc<Deployment>> {
        if pass.is_of_task_set() {
            return Vec::new();
        }
        let all = self.image.deployments_of_service(&pass.service.name);
        let mut old: Vec<Arc<Deployment>> = all.filter(|row| row.status == DeploymentStatus::Active).cloned().collect();
        old.sort_by_key(|row| (row.created_at, row.id));
        old
    }

    /// Whether the scheduler may choose the task to stop it (PROT-4).
    pub(super) fn may_be_stopped(&self, pass: &Pass, task: TaskId) -> bool {
        self.derived
            .services
            .get(&pass.service.name)
            .is_none_or(|index| mutant!(ProtectionIsIgnored => true, !index.protected().contains(&task)))
    }

    /// Where old tasks are, in the order in which they go: those on DRAINING instances first, of old deployments
    /// before those of the PRIMARY (TERM-2, DEP-34), then the rest, oldest deployment first.
    pub(super) fn old_tasks(&self, pass: &Pass) -> Vec<&Classes> {
        let old = self.old_deployments(pass);
        let old = || old.iter().filter_map(|row| self.index_of(pass, row.id));
        let primary = self.index_of(pass, pass.primary.id);
        old()
            .map(|index| &index.draining)
            .chain(primary.map(|index| &index.draining))
            .chain(old().map(|index| &index.staying))
            .collect()
    }
}
