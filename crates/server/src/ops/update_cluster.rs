//! UpdateCluster and UpdateClusterSettings (CL-9): what is not given stays.

use super::cluster_settings;
use super::input::{echo, unexpected};
use crate::Context;
use crate::render::{ClusterInclude, ClusterView};
use crate::resolve;
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::{ApiError, types};
use serde_json::{Map, Value};

pub(super) async fn run(
    context: &Context,
    request: types::UpdateClusterRequest,
) -> Result<types::UpdateClusterResponse, ApiError> {
    let settings = request.settings.unwrap_or_default();
    cluster_settings::check(&settings)?;
    let mut given = Map::new();
    echo(&mut given, "settings", Some(&settings).filter(|settings| !settings.is_empty()));
    echo(&mut given, "configuration", request.configuration.as_ref());
    echo(&mut given, "serviceConnectDefaults", request.service_connect_defaults.as_ref());
    let cluster = update(context, request.cluster.as_deref(), given).await?;
    Ok(types::UpdateClusterResponse { cluster: Some(cluster) })
}

pub(super) async fn run_settings(
    context: &Context,
    request: types::UpdateClusterSettingsRequest,
) -> Result<types::UpdateClusterSettingsResponse, ApiError> {
    let settings = request.settings.unwrap_or_default();
    cluster_settings::check(&settings)?;
    let mut given = Map::new();
    echo(&mut given, "settings", Some(&settings));
    let cluster = update(context, request.cluster.as_deref(), given).await?;
    Ok(types::UpdateClusterSettingsResponse { cluster: Some(cluster) })
}

async fn update(context: &Context, name: Option<&str>, echo: Map<String, Value>) -> Result<types::Cluster, ApiError> {
    let cluster = resolve::cluster(context, name)?;
    let row = match cluster.submit(Command::UpdateCluster { echo }).await? {
        Output::Cluster(row) => row,
        other => return Err(unexpected("UpdateCluster", &other)),
    };
    let view = cluster.read(|image| ClusterView::collect(image, &row, ClusterInclude::ALL))?;
    Ok(view.render(&cluster.arns, ClusterInclude::ALL))
}
