//! PutClusterCapacityProviders: both lists are replaced whole (CL-11).

use super::super::{ClusterCore, Outbox};
use crate::command::AssociatedProviders;
use crate::{CommandError, Output};
use plimsoll_model::{CapacityProviderStrategyItem, Cluster, ServiceStatus};

impl ClusterCore {
    pub(super) fn put_capacity_providers(
        &mut self,
        request: AssociatedProviders,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let before = self.image.cluster.as_ref().expect("commands need an active cluster").clone();
        let mut removed = before.capacity_providers.iter().filter(|one| !request.capacity_providers.contains(one));
        if let Some(provider) = removed.find(|provider| self.is_capacity_provider_used(provider)) {
            return Err(CommandError::CapacityProviderInUse { provider: provider.clone() });
        }
        let mut row = Cluster::clone(&before);
        row.capacity_providers = request.capacity_providers;
        row.default_capacity_provider_strategy = request.default_strategy;
        if row == *before {
            return Ok(Output::Cluster(before));
        }
        Ok(Output::Cluster(self.put_cluster(row, out)))
    }

    /// By a task that is not STOPPED, or by what would start one.
    fn is_capacity_provider_used(&self, provider: &str) -> bool {
        let names = |strategy: &[CapacityProviderStrategyItem]| strategy.iter().any(|item| *item.provider == *provider);
        let mut services = self.image.services.values().filter(|row| row.status != ServiceStatus::Inactive);
        self.image.capacity_provider_counts(provider).not_stopped > 0
            || services.any(|row| names(&row.capacity_provider_strategy))
            || self.image.deployments.values().any(|row| names(row.capacity_provider_strategy()))
    }
}
