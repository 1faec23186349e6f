//! What operators ask that ECS has no words for: what an operation would do.
//!
//! A plan takes the operation's own path, from the validation of its input to the command it makes, and leaves it where
//! the command would be submitted. So it is refused exactly where the operation would be.

use crate::api::Context;
use crate::auth;
use crate::ops;
use crate::server::Shell;
use parking_lot::Mutex;
use plimsoll_agent_proto::operator::v1::operator_server::{Operator, OperatorServer};
use plimsoll_agent_proto::operator::v1::{Move, Outcome, PlanReply, PlanRequest, PlanStep, Standing};
use plimsoll_core::rehearsal::{self, Rehearsal};
use plimsoll_ecs_api::{ApiError, Operation};
use plimsoll_model::{Image, InstanceId, Namespace};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::{Request, Response, Status};

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

const ZONE: &str = "ecs.availability-zone";

/// Where a command goes instead of to its cluster, and what comes of it.
#[derive(Clone, Default)]
pub(crate) struct Stage(Arc<Mutex<Option<Shown>>>);

struct Shown {
    rehearsal: Rehearsal,
    /// Of the instances that have one.
    zones: BTreeMap<InstanceId, Arc<str>>,
}

impl Stage {
    pub(crate) fn show(&self, rehearsal: Rehearsal, image: &Image) {
        let zone = |id: &InstanceId| image.instances.get(id)?.attributes.get(ZONE)?.value.clone();
        let moves = rehearsal.steps.iter().flat_map(|step| step.started.iter().chain(&step.stopped));
        let zones = moves.filter_map(|one| Some((one.instance, zone(&one.instance)?))).collect();
        *self.0.lock() = Some(Shown { rehearsal, zones });
    }

    fn take(&self) -> Option<Shown> {
        self.0.lock().take()
    }
}

pub(crate) struct Operators {
    shell: Arc<Shell>,
}

pub(crate) fn service(shell: Arc<Shell>) -> OperatorServer<Operators> {
    let bytes_max = shell.settings.limits.agent_message_bytes_max;
    OperatorServer::new(Operators { shell }).max_decoding_message_size(bytes_max)
}

#[tonic::async_trait]
impl Operator for Operators {
    async fn plan(&self, request: Request<PlanRequest>) -> Result<Response<PlanReply>, Status> {
        auth::authenticate_agent(&self.shell, request.metadata())?;
        let request = request.into_inner();
        let shown = plan(&self.shell, &request).await.map_err(status)?;
        Ok(Response::new(reply(&shown)))
    }
}

async fn plan(shell: &Arc<Shell>, request: &PlanRequest) -> Result<Shown, ApiError> {
    let operation = Operation::named(&request.operation).filter(|operation| PLANNED.contains(&operation.name));
    let operation = operation.ok_or_else(|| {
        let message = format!("There is no plan for '{}': only for {}.", request.operation, PLANNED.join(", "));
        ApiError::invalid_parameter(message)
    })?;
    let region = match (&*request.region, &shell.settings.region) {
        ("", _) => shell.settings.default_region(),
        (given, Some(pinned)) if *given != **pinned => {
            return Err(ApiError::invalid_parameter(format!("region is '{given}', and this server is '{pinned}'.")));
        }
        (given, _) if !auth::is_region(given) => {
            return Err(ApiError::invalid_parameter(format!("region '{given}' is no name of a region.")));
        }
        (given, _) => given.into(),
    };
    let input = plimsoll_ecs_api::validate(operation, request.input.as_bytes())?;
    let stage = Stage::default();
    let account = Arc::clone(&shell.settings.account_id);
    let context = Context {
        control: Arc::clone(&shell.control),
        caller_arn: format!("arn:aws:iam::{account}:root").into(),
        namespace: Namespace { account, region },
        settings: Arc::clone(&shell.settings),
        endpoint: format!("http://{}", shell.addr),
        now: shell.control.now(),
        stage: Some(stage.clone()),
    };
    context.control.settled().await;
    let answer = ops::dispatch(&context, operation, input).await;
    match (stage.take(), answer) {
        (Some(shown), _) => Ok(shown),
        (None, Err(refusal)) => Err(refusal),
        (None, Ok(_)) => Err(ApiError::server("the operation made no command")),
    }
}

fn status(error: ApiError) -> Status {
    let text = format!("{}: {}", error.code, error.message);
    match error.status {
        500.. => Status::unavailable(text),
        _ if error.code.contains("NotFound") => Status::not_found(text),
        _ => Status::invalid_argument(text),
    }
}

fn reply(shown: &Shown) -> PlanReply {
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
