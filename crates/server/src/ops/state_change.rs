//! State changes of tasks and containers as an agent submits them over the API (OP-5).

use super::input::{invalid, shared};
use crate::resolve::ActiveCluster;
use plimsoll_control::SubmitError;
use plimsoll_core::command::ContainerStateChange;
use plimsoll_core::{Command, CommandError};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{NetworkBinding, Protocol, TaskStatus, Timestamp};

/// What an agent that was heard is answered.
pub(super) const ACKNOWLEDGMENT: &str = "ACK";

/// A task that is not known is acknowledged: the agent must not send it for ever.
pub(super) async fn acknowledge(cluster: &ActiveCluster, command: Command) -> Result<Option<String>, ApiError> {
    match cluster.try_submit(command).await {
        Ok(_) | Err(SubmitError::Refused(CommandError::TaskNotFound { .. })) => Ok(Some(ACKNOWLEDGMENT.into())),
        Err(error) => Err(crate::error_map::submit_error(&cluster.arns, error)),
    }
}

pub(super) fn status(given: Option<&str>) -> Result<Option<TaskStatus>, ApiError> {
    match given {
        None | Some("") => Ok(None),
        Some("PENDING") => Ok(Some(TaskStatus::Pending)),
        Some("RUNNING") => Ok(Some(TaskStatus::Running)),
        Some("STOPPED") => Ok(Some(TaskStatus::Stopped)),
        Some(_) => Err(invalid("status should be one of [PENDING,RUNNING,STOPPED]")),
    }
}

pub(super) fn container(given: types::ContainerStateChange) -> Result<ContainerStateChange, ApiError> {
    let Some(name) = shared(given.container_name) else {
        return Err(invalid("containerName cannot be empty."));
    };
    Ok(ContainerStateChange {
        name,
        status: status(given.status.as_deref())?,
        exit_code: given.exit_code,
        reason: shared(given.reason),
        runtime_id: shared(given.runtime_id),
        image_digest: shared(given.image_digest),
        bindings: given.network_bindings.unwrap_or_default().iter().map(binding).collect::<Result<_, _>>()?,
    })
}

fn binding(given: &types::NetworkBinding) -> Result<NetworkBinding, ApiError> {
    let port = |member: &str, given: Option<i32>| {
        u16::try_from(given.unwrap_or(0)).map_err(|_| invalid(format!("{member} must be a port, was {given:?}")))
    };
    Ok(NetworkBinding {
        bind_ip: given.bind_ip.as_deref().unwrap_or("0.0.0.0").into(),
        container_port: port("containerPort", given.container_port)?,
        host_port: port("hostPort", given.host_port)?,
        protocol: if given.protocol.as_deref() == Some("udp") { Protocol::Udp } else { Protocol::Tcp },
    })
}

/// The wire has seconds with a fraction.
pub(super) fn timestamp(seconds: Option<f64>) -> Option<Timestamp> {
    seconds.map(|seconds| Timestamp::from_millis((seconds * 1000.0).round() as i64))
}
