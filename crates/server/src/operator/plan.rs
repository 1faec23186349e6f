//! What an operation on a service would do, step by step.

use super::{Shown, Stage, ZONE, on_stage, operation};
use crate::api::Context;
use plimsoll_agent_proto::operator::v1::{Move, Outcome, PlanReply, PlanStep, Standing};
use plimsoll_control::{ClusterHandle, SubmitError};
use plimsoll_core::Command;
use plimsoll_core::rehearsal::{self, Rehearsal};
use plimsoll_ecs_api::ApiError;
use plimsoll_model::{Image, InstanceId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Operations with one command that is about one service.
const PLANNED: [&str; 8] = [
    "CreateService",
    "CreateTaskSet",
    "DeleteService",
    "DeleteTaskSet",
    "StopServiceDeployment",
    "UpdateService",
    "UpdateServicePrimaryTaskSet",
    "UpdateTaskSet",
];

pub(crate) struct Planned {
    rehearsal: Rehearsal,
    /// Of the instances that have one.
    zones: BTreeMap<InstanceId, Arc<str>>,
}

pub(super) async fn plan(context: Context, name: &str, input: &str) -> Result<PlanReply, ApiError> {
    let operation = operation("plan", &PLANNED, name)?;
    let shown = Shown::nothing();
    let context = Context { stage: Some(Stage::Plan(shown.clone())), ..context };
    Ok(reply(&on_stage(&context, operation, input, &shown).await?))
}

pub(super) async fn rehearse(handle: &ClusterHandle, command: Command) -> Result<Planned, SubmitError> {
    let service = command.service().cloned().expect("what is planned is about one service");
    let rehearsal = handle.rehearse(service, command).await?;
    handle.read(|image| with_zones(rehearsal, image))
}

fn with_zones(rehearsal: Rehearsal, image: &Image) -> Planned {
    let zone = |id: &InstanceId| image.instances.get(id)?.attributes.get(ZONE)?.value.clone();
    let moves = rehearsal.steps.iter().flat_map(|step| step.started.iter().chain(&step.stopped));
    let zones = moves.filter_map(|one| Some((one.instance, zone(&one.instance)?))).collect();
    Planned { rehearsal, zones }
}

fn reply(shown: &Planned) -> PlanReply {
    let outcome = match shown.rehearsal.outcome {
        rehearsal::Outcome::Steady => Outcome::Steady,
        rehearsal::Outcome::Blocked => Outcome::Blocked,
        rehearsal::Outcome::Unfinished => Outcome::Unfinished,
    };
    let moved = |one: &rehearsal::Move| Move {
        task: one.task.to_string(),
        task_definition: one.definition.to_string(),
        container_instance: one.instance.to_string(),
        availability_zone: shown.zones.get(&one.instance).map(ToString::to_string).unwrap_or_default(),
        reason: one.reason.to_string(),
    };
    let standing = |one: &rehearsal::Standing| Standing {
        deployment: one.deployment.to_string(),
        status: one.status.as_str().to_owned(),
        task_definition: one.definition.to_string(),
        desired_count: one.desired,
        running_count: one.running,
        pending_count: one.pending,
    };
    let step = |step: &rehearsal::Step| PlanStep {
        at_ms: step.at_ms,
        started: step.started.iter().map(moved).collect(),
        stopped: step.stopped.iter().map(moved).collect(),
        events: step.events.iter().map(ToString::to_string).collect(),
        deployments: step.deployments.iter().map(standing).collect(),
    };
    PlanReply { steps: shown.rehearsal.steps.iter().map(step).collect(), outcome: outcome.into() }
}
