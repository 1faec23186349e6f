//! Why tasks are where they are, or are nowhere.

use super::{Shown, Stage, ZONE, on_stage, operation};
use crate::api::Context;
use crate::error_map::submit_error;
use crate::resolve;
use plimsoll_agent_proto::operator::v1::explain_request::Subject as Asked;
use plimsoll_agent_proto::operator::v1::{
    Ask, Candidate, Closest, ExplainReply, ExplainRequest, Instance, Needs, Obstacle, Places, Refusal, ServiceStanding,
    TaskStanding,
};
use plimsoll_control::{ClusterHandle, SubmitError};
use plimsoll_core::explain::{self, Explain, Explained, Subject, Waits};
use plimsoll_core::{Command, Output};
use plimsoll_ecs_api::ApiError;
use plimsoll_model::{Image, InstanceId, PlacementStrategy, PortClaim, SpreadField};
use plimsoll_placement as placement;

/// Operations that place tasks by themselves.
const EXPLAINED: [&str; 3] = ["CreateService", "RunTask", "UpdateService"];

/// Instances that are named where the request does not say how many.
const INSTANCES_NAMED: u32 = 10;

/// How many instances are named of those that take a task, and of those that refuse.
#[derive(Clone, Copy)]
pub(crate) struct Limit(usize);

pub(super) async fn explain(context: Context, request: &ExplainRequest) -> Result<ExplainReply, ApiError> {
    let named = if request.instances_max == 0 { INSTANCES_NAMED } else { request.instances_max };
    let limit = Limit(named as usize);
    let subject = request.subject.as_ref();
    let subject =
        subject.ok_or_else(|| ApiError::invalid_parameter("subject is missing: a service, task or request."))?;
    if let Asked::Request(ecs) = subject {
        let operation = operation("explanation", &EXPLAINED, &ecs.operation)?;
        let shown = Shown::nothing();
        let context = Context { stage: Some(Stage::Explain(shown.clone(), limit)), ..context };
        return on_stage(&context, operation, &ecs.input, &shown).await;
    }
    context.control.settled().await;
    let cluster = resolve::cluster(&context, Some(&request.cluster))?;
    let subject = match subject {
        Asked::Task(given) => Subject::Task(cluster.arns.task_id(given)?),
        Asked::Service(given) => Subject::Service(cluster.arns.service_name(given)?),
        Asked::Request(_) => unreachable!("it took the operation's way"),
    };
    let answer = ask(cluster.handle(), subject, limit).await;
    answer.map_err(|error| submit_error(&cluster.arns, error))
}

pub(super) async fn request(
    handle: &ClusterHandle,
    command: Command,
    limit: Limit,
) -> Result<ExplainReply, SubmitError> {
    ask(handle, Subject::Request(Box::new(command)), limit).await
}

async fn ask(handle: &ClusterHandle, subject: Subject, Limit(named): Limit) -> Result<ExplainReply, SubmitError> {
    let question = Explain { subject, candidates_max: named };
    match handle.submit(Command::Explain(Box::new(question))).await? {
        Output::Explained(explained) => handle.read(|image| reply(&explained, named, image)),
        other => unreachable!("a question is answered with an explanation, not with {other:?}"),
    }
}

fn reply(explained: &Explained, named: usize, image: &Image) -> ExplainReply {
    let service = explained.service.as_ref().map(|one| ServiceStanding {
        name: one.name.to_string(),
        deployment: one.deployment.to_string(),
        desired_count: one.desired,
        running_count: one.running,
        pending_count: one.pending,
        missing_count: one.missing,
        waits: one.waits.iter().map(waits).collect(),
    });
    let tasks = explained.tasks.iter().map(|one| TaskStanding {
        task: one.task.id.to_string(),
        task_definition: one.task.definition.to_string(),
        instance: one.task.instance.map(|id| instance(id, image)),
        last_status: one.task.last_status.as_str().to_owned(),
        desired_status: one.task.desired_status.as_str().to_owned(),
        created_at_ms: u64::try_from(one.task.created_at.as_millis()).unwrap_or(0),
        rank: one.rank.unwrap_or(0),
    });
    ExplainReply {
        needs: Some(needs(&explained.needs)),
        asks: explained.asks.iter().map(|asked| ask_of(asked, named, image)).collect(),
        service,
        tasks: tasks.collect(),
    }
}

fn needs(needs: &explain::Needs) -> Needs {
    let texts = |all: &[std::sync::Arc<str>]| all.iter().map(ToString::to_string).collect();
    Needs {
        task_definition: needs.definition.to_string(),
        group: needs.group.to_string(),
        cpu_units: needs.demand.cpu_units,
        memory_mib: needs.demand.memory_mib,
        gpus: needs.demand.gpus,
        ports: needs.demand.ports.iter().map(port).collect(),
        attributes: texts(&needs.required_attributes),
        member_of: texts(&needs.member_of),
        distinct_instance: needs.distinct_instance,
        external: needs.external,
    }
}

fn ask_of(asked: &explain::Asked, named: usize, image: &Image) -> Ask {
    let explanation = &asked.explanation;
    let instance = |id: InstanceId| Some(instance(id, image));
    let obstacle = |one: &placement::Obstacle| Obstacle {
        reason: one.check.reason().as_str().to_owned(),
        about: about(&one.check),
        instances: one.instances,
        only: one.only,
    };
    let candidate = |one: &placement::Candidate| Candidate {
        instance: instance(one.instance),
        ranks: one.scores.iter().map(|(_, rank)| *rank).collect(),
        score: one.score.unwrap_or(0),
    };
    let closest = explanation.closest.as_ref().map(|one| Closest {
        instance: instance(one.instance),
        reason: one.reason.as_str().to_owned(),
        fails: one.fails.iter().map(in_words).collect(),
        cpu_units_missing: one.cpu_units,
        memory_mib_missing: one.memory_mib,
        gpus_missing: one.gpus,
    });
    let refused = explanation.refused.iter().take(named);
    let refusal = |(id, reason): &(InstanceId, placement::Reason)| Refusal {
        instance: instance(*id),
        reason: reason.as_str().to_owned(),
    };
    Ask {
        capacity_provider: asked.capacity_provider.as_deref().unwrap_or_default().to_owned(),
        count: asked.count,
        placed: asked.places.iter().map(|(_, tasks)| tasks).sum(),
        places: asked.places.iter().map(|(id, tasks)| Places { instance: instance(*id), tasks: *tasks }).collect(),
        instances: explanation.instances,
        takers: explanation.takers(),
        policy: explanation.policy.clone().unwrap_or_default(),
        chain: explanation.chain.iter().map(strategy).collect(),
        candidates: explanation.candidates.iter().map(candidate).collect(),
        obstacles: explanation.obstacles.iter().map(obstacle).collect(),
        closest,
        refusals: refused.map(refusal).collect(),
    }
}

fn instance(id: InstanceId, image: &Image) -> Instance {
    let row = image.instances.get(&id);
    Instance {
        id: id.to_string(),
        ec2_instance_id: row.map(|row| row.ec2_instance_id.to_string()).unwrap_or_default(),
        availability_zone: row.and_then(|row| row.attribute(ZONE)).unwrap_or_default().to_owned(),
    }
}

fn strategy(strategy: &PlacementStrategy) -> String {
    match strategy {
        PlacementStrategy::Random => "random".to_owned(),
        PlacementStrategy::Spread(SpreadField::Instance) => "spread(instanceId)".to_owned(),
        PlacementStrategy::Spread(SpreadField::Attribute(name)) => format!("spread(attribute:{name})"),
        PlacementStrategy::BinpackCpu => "binpack(cpu)".to_owned(),
        PlacementStrategy::BinpackMemory => "binpack(memory)".to_owned(),
    }
}

fn port(claim: &PortClaim) -> String {
    format!("{}/{}", claim.protocol.as_str(), claim.port)
}

fn about(check: &placement::Check) -> String {
    match check {
        placement::Check::Attribute(name) => name.to_string(),
        placement::Check::Port(claim) => port(claim),
        placement::Check::PortCount => "ports of one instance".to_owned(),
        placement::Check::MemberOf(_, expression) => expression.to_string(),
        _ => String::new(),
    }
}

fn in_words(check: &placement::Check) -> String {
    let (reason, about) = (check.reason().as_str(), about(check));
    if about.is_empty() { reason.to_owned() } else { format!("{reason} ({about})") }
}

fn waits(waits: &Waits) -> String {
    match waits {
        Waits::BackOff { for_ms } => {
            format!("its tasks failed to start; the next is tried in {} s", for_ms.div_ceil(1_000))
        }
        Waits::MaximumPercent { tasks, most } => {
            format!("{tasks} tasks are there, and maximumPercent allows {most}: old ones have to go first")
        }
        Waits::DeploymentFailed => "its deployment failed, and gets no more tasks".to_owned(),
        Waits::Draining => "it is being deleted".to_owned(),
    }
}
