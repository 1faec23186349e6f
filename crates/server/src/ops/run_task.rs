//! RunTask (RUN-1 to RUN-8, W-16).

use super::definitions::{self, UsedBy};
use super::input::{non_empty, unsigned};
use super::launch::{self, Capacity};
use super::task_launch::{self, LaunchMembers, LaunchRequest};
use super::{capacity, fingerprint, placement};
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, command};
use plimsoll_ecs_api::{ApiError, parse, types};
use serde_json::Value;

pub(super) async fn run(context: &Context, input: &Value) -> Result<types::RunTaskResponse, ApiError> {
    let request: types::RunTaskRequest = parse(input.clone())?;
    let (constraints, strategies) = (request.placement_constraints, request.placement_strategy);
    let asked = Capacity {
        launch_type: request.launch_type.as_deref(),
        capacity_provider_strategy: request.capacity_provider_strategy.as_ref(),
        platform_version: request.platform_version.as_deref(),
        places: non_empty(constraints.as_ref()) || non_empty(strategies.as_ref()),
    };
    let chosen = launch::choose(context, &asked)?;
    let placement_constraints = placement::constraints(&constraints.unwrap_or_default())?;
    let placement_strategy = placement::strategies(&strategies.unwrap_or_default())?;
    let token = request.client_token.filter(|token| !token.is_empty());
    let client_token = token.map(|token| fingerprint::client_token("RunTask", &token, input));
    let launch = LaunchRequest::read(
        chosen.launch_type,
        LaunchMembers {
            network_configuration: request.network_configuration,
            group: request.group,
            started_by: request.started_by,
            overrides: request.overrides,
            enable_execute_command: request.enable_execute_command,
            tags: request.tags,
            propagate_tags: request.propagate_tags,
            enable_ecs_managed_tags: request.enable_ecs_managed_tags,
            volume_configurations: request.volume_configurations,
        },
    )?;
    let reference = definitions::reference(context, request.task_definition.as_deref())?;
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let definition = definitions::usable(context, reference.as_ref(), UsedBy::Tasks).await?;
    let launch = launch.on(&definition, &cluster.arns.key.name)?;
    let scaled_providers = capacity::scaled(context, &cluster, &chosen.strategy).await?;
    let command = command::RunTask {
        definition,
        count: request.count.map_or(1, unsigned),
        launch,
        capacity_provider_strategy: chosen.strategy,
        scaled_providers,
        placement_constraints,
        placement_strategy,
        client_token,
    };
    let started = task_launch::submit(&cluster, "RunTask", Command::RunTask(Box::new(command))).await?;
    Ok(types::RunTaskResponse { tasks: Some(started.tasks), failures: Some(started.failures) })
}
