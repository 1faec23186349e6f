//! DescribeCapacityProviders (SVC-57): the built-in ones first, then the others by name; with a cluster, its own only.

use super::input::distinct;
use crate::Context;
use crate::error_map::store_error;
use crate::render::{self, ShowTags};
use crate::resolve;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::BUILT_IN_CAPACITY_PROVIDERS;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::DescribeCapacityProvidersResponse, ApiError> {
    let pager = Pager::<(String, u64)>::of(operation, &input)?;
    let request: types::DescribeCapacityProvidersRequest = parse(input)?;
    let tags = ShowTags::included(request.include.as_ref());
    let named = request.capacity_providers.unwrap_or_default();
    let named = named.iter().map(|given| resolve::capacity_provider_name(context, given));
    let named = distinct(named.collect::<Result<Vec<Arc<str>>, _>>()?);
    let of_cluster = match request.cluster.as_deref().filter(|cluster| !cluster.is_empty()) {
        None => None,
        Some(given) => Some(of_cluster(context, given)?),
    };
    let is_asked = |provider: &types::CapacityProvider| {
        let name = provider.name.as_deref().unwrap_or_default();
        of_cluster.as_ref().is_none_or(|associated| associated.contains(name))
    };
    let all: Vec<types::CapacityProvider> = all(context, tags).await?.into_iter().filter(is_asked).collect();
    let (found, missing) = if named.is_empty() { (all, Vec::new()) } else { pick(context, &all, &named) };
    let first_page = pager.after().is_none();
    let page = pager.page(found.into_iter().zip(0u64..), |(_, position)| (String::new(), *position));
    Ok(types::DescribeCapacityProvidersResponse {
        capacity_providers: Some(page.items.into_iter().map(|(provider, _)| provider).collect()),
        // What was not found is said once.
        failures: Some(if first_page { missing } else { Vec::new() }),
        next_token: page.next_token,
    })
}

fn of_cluster(context: &Context, given: &str) -> Result<BTreeSet<Arc<str>>, ApiError> {
    let cluster = resolve::cluster(context, Some(given))?;
    cluster.read(|image| {
        let associated = image.cluster.as_ref().map(|row| row.capacity_providers.clone());
        associated.unwrap_or_default().into_iter().collect()
    })
}

async fn all(context: &Context, tags: ShowTags) -> Result<Vec<types::CapacityProvider>, ApiError> {
    let created = context.control.capacity_providers().list(&context.namespace).await;
    let created = created.map_err(|error| store_error(&error))?;
    let built_in = BUILT_IN_CAPACITY_PROVIDERS.map(|name| render::built_in_capacity_provider(&context.namespace, name));
    let created = created.iter().map(|row| render::capacity_provider(&context.namespace, row, tags));
    Ok(built_in.into_iter().chain(created).collect())
}

/// In the order in which they were named (W-17).
fn pick(
    context: &Context,
    all: &[types::CapacityProvider],
    named: &[Arc<str>],
) -> (Vec<types::CapacityProvider>, Vec<types::Failure>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in named {
        match all.iter().find(|one| one.name.as_deref() == Some(&**name)) {
            Some(one) => found.push(one.clone()),
            None => missing.push(render::missing(resolve::capacity_provider_arn(&context.namespace, name))),
        }
    }
    (found, missing)
}
