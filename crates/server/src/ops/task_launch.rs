//! What RunTask and StartTask have in common: the members that say how a task is launched, and the answer.

use super::input::{invalid, non_empty, shared, unexpected, unsupported};
use super::{launch, overrides, tags};
use crate::render::{self, ShowTags, TaskView};
use crate::resolve::ActiveCluster;
use plimsoll_core::command::TaskLaunch;
use plimsoll_core::{Command, Failure, Output};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{ClusterName, LaunchType, PropagateTags, Tags, Task, TaskDefinition, TaskOverrides};
use std::sync::Arc;

/// Read from the request alone; what depends on the definition is added by [`LaunchRequest::on`].
pub(super) struct LaunchRequest {
    pub(super) launch_type: LaunchType,
    network: Option<types::NetworkConfiguration>,
    group: Option<Arc<str>>,
    started_by: Option<Arc<str>>,
    overrides: Option<Arc<TaskOverrides>>,
    enable_execute_command: bool,
    tags: Tags,
    propagate: PropagateTags,
    managed_tags: bool,
}

/// The members as the wire names them.
pub(super) struct LaunchMembers {
    pub(super) network_configuration: Option<types::NetworkConfiguration>,
    pub(super) group: Option<String>,
    pub(super) started_by: Option<String>,
    pub(super) overrides: Option<types::TaskOverride>,
    pub(super) enable_execute_command: Option<bool>,
    pub(super) tags: Option<Vec<types::Tag>>,
    pub(super) propagate_tags: Option<String>,
    pub(super) enable_ecs_managed_tags: Option<bool>,
    pub(super) volume_configurations: Option<Vec<types::TaskVolumeConfiguration>>,
}

impl LaunchRequest {
    pub(super) fn read(launch_type: LaunchType, members: LaunchMembers) -> Result<Self, ApiError> {
        if non_empty(members.volume_configurations.as_ref()) {
            return Err(unsupported("volumeConfigurations are not supported by this server."));
        }
        let propagate = match members.propagate_tags.as_deref() {
            None => PropagateTags::None,
            Some(given) => PropagateTags::parse(given)
                .filter(|propagate| *propagate != PropagateTags::Service)
                .ok_or_else(|| invalid("propagateTags should be one of [TASK_DEFINITION,NONE]"))?,
        };
        Ok(LaunchRequest {
            launch_type,
            network: members.network_configuration,
            group: shared(members.group),
            started_by: shared(members.started_by),
            overrides: overrides::read(members.overrides)?.map(Arc::new),
            enable_execute_command: members.enable_execute_command == Some(true),
            tags: tags::read(members.tags),
            propagate,
            managed_tags: members.enable_ecs_managed_tags == Some(true),
        })
    }

    pub(super) fn on(self, definition: &TaskDefinition, cluster: &ClusterName) -> Result<TaskLaunch, ApiError> {
        launch::check_compatible(self.launch_type, definition)?;
        launch::check_network(definition.network_mode, self.network.as_ref())?;
        let managed_for = self.managed_tags.then_some(cluster);
        Ok(TaskLaunch {
            launch_type: self.launch_type,
            group: self.group,
            started_by: self.started_by,
            overrides: self.overrides,
            enable_execute_command: self.enable_execute_command,
            tags: tags::of_started_tasks(self.tags, self.propagate, definition, managed_for),
        })
    }
}

pub(super) struct Started {
    pub(super) tasks: Vec<types::Task>,
    pub(super) failures: Vec<types::Failure>,
}

pub(super) async fn submit(cluster: &ActiveCluster, operation: &str, command: Command) -> Result<Started, ApiError> {
    match cluster.submit(command).await? {
        Output::Tasks { tasks, failures } => started(cluster, &tasks, &failures),
        other => Err(unexpected(operation, &other)),
    }
}

fn started(cluster: &ActiveCluster, tasks: &[Arc<Task>], failures: &[Failure]) -> Result<Started, ApiError> {
    let views = cluster.read(|image| tasks.iter().map(|row| TaskView::collect(image, row)).collect::<Vec<_>>())?;
    Ok(Started {
        tasks: views.iter().map(|view| view.render(&cluster.arns, ShowTags::Yes)).collect(),
        failures: render::failures(&cluster.arns, failures),
    })
}
