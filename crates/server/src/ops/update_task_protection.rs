//! UpdateTaskProtection (PROT-1, PROT-2).

use super::input::{distinct, invalid, unexpected};
use crate::Context;
use crate::render::{missing, protected_task};
use crate::resolve;
use plimsoll_core::{Command, Output, ProtectionRefusal};
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::TaskId;

/// PROT-1
const MINUTES_BY_DEFAULT: u64 = 120;
const MINUTE_MS: u64 = 60_000;

pub(super) async fn run(
    context: &Context,
    request: types::UpdateTaskProtectionRequest,
) -> Result<types::UpdateTaskProtectionResponse, ApiError> {
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let named = request.tasks.unwrap_or_default();
    let tasks: Vec<TaskId> = named.iter().map(|one| arns.task_id(one)).collect::<Result<_, _>>()?;
    let minutes = request.expires_in_minutes.map(|minutes| u64::try_from(minutes).unwrap_or(0));
    let protect_ms = match (request.protection_enabled == Some(true), minutes) {
        (true, minutes) => Some(minutes.unwrap_or(MINUTES_BY_DEFAULT) * MINUTE_MS),
        (false, None) => None,
        (false, Some(_)) => return Err(invalid("expiresInMinutes can only be set when protectionEnabled is true.")),
    };
    let cluster = resolve::active_cluster(context, arns)?;
    let command = Command::UpdateTaskProtection { tasks: distinct(tasks), protect_ms };
    let (tasks, refused) = match cluster.submit(command).await? {
        Output::Protection { tasks, refused } => (tasks, refused),
        other => return Err(unexpected("UpdateTaskProtection", &other)),
    };
    let arns = &cluster.arns;
    let failures = refused.into_iter().map(|(task, refusal)| failure(arns.task(task), refusal)).collect();
    let protected = tasks.iter().map(|row| protected_task(arns, row)).collect();
    Ok(types::UpdateTaskProtectionResponse { protected_tasks: Some(protected), failures: Some(failures) })
}

pub(super) fn failure(arn: String, refusal: ProtectionRefusal) -> types::Failure {
    let (reason, detail) = match refusal {
        ProtectionRefusal::Missing => return missing(arn),
        ProtectionRefusal::TaskNotValid => {
            ("TASK_NOT_VALID", "The specified task is either not part of a service or not running.")
        }
        ProtectionRefusal::DeploymentBlocked => (
            "DEPLOYMENT_BLOCKED",
            "As many tasks of the service are protected as are desired: with one more its deployments could not end.",
        ),
    };
    types::Failure { arn: Some(arn), reason: Some(reason.into()), detail: Some(detail.into()) }
}
