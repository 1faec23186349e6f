//! CreateCluster (CL-1, CL-2).

use super::input::{echo, unexpected};
use super::{account_setting, capacity, cluster_settings, tags};
use crate::Context;
use crate::error_map::{store_error, submit_error};
use crate::render::{ClusterInclude, ClusterView};
use crate::resolve::Arns;
use plimsoll_core::{Command, Output, command};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::ClusterName;
use serde_json::Map;

pub(super) async fn run(
    context: &Context,
    request: types::CreateClusterRequest,
) -> Result<types::CreateClusterResponse, ApiError> {
    let name = match request.cluster_name.as_deref().unwrap_or_default() {
        "" => ClusterName::default_cluster(),
        given => ClusterName::parse(given).map_err(|error| ApiError::invalid_parameter(error.to_string()))?,
    };
    let strategy = request.default_capacity_provider_strategy.as_ref();
    let capacity = capacity::association(context, request.capacity_providers.as_ref(), strategy)?;
    let mut settings = request.settings.unwrap_or_default();
    cluster_settings::check(&settings)?;
    if cluster_settings::leaves_insights(&settings) {
        settings.extend(account_default(context).await?);
    }
    let mut kept = Map::new();
    echo(&mut kept, "settings", Some(&settings).filter(|settings| !settings.is_empty()));
    echo(&mut kept, "configuration", request.configuration.as_ref());
    echo(&mut kept, "serviceConnectDefaults", request.service_connect_defaults.as_ref());

    let arns = Arns::new(&context.namespace, name);
    let _nothing_is_deleted = context.control.capacity_providers().associating().await;
    capacity::check_known(context, &capacity).await?;
    let handle = context.control.cluster_or_start(&arns.key).await;
    let command =
        Command::CreateCluster(command::CreateCluster { tags: tags::read(request.tags), capacity, echo: kept });
    let failed = |error| submit_error(&arns, error);
    let row = match handle.submit(command).await.map_err(failed)? {
        Output::Cluster(row) => row,
        other => return Err(unexpected("CreateCluster", &other)),
    };
    let view = handle.read(|image| ClusterView::collect(image, &row, ClusterInclude::ALL)).map_err(failed)?;
    Ok(types::CreateClusterResponse { cluster: Some(view.render(&arns, ClusterInclude::ALL)) })
}

/// What the account or the caller has set stands where the request says nothing (CL-9, ACC-2).
async fn account_default(context: &Context) -> Result<Vec<types::ClusterSetting>, ApiError> {
    let (caller, root) = (&context.caller_arn, account_setting::root(context));
    let effective = context.control.account_settings().effective(&context.namespace, caller, &root).await;
    let effective = effective.map_err(|error| store_error(&error))?;
    let name = cluster_settings::CONTAINER_INSIGHTS;
    let set = effective.get(name).cloned();
    Ok(set.map(|value| types::ClusterSetting { name: Some(name.into()), value: Some(value) }).into_iter().collect())
}
