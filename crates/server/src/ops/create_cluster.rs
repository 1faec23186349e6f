//! CreateCluster (CL-1, CL-2).

use super::input::{echo, invalid, unexpected};
use super::{capacity, tags};
use crate::Context;
use crate::error_map::submit_error;
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
    check_settings(request.settings.as_deref().unwrap_or_default())?;
    let mut kept = Map::new();
    echo(&mut kept, "settings", request.settings.as_ref().filter(|settings| !settings.is_empty()));
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

/// CL-9: the one setting there is has three values; the model bounds only its name.
fn check_settings(settings: &[types::ClusterSetting]) -> Result<(), ApiError> {
    let values = ["enabled", "disabled", "enhanced"];
    let odd = settings.iter().map(|setting| setting.value.as_deref().unwrap_or_default());
    match odd.into_iter().find(|value| !values.contains(value)) {
        None => Ok(()),
        Some(value) => {
            Err(invalid(format!("containerInsights should be one of [{}], was {value:?}", values.join(","))))
        }
    }
}
