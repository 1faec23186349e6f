//! A capacity provider and a strategy as ECS shows them.

use super::{ShowTags, count};
use crate::resolve::capacity_provider_arn;
use plimsoll_ecs_api::types;
use plimsoll_model::{CapacityProvider, CapacityProviderStrategyItem, CapacityProviderUpdate, LaunchType, Namespace};

pub(crate) fn capacity_provider(
    namespace: &Namespace,
    row: &CapacityProvider,
    tags: ShowTags,
) -> types::CapacityProvider {
    let status = match row.update {
        Some(CapacityProviderUpdate::DeleteComplete) => "INACTIVE",
        Some(CapacityProviderUpdate::UpdateComplete) | None => "ACTIVE",
    };
    types::CapacityProvider {
        capacity_provider_arn: Some(capacity_provider_arn(namespace, &row.name)),
        name: Some(row.name.to_string()),
        status: Some(status.into()),
        auto_scaling_group_provider: serde_json::from_value(row.auto_scaling_group.clone()).ok(),
        update_status: row.update.map(|update| update.as_str().into()),
        r#type: Some("EC2_AUTOSCALING".into()),
        tags: Some(tags.of(&row.tags)),
        ..Default::default()
    }
}

pub(crate) fn built_in_capacity_provider(namespace: &Namespace, name: &str) -> types::CapacityProvider {
    types::CapacityProvider {
        capacity_provider_arn: Some(capacity_provider_arn(namespace, name)),
        name: Some(name.into()),
        status: Some("ACTIVE".into()),
        r#type: Some(name.into()),
        tags: Some(Vec::new()),
        ..Default::default()
    }
}

pub(super) fn strategy(items: &[CapacityProviderStrategyItem]) -> Vec<types::CapacityProviderStrategyItem> {
    let item = |item: &CapacityProviderStrategyItem| types::CapacityProviderStrategyItem {
        capacity_provider: Some(item.provider.to_string()),
        weight: count(item.weight),
        base: count(item.base),
    };
    items.iter().map(item).collect()
}

/// A service, deployment, revision or task set shows its strategy or its launch type, never both (DEP-2).
pub(super) fn by_launch_type(strategy: &[CapacityProviderStrategyItem], launch_type: LaunchType) -> Option<String> {
    strategy.is_empty().then(|| launch_type.as_str().into())
}

pub(super) fn by_strategy(
    strategy: &[CapacityProviderStrategyItem],
) -> Option<Vec<types::CapacityProviderStrategyItem>> {
    (!strategy.is_empty()).then(|| self::strategy(strategy))
}
