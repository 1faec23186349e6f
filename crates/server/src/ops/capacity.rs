//! Capacity providers as requests name them, and the rules of a strategy by itself (SVC-55).

use super::input::{distinct, invalid};
use crate::Context;
use crate::error_map::store_error;
use crate::resolve::{self, ActiveCluster};
use plimsoll_core::command::{AssociatedProviders, StrategyChoice};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{BUILT_IN_CAPACITY_PROVIDERS, CapacityProviderStrategyItem};
use std::collections::BTreeSet;
use std::sync::Arc;

const NOT_ASSOCIATED: &str = "The specified capacity provider strategy cannot contain a capacity provider that is not \
     associated with the cluster. Associate the capacity provider with the cluster and try again.";

/// Bounds of the numbers are the model's. Whether the providers are the cluster's is the core's to know.
pub(super) fn strategy(
    context: &Context,
    given: &[types::CapacityProviderStrategyItem],
) -> Result<Vec<CapacityProviderStrategyItem>, ApiError> {
    let item = |item: &types::CapacityProviderStrategyItem| {
        Ok(CapacityProviderStrategyItem {
            provider: resolve::capacity_provider_name(context, item.capacity_provider.as_deref().unwrap_or_default())?,
            weight: super::input::unsigned(item.weight),
            base: super::input::unsigned(item.base),
        })
    };
    let items: Vec<CapacityProviderStrategyItem> = given.iter().map(item).collect::<Result<_, ApiError>>()?;
    if distinct(items.iter().map(|item| &item.provider)).len() < items.len() {
        return Err(invalid("A capacity provider strategy can contain a capacity provider only once."));
    }
    if items.iter().filter(|item| item.base > 0).count() > 1 {
        return Err(invalid("Only one capacity provider in a capacity provider strategy can have a base defined."));
    }
    // A strategy of one provider may be all base: it takes that many tasks and no more.
    let all_base = items.len() == 1 && items.iter().all(|item| item.base > 0);
    if !items.is_empty() && !all_base && items.iter().all(|item| item.weight == 0) {
        return Err(invalid(
            "A capacity provider strategy must have at least one capacity provider with a weight greater than 0.",
        ));
    }
    Ok(items)
}

/// The providers a cluster is to have, by what the request says alone (CL-11).
pub(super) fn association(
    context: &Context,
    providers: Option<&Vec<String>>,
    default_strategy: Option<&Vec<types::CapacityProviderStrategyItem>>,
) -> Result<AssociatedProviders, ApiError> {
    let names = providers.into_iter().flatten().map(|given| resolve::capacity_provider_name(context, given));
    let capacity_providers = distinct(names.collect::<Result<Vec<Arc<str>>, _>>()?);
    let default_strategy = strategy(context, default_strategy.map(Vec::as_slice).unwrap_or_default())?;
    if default_strategy.iter().any(|item| !capacity_providers.contains(&item.provider)) {
        return Err(invalid(NOT_ASSOCIATED));
    }
    Ok(AssociatedProviders { capacity_providers, default_strategy })
}

/// They have been created and not deleted.
pub(super) async fn check_known(context: &Context, association: &AssociatedProviders) -> Result<(), ApiError> {
    let providers = context.control.capacity_providers();
    let unknown = providers.first_unknown(&context.namespace, &association.capacity_providers).await;
    match unknown.map_err(|error| store_error(&error))? {
        None => Ok(()),
        Some(name) => Err(invalid(format!(
            "The specified capacity provider '{name}' was not found. Specify a valid capacity provider and try again."
        ))),
    }
}

/// Those of a request's tasks that a group is scaled for (RUN-12). Of a cluster whose default strategy decides, all it
/// has are looked at: which of them that strategy names may change before the request is carried out.
pub(super) async fn scaled(
    context: &Context,
    cluster: &ActiveCluster,
    strategy: &StrategyChoice,
) -> Result<BTreeSet<Arc<str>>, ApiError> {
    let asked: Vec<Arc<str>> = match strategy {
        StrategyChoice::LaunchType => Vec::new(),
        StrategyChoice::Given(items) => items.iter().map(|item| Arc::clone(&item.provider)).collect(),
        StrategyChoice::ClusterDefault => {
            cluster.read(|image| image.cluster.as_ref().map(|row| row.capacity_providers.clone()))?.unwrap_or_default()
        }
    };
    let mut scaled = BTreeSet::new();
    for name in asked.into_iter().filter(|name| !BUILT_IN_CAPACITY_PROVIDERS.contains(&&**name)) {
        let row = context.control.capacity_providers().get(&context.namespace, &name).await;
        if row.map_err(|error| store_error(&error))?.is_some_and(|row| row.is_scaled()) {
            scaled.insert(name);
        }
    }
    Ok(scaled)
}

/// The answer to changing or deleting one that is not there.
pub(super) fn does_not_exist() -> ApiError {
    ApiError::client("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
}

/// What is there without having been created stays as it is (SVC-57).
pub(super) fn check_not_built_in(name: &str) -> Result<(), ApiError> {
    if BUILT_IN_CAPACITY_PROVIDERS.contains(&name) {
        let text = format!("The capacity provider {name} is reserved and cannot be updated or deleted.");
        return Err(ApiError::client(text));
    }
    Ok(())
}
