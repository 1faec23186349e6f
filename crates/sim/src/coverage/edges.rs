//! The edges of every state machine, each with whether a suite must go along it. Every `match` lists all states, so
//! that a new one does not compile until somebody has thought about it.

use super::Point;
use super::faults::words;
use plimsoll_model::{DeploymentStatus, InstanceStatus, RolloutState, ServiceStatus, StopCode, TaskStatus};

words!(
    /// How far a container is, seen from the engine.
    Stage {
        Absent = "absent",
        Pulling = "pulling",
        Created = "created",
        Starting = "starting",
        Running = "running",
        Exited = "exited",
    }
);

pub(super) fn expected() -> Vec<Point> {
    let mut points = Vec::new();
    points.extend(edges(TaskStatus::ALL, task).map(|(from, to)| Point::Task(from, to)));
    points.extend(StopCode::ALL.iter().copied().filter(|code| stop(*code)).map(Point::Stop));
    points.extend(edges(RolloutState::ALL, rollout).map(|(from, to)| Point::Rollout(from, to)));
    points.extend(edges(DeploymentStatus::ALL, deployment).map(|(from, to)| Point::Deployment(from, to)));
    points.extend(edges(ServiceStatus::ALL, service).map(|(from, to)| Point::Service(from, to)));
    points.extend(edges(InstanceStatus::ALL, instance).map(|(from, to)| Point::Instance(from, to)));
    points.extend(edges(Stage::ALL, container).map(|(from, to)| Point::Container(from, to)));
    points.extend(Stage::ALL.iter().copied().filter(|stage| agent_death(*stage)).map(Point::AgentDiedAt));
    points
}

fn edges<S: Copy>(all: &'static [S], must: fn(S, S) -> bool) -> impl Iterator<Item = (S, S)> {
    all.iter().flat_map(move |from| all.iter().map(move |to| (*from, *to))).filter(move |(from, to)| must(*from, *to))
}

fn task(from: TaskStatus, to: TaskStatus) -> bool {
    use TaskStatus::{Activating, Deactivating, Deprovisioning, Pending, Provisioning, Running, Stopped, Stopping};
    match from {
        Pending => matches!(to, Running | Stopping | Stopped),
        Running => matches!(to, Stopping | Stopped),
        Stopping => to == Stopped,
        Stopped => false,
        Provisioning => matches!(to, Pending | Stopped),
        // Of load balancers and network interfaces, which no node here has.
        Activating | Deactivating | Deprovisioning => false,
    }
}

fn stop(code: StopCode) -> bool {
    match code {
        StopCode::TaskFailedToStart
        | StopCode::EssentialContainerExited
        | StopCode::UserInitiated
        | StopCode::ServiceSchedulerInitiated
        | StopCode::TerminationNotice => true,
        // No node is rented.
        StopCode::SpotInterruption => false,
    }
}

fn rollout(from: RolloutState, to: RolloutState) -> bool {
    use RolloutState::{Completed, Failed, InProgress};
    match from {
        InProgress => matches!(to, Completed | Failed),
        // Rolled back to.
        Completed => to == InProgress,
        Failed => false,
    }
}

fn deployment(from: DeploymentStatus, to: DeploymentStatus) -> bool {
    use DeploymentStatus::{Active, Draining, Inactive, Primary};
    match from {
        Primary => to == Active,
        // Kept as what may be rolled back to.
        Active => matches!(to, Inactive | Primary),
        Inactive => to == Primary,
        // Of task sets, whose edges are named one by one.
        Draining => false,
    }
}

fn service(from: ServiceStatus, to: ServiceStatus) -> bool {
    use ServiceStatus::{Active, Draining, Inactive};
    match from {
        Active => matches!(to, Draining | Inactive),
        Draining => to == Inactive,
        // Created again under the same name.
        Inactive => to == Active,
    }
}

fn instance(from: InstanceStatus, to: InstanceStatus) -> bool {
    use InstanceStatus::{Active, Draining, Inactive};
    match from {
        Active => matches!(to, Draining | Inactive),
        Draining => matches!(to, Active | Inactive),
        Inactive => false,
    }
}

fn container(from: Stage, to: Stage) -> bool {
    match from {
        Stage::Absent => to == Stage::Pulling,
        Stage::Pulling => matches!(to, Stage::Absent | Stage::Starting),
        // What was never started needs no stop: it is only removed.
        Stage::Created => matches!(to, Stage::Absent | Stage::Starting),
        Stage::Starting => matches!(to, Stage::Absent | Stage::Created | Stage::Running | Stage::Exited),
        Stage::Running => matches!(to, Stage::Absent | Stage::Exited),
        // By a restart policy.
        Stage::Exited => matches!(to, Stage::Absent | Stage::Starting),
    }
}

fn agent_death(stage: Stage) -> bool {
    match stage {
        Stage::Absent => false,
        Stage::Pulling | Stage::Created | Stage::Starting | Stage::Running | Stage::Exited => true,
    }
}
