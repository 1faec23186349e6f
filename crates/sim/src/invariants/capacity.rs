//! Tasks that capacity providers share out.

use super::Step;
use crate::coverage::Coverage;
use crate::violation::{Broken, require};
use plimsoll_model::{CAPACITY_PROVIDER_ATTRIBUTE, CapacityProviderStrategyItem, HealthStatus, InstanceStatus, Task};
use std::collections::BTreeSet;

/// SVC-56: a task of a strategy is put on an instance of the provider it counts for, and a deployment
/// never gives a provider more than it would have if all desired tasks were shared out anew.
pub(super) fn svc_56_new_tasks_follow_the_strategy(step: &Step, coverage: &mut Coverage) -> Result<(), Broken> {
    let mut shares = BTreeSet::new();
    for task in step.tasks_placed() {
        let Some(provider) = &task.capacity_provider else { continue };
        coverage.count("task placed by a strategy");
        let row = step.after.instance_of(task);
        let belongs_to = row.and_then(|row| row.attribute(CAPACITY_PROVIDER_ATTRIBUTE));
        require(belongs_to == Some(&**provider), "SVC-56", || {
            format!("{} of provider {provider} is on {row:?}", task.id)
        })?;
        shares.extend(task.deployment.map(|deployment| (deployment, provider)));
    }
    for task in step.tasks_created().filter(|task| task.capacity_provider.is_none()) {
        let deployment = task.deployment.and_then(|id| step.after.deployments.get(&id));
        let shared_out = deployment.is_some_and(|row| !row.capacity_provider_strategy().is_empty());
        require(!shared_out, "SVC-56", || format!("{} is nobody's share of {deployment:?}", task.id))?;
    }
    for (id, provider) in shares {
        let Some(deployment) = step.after.deployments.get(&id) else { continue };
        let Some(service) = step.after.services.get(&deployment.service) else { continue };
        let counts = |task: &&std::sync::Arc<Task>| {
            let stays = |status| status != InstanceStatus::Draining;
            task.deployment == Some(id)
                && task.capacity_provider.as_ref() == Some(provider)
                && task.is_live()
                && task.health != HealthStatus::Unhealthy
                && step.after.instance_of(task).is_some_and(|row| stays(row.status))
        };
        let has = step.after.tasks_of_service(&service.name).filter(counts).count();
        let share = share(deployment.capacity_provider_strategy(), provider, deployment.desired_count);
        // One task of a move between zones is there twice for a while (SVC-61).
        let share = share + usize::from(service.rebalancing.is_some());
        require(has <= share, "SVC-56", || {
            format!("provider {provider} has {has} tasks of {deployment:?}; its share of {service:?} is {share}")
        })?;
    }
    Ok(())
}

/// A task at a time, by the rule's own words: the base, then the smallest (tasks beyond base) / weight.
fn share(strategy: &[CapacityProviderStrategyItem], provider: &str, desired: u32) -> usize {
    let mut have: Vec<u64> = vec![0; strategy.len()];
    for _ in 0..desired {
        let in_base = (0..have.len()).find(|&at| have[at] < u64::from(strategy[at].base));
        let weighted = (0..have.len()).filter(|&at| strategy[at].weight > 0);
        let next = in_base.or_else(|| {
            weighted.min_by_key(|&at| {
                let beyond = have[at] - u64::from(strategy[at].base).min(have[at]);
                // All weights of this world divide it.
                (beyond * 12 / u64::from(strategy[at].weight), at)
            })
        });
        if let Some(at) = next {
            have[at] += 1;
        }
    }
    let of_provider = strategy.iter().zip(&have).filter(|(item, _)| *item.provider == *provider);
    of_provider.map(|(_, count)| usize::try_from(*count).unwrap_or(usize::MAX)).sum()
}
