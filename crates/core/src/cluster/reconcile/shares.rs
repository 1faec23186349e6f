//! How many tasks of the PRIMARY deployment each capacity provider of its strategy should gain or lose (SVC-56).
//!
//! What counts is what the other stages count as new tasks that will do: on instances that stay, and not unhealthy. So
//! the replacement of a task that drains or fails goes to the provider that had it.

use super::super::ClusterCore;
use super::Pass;
use crate::shares::{to_keep, to_start};
use std::sync::Arc;

/// A number of tasks, and whose they are; without a strategy there is one share, and it is nobody's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Share {
    pub provider: Option<Arc<str>>,
    pub count: usize,
}

impl ClusterCore {
    pub(super) fn shares_to_start(&self, pass: &Pass, count: u32) -> Vec<Share> {
        let strategy = pass.primary.capacity_provider_strategy();
        if strategy.is_empty() {
            return vec![Share { provider: None, count: count as usize }];
        }
        let more = to_start(strategy, &self.shares_of(pass), count);
        named(pass, more.into_iter())
    }

    pub(super) fn shares_to_stop(&self, pass: &Pass, count: u32) -> Vec<Share> {
        let strategy = pass.primary.capacity_provider_strategy();
        if strategy.is_empty() {
            return vec![Share { provider: None, count: count as usize }];
        }
        let have = self.shares_of(pass);
        let kept = to_keep(strategy, &have, have.iter().sum::<u32>().saturating_sub(count));
        named(pass, have.iter().zip(kept).map(|(has, kept)| has - kept))
    }

    fn shares_of(&self, pass: &Pass) -> Vec<u32> {
        let index = self.index_of(pass, pass.primary.id);
        let share = |provider: &str| index.map_or(0, |index| index.share_of(provider));
        pass.primary.capacity_provider_strategy().iter().map(|item| share(&item.provider)).collect()
    }
}

fn named(pass: &Pass, counts: impl Iterator<Item = u32>) -> Vec<Share> {
    let named = pass.primary.capacity_provider_strategy().iter().zip(counts);
    let share = |(item, count): (&plimsoll_model::CapacityProviderStrategyItem, u32)| Share {
        provider: Some(Arc::clone(&item.provider)),
        count: count as usize,
    };
    named.map(share).filter(|share| share.count > 0).collect()
}
