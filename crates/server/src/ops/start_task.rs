//! StartTask (RUN-1, RUN-11): the caller chose the instances.

use super::definitions::{self, UsedBy};
use super::task_launch::{self, LaunchMembers, LaunchRequest};
use crate::Context;
use crate::resolve;
use plimsoll_core::{Command, command};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{InstanceId, LaunchType};

pub(super) async fn run(
    context: &Context,
    request: types::StartTaskRequest,
) -> Result<types::StartTaskResponse, ApiError> {
    let launch = LaunchRequest::read(
        LaunchType::Ec2,
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
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.container_instances.unwrap_or_default();
    let instances: Vec<InstanceId> = named.iter().map(|one| arns.instance_id(one)).collect::<Result<_, _>>()?;
    let cluster = resolve::active_cluster(context, arns)?;
    let definition = definitions::usable(context, reference.as_ref(), UsedBy::Tasks).await?;
    let launch = launch.on(&definition, &cluster.arns.key.name)?;
    let command = Command::StartTask(Box::new(command::StartTask { definition, instances, launch }));
    let started = task_launch::submit(&cluster, "StartTask", command).await?;
    Ok(types::StartTaskResponse { tasks: Some(started.tasks), failures: Some(started.failures) })
}
