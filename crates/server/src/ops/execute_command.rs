//! ExecuteCommand (EXE-1): refused as ECS refuses it, up to the session itself.
//!
//! A session is opened through a service of the cloud's that its clients bring a program of their own for. There is none
//! here, which is what the error for a target without a session says.

use crate::Context;
use crate::error_map::command_error;
use crate::resolve;
use plimsoll_core::CommandError;
use plimsoll_ecs_api::{ApiError, code, types};
use plimsoll_model::{Task, TaskStatus};

const NOT_ENABLED: &str = "The execute command failed because execute command was not enabled when the task was run or the \
    execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.";

pub(super) async fn run(
    context: &Context,
    request: types::ExecuteCommandRequest,
) -> Result<types::ExecuteCommandResponse, ApiError> {
    if request.interactive != Some(true) {
        return Err(ApiError::invalid_parameter("Interactive is the only mode supported currently."));
    }
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let id = arns.task_id(request.task.as_deref().unwrap_or_default())?;
    let cluster = resolve::active_cluster(context, arns)?;
    let task = cluster.read(|image| image.tasks.get(&id).cloned())?;
    let task = task.ok_or_else(|| command_error(&cluster.arns, CommandError::TaskNotFound { task: id }))?;
    let container = target(&task, request.container.as_deref())?;
    if !task.enable_execute_command || task.last_status != TaskStatus::Running {
        return Err(ApiError::invalid_parameter(NOT_ENABLED));
    }
    let message = format!(
        "The execute command failed because container '{container}' has no session agent: this server has no session \
         service. On its instance, the container engine's own exec reaches it."
    );
    Err(ApiError::new(code::TARGET_NOT_CONNECTED, message))
}

/// The container that is meant: the only one need not be named.
fn target<'a>(task: &'a Task, named: Option<&str>) -> Result<&'a str, ApiError> {
    let refused = |why: String| Err(ApiError::invalid_parameter(why));
    match named {
        Some(name) => match task.containers.iter().find(|one| &*one.name == name) {
            Some(container) => Ok(&container.name),
            None => refused(format!("container '{name}' is none of the task's.")),
        },
        None if task.containers.len() == 1 => Ok(&task.containers[0].name),
        None => {
            let names: Vec<&str> = task.containers.iter().map(|one| &*one.name).collect();
            refused(format!("container must be given: the task has {} ({}).", names.len(), names.join(", ")))
        }
    }
}
