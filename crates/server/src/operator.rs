//! What operators ask that ECS has no words for: what an operation would do, and why tasks are where they are.
//!
//! A request that is planned or explained takes the operation's own path, from the validation of its input to the command
//! it makes, and leaves it where the command would be submitted. So it is refused exactly where the operation would be.

mod explain;
mod plan;

use crate::api::Context;
use crate::auth;
use crate::error_map::submit_error;
use crate::ops;
use crate::resolve::Arns;
use crate::server::Shell;
use parking_lot::Mutex;
use plimsoll_agent_proto::operator::v1::operator_server::{Operator, OperatorServer};
use plimsoll_agent_proto::operator::v1::{ExplainReply, ExplainRequest, PlanReply, PlanRequest};
use plimsoll_control::ClusterHandle;
use plimsoll_core::Command;
use plimsoll_ecs_api::{ApiError, Operation};
use plimsoll_model::Namespace;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The attribute that names an instance's zone.
const ZONE: &str = "ecs.availability-zone";

/// Where a command goes instead of to its cluster, and what comes of it.
#[derive(Clone)]
pub(crate) enum Stage {
    Plan(Shown<plan::Planned>),
    Explain(Shown<ExplainReply>, explain::Limit),
}

pub(crate) struct Shown<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Shown<T> {
    fn clone(&self) -> Self {
        Shown(Arc::clone(&self.0))
    }
}

impl<T> Shown<T> {
    fn nothing() -> Self {
        Shown(Arc::new(Mutex::new(None)))
    }

    fn show(&self, what: T) {
        *self.0.lock() = Some(what);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().take()
    }
}

impl Stage {
    /// Nothing is done, so the operation has nothing to answer: what there is to say is on the stage.
    pub(crate) async fn perform(&self, handle: &ClusterHandle, arns: &Arns, command: Command) -> ApiError {
        let done = match self {
            Stage::Plan(shown) => plan::rehearse(handle, command).await.map(|planned| shown.show(planned)),
            Stage::Explain(shown, limit) => {
                explain::request(handle, command, *limit).await.map(|reply| shown.show(reply))
            }
        };
        match done {
            Ok(()) => ApiError::client("This was a rehearsal."),
            Err(error) => submit_error(arns, error),
        }
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
        let context = context(&self.shell, &request.region).map_err(status)?;
        let reply = plan::plan(context, &request.operation, &request.input).await.map_err(status)?;
        Ok(Response::new(reply))
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainReply>, Status> {
        auth::authenticate_agent(&self.shell, request.metadata())?;
        let request = request.into_inner();
        let context = context(&self.shell, &request.region).map_err(status)?;
        Ok(Response::new(explain::explain(context, &request).await.map_err(status)?))
    }
}

fn context(shell: &Arc<Shell>, region: &str) -> Result<Context, ApiError> {
    let region = match (region, &shell.settings.region) {
        ("", _) => shell.settings.default_region(),
        (given, Some(pinned)) if *given != **pinned => {
            return Err(ApiError::invalid_parameter(format!("region is '{given}', and this server is '{pinned}'.")));
        }
        (given, _) if !auth::is_region(given) => {
            return Err(ApiError::invalid_parameter(format!("region '{given}' is no name of a region.")));
        }
        (given, _) => given.into(),
    };
    let account = Arc::clone(&shell.settings.account_id);
    Ok(Context {
        control: Arc::clone(&shell.control),
        caller_arn: format!("arn:aws:iam::{account}:root").into(),
        namespace: Namespace { account, region },
        settings: Arc::clone(&shell.settings),
        endpoint: format!("http://{}", shell.addr),
        now: shell.control.now(),
        stage: None,
    })
}

/// One of the operations that can be asked about.
fn operation(verb: &str, known: &[&str], given: &str) -> Result<&'static Operation, ApiError> {
    let operation = Operation::named(given).filter(|operation| known.contains(&operation.name));
    operation.ok_or_else(|| {
        let message = format!("There is no {verb} for '{given}': only for {}.", known.join(", "));
        ApiError::invalid_parameter(message)
    })
}

/// Takes an operation's way to the stage, and gives back what was shown there.
async fn on_stage<T>(
    context: &Context,
    operation: &'static Operation,
    input: &str,
    shown: &Shown<T>,
) -> Result<T, ApiError> {
    let input = plimsoll_ecs_api::validate(operation, input.as_bytes())?;
    context.control.settled().await;
    let answer = ops::dispatch(context, operation, input).await;
    match (shown.take(), answer) {
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
