//! Which capacity providers a request's tasks are shared out over (RUN-2, SVC-55).

use super::ClusterCore;
use crate::CommandError;
use crate::command::StrategyChoice;
use plimsoll_model::CapacityProviderStrategyItem;

impl ClusterCore {
    /// Empty: by launch type.
    pub(super) fn chosen_strategy(
        &self,
        choice: StrategyChoice,
    ) -> Result<Vec<CapacityProviderStrategyItem>, CommandError> {
        match choice {
            StrategyChoice::LaunchType => Ok(Vec::new()),
            StrategyChoice::Given(strategy) => self.check_associated(&strategy).map(|()| strategy),
            StrategyChoice::ClusterDefault => {
                let cluster = self.image.cluster.as_ref();
                Ok(cluster.map(|row| row.default_capacity_provider_strategy.clone()).unwrap_or_default())
            }
        }
    }

    pub(super) fn check_associated(&self, strategy: &[CapacityProviderStrategyItem]) -> Result<(), CommandError> {
        let associated = self.image.cluster.as_ref().map(|row| &row.capacity_providers[..]).unwrap_or_default();
        match strategy.iter().find(|item| !associated.contains(&item.provider)) {
            None => Ok(()),
            Some(item) => Err(CommandError::CapacityProviderNotAssociated { provider: item.provider.clone() }),
        }
    }
}
