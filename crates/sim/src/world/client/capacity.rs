//! What users ask of capacity providers.

use super::PROVIDERS;
use crate::world::World;
use plimsoll_core::command::{AssociatedProviders, Command, CreateCluster, StrategyChoice};
use plimsoll_model::CapacityProviderStrategyItem;
use std::collections::BTreeSet;
use std::sync::Arc;

impl World {
    /// With providers from the beginning, mostly.
    pub(super) fn create_cluster(&mut self) -> Command {
        let capacity = if self.dice.client.permille(800) { self.some_association() } else { Default::default() };
        Command::CreateCluster(CreateCluster { capacity, ..CreateCluster::default() })
    }

    pub(super) fn put_capacity_providers(&mut self) -> Command {
        Command::PutClusterCapacityProviders(self.some_association())
    }

    pub(super) fn some_association(&mut self) -> AssociatedProviders {
        let mut capacity_providers: Vec<Arc<str>> = PROVIDERS.iter().map(|name| Arc::from(*name)).collect();
        if self.dice.client.permille(200) {
            capacity_providers.pop();
        }
        let known = |item: &CapacityProviderStrategyItem| capacity_providers.contains(&item.provider);
        let mut default_strategy = if self.dice.client.coin() { self.some_providers() } else { Vec::new() };
        default_strategy.retain(known);
        AssociatedProviders { capacity_providers, default_strategy }
    }

    pub(in crate::world) fn some_strategy_choice(&mut self) -> StrategyChoice {
        match self.dice.client.below(5) {
            0 | 1 => StrategyChoice::Given(self.some_providers()),
            2 => StrategyChoice::LaunchType,
            _ => StrategyChoice::ClusterDefault,
        }
    }

    pub(super) fn some_scaled_providers(&mut self) -> BTreeSet<Arc<str>> {
        let dice = &mut self.dice.client;
        PROVIDERS.iter().filter(|_| dice.permille(600)).map(|name| Arc::from(*name)).collect()
    }

    /// Any weights, and at most one base.
    pub(super) fn some_providers(&mut self) -> Vec<CapacityProviderStrategyItem> {
        let dice = &mut self.dice.client;
        let mut items: Vec<CapacityProviderStrategyItem> = PROVIDERS
            .iter()
            .map(|name| CapacityProviderStrategyItem {
                provider: (*name).into(),
                weight: u32::try_from(dice.between(1, 4)).unwrap_or(1),
                base: 0,
            })
            .collect();
        if dice.coin() {
            items.reverse();
        }
        if dice.permille(300) {
            items.truncate(1);
        }
        if dice.permille(400) {
            items[0].base = dice.small(3);
        }
        items
    }
}
