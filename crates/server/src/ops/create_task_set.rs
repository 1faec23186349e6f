//! CreateTaskSet (SVC-50, W-16).

use super::definitions::{self, UsedBy};
use super::input::{echo, shared, unexpected};
use super::launch::{self, Capacity, Chosen};
use super::{fingerprint, service, tags, task_set};
use crate::Context;
use crate::render::{ShowTags, TaskSetView};
use crate::resolve;
use plimsoll_core::{Command, Output, command};
use plimsoll_ecs_api::{ApiError, parse, types};
use plimsoll_model::Scale;
use serde_json::{Map, Value};

pub(super) async fn run(context: &Context, input: &Value) -> Result<types::CreateTaskSetResponse, ApiError> {
    let request: types::CreateTaskSetRequest = parse(input.clone())?;
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let service = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let scale = request.scale.as_ref().map_or(Ok(Scale::ZERO), task_set::scale)?;
    let capacity = Capacity {
        launch_type: request.launch_type.as_deref(),
        capacity_provider_strategy: request.capacity_provider_strategy.as_ref(),
        platform_version: request.platform_version.as_deref(),
        places: false,
    };
    let Chosen { launch_type, strategy } = launch::choose(context, &capacity)?;
    let reference = definitions::reference(context, request.task_definition.as_deref())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let definition = definitions::usable(context, reference.as_ref(), UsedBy::Service).await?;
    launch::check_compatible(launch_type, &definition)?;
    launch::check_network(definition.network_mode, request.network_configuration.as_ref())?;
    service::check_load_balancers(request.load_balancers.as_ref(), &definition)?;
    let token = request.client_token.as_deref().filter(|token| !token.is_empty());
    let command = command::CreateTaskSet {
        service,
        definition,
        scale,
        launch_type,
        capacity_provider_strategy: strategy,
        client_token: token.map(|token| fingerprint::client_token("CreateTaskSet", token, input)),
        echo: kept(&request),
        external_id: shared(request.external_id),
        tags: tags::read(request.tags),
    };
    match cluster.submit(Command::CreateTaskSet(Box::new(command))).await? {
        Output::TaskSet(row) => {
            let view = cluster.read(|image| TaskSetView::collect(image, &row))?;
            // A repeated request shows the set of the first one as it is by now.
            let view = if row.created_at >= context.now { view.at_creation() } else { view };
            Ok(types::CreateTaskSetResponse { task_set: Some(view.render(&cluster.arns, ShowTags::Yes)) })
        }
        other => Err(unexpected("CreateTaskSet", &other)),
    }
}

/// Members that are described back and decide nothing here.
fn kept(request: &types::CreateTaskSetRequest) -> Map<String, Value> {
    let mut kept = Map::new();
    echo(&mut kept, "loadBalancers", request.load_balancers.as_ref().filter(|list| !list.is_empty()));
    echo(&mut kept, "serviceRegistries", request.service_registries.as_ref().filter(|list| !list.is_empty()));
    let network = request.network_configuration.as_ref().filter(|network| network.awsvpc_configuration.is_some());
    echo(&mut kept, "networkConfiguration", network);
    echo(&mut kept, "platformVersion", request.platform_version.as_ref().filter(|version| !version.is_empty()));
    kept
}
