//! CreateCapacityProvider (SVC-57): stored and described. Nothing here starts or stops machines, so a group's managed
//! scaling is kept as it was given and never performed.

use super::input::{invalid, unsupported};
use super::tags;
use crate::Context;
use crate::error_map::store_error;
use crate::render::{self, ShowTags};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::CapacityProvider;

const RESERVED_PREFIXES: [&str; 3] = ["aws", "ecs", "fargate"];

pub(super) async fn run(
    context: &Context,
    request: types::CreateCapacityProviderRequest,
) -> Result<types::CreateCapacityProviderResponse, ApiError> {
    let name = request.name.unwrap_or_default();
    check_name(&name)?;
    if request.managed_instances_provider.is_some() {
        return Err(unsupported("managedInstancesProvider is not supported by this server: it starts no machines."));
    }
    let Some(group) = request.auto_scaling_group_provider else {
        return Err(invalid("A capacity provider needs an autoScalingGroupProvider."));
    };
    if request.cluster.is_some_and(|cluster| !cluster.is_empty()) {
        return Err(invalid("A cluster is given only with managedInstancesProvider."));
    }
    let row = CapacityProvider {
        name: name.into(),
        version: 1,
        created_at: context.now,
        update: None,
        auto_scaling_group: serde_json::to_value(with_defaults(group))
            .expect("wire types have text keys and finite numbers"),
        tags: tags::read(request.tags),
    };
    let created = context.control.capacity_providers().create(&context.namespace, &row).await;
    if !created.map_err(|error| store_error(&error))? {
        return Err(ApiError::client(
            "The specified capacity provider already exists. To change the configuration of an existing capacity \
             provider, update the capacity provider.",
        ));
    }
    let shown = render::capacity_provider(&context.namespace, &row, ShowTags::Yes);
    Ok(types::CreateCapacityProviderResponse { capacity_provider: Some(shown) })
}

/// Its characters and length were checked with the rest of the request.
fn check_name(name: &str) -> Result<(), ApiError> {
    let lower = name.to_ascii_lowercase();
    match RESERVED_PREFIXES.iter().find(|prefix| lower.starts_with(*prefix)) {
        None => Ok(()),
        Some(_) => Err(invalid(
            "The specified capacity provider name is invalid: it cannot be prefixed with \"aws\", \"ecs\" or \
             \"fargate\". Specify a valid name and try again.",
        )),
    }
}

fn with_defaults(mut group: types::AutoScalingGroupProvider) -> types::AutoScalingGroupProvider {
    let scaling = group.managed_scaling.get_or_insert_default();
    scaling.status.get_or_insert_with(|| "DISABLED".to_owned());
    scaling.target_capacity.get_or_insert(100);
    scaling.minimum_scaling_step_size.get_or_insert(1);
    scaling.maximum_scaling_step_size.get_or_insert(10_000);
    scaling.instance_warmup_period.get_or_insert(300);
    group.managed_termination_protection.get_or_insert_with(|| "DISABLED".to_owned());
    group.managed_draining.get_or_insert_with(|| "DISABLED".to_owned());
    group
}
