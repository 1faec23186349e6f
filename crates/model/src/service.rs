//! Services and their deployments.

use crate::{
    CapacityProviderStrategyItem, CircuitBreaker, DeploymentController, DeploymentId, LaunchType, ServiceName, Tags,
    TaskDefinitionId, TaskId, TaskSet, Timestamp, task::ecs_enum,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

ecs_enum!(ServiceStatus { Active = "ACTIVE", Draining = "DRAINING", Inactive = "INACTIVE" });
ecs_enum!(SchedulingStrategy { Replica = "REPLICA", Daemon = "DAEMON" });
ecs_enum!(PropagateTags { TaskDefinition = "TASK_DEFINITION", Service = "SERVICE", None = "NONE" });
ecs_enum!(
    /// PRIMARY is the one that starts tasks; ACTIVE ones still have tasks; INACTIVE ones have left the list and are kept
    /// only to be rolled back to (DEP-1, DEP-45). Of task sets PRIMARY is the one that was made it, and DRAINING are those
    /// that are deleted and not gone (SVC-53, SVC-54).
    DeploymentStatus { Primary = "PRIMARY", Active = "ACTIVE", Draining = "DRAINING", Inactive = "INACTIVE" }
);
ecs_enum!(RolloutState { InProgress = "IN_PROGRESS", Completed = "COMPLETED", Failed = "FAILED" });

/// A binding rule about where tasks may run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum PlacementConstraint {
    DistinctInstance,
    /// A cluster query language expression, already known to parse.
    MemberOf(Arc<str>),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum SpreadField {
    /// `instanceId` or `host`.
    Instance,
    Attribute(Arc<str>),
}

/// A preference among the instances that may take a task; a chain of them filters left to right (PL-2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum PlacementStrategy {
    Random,
    Spread(SpreadField),
    BinpackCpu,
    BinpackMemory,
}

/// How far the scheduler is with moving tasks of a service from the fullest zone to the emptiest, one by one (SVC-61).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Rebalancing {
    /// This task was started beyond desiredCount; when it is healthy, one in the fullest zone goes.
    Started(TaskId),
    /// That one was told to stop; the next move begins when the service is steady again, if one is needed.
    Stopped,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeploymentConfiguration {
    pub maximum_percent: u32,
    pub minimum_healthy_percent: u32,
    #[serde(flatten)]
    pub circuit_breaker: CircuitBreaker,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Service {
    pub name: ServiceName,
    pub status: ServiceStatus,
    pub desired_count: u32,
    /// What its tasks are made of. With an EXTERNAL controller that of the PRIMARY task set, if there is one (SVC-53).
    #[serde(default)]
    pub definition: Option<TaskDefinitionId>,
    #[serde(default = "ecs_controller")]
    pub controller: DeploymentController,
    /// With an EXTERNAL controller that of the task set that was PRIMARY last.
    pub launch_type: LaunchType,
    /// That of the newest deployment. Empty: the tasks run by launch type.
    #[serde(default)]
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    pub scheduling_strategy: SchedulingStrategy,
    pub deployment_configuration: DeploymentConfiguration,
    pub placement_constraints: Vec<PlacementConstraint>,
    pub placement_strategy: Vec<PlacementStrategy>,
    pub health_check_grace_period_seconds: u32,
    /// Tasks are moved between zones until they are even (SVC-60).
    #[serde(default)]
    pub availability_zone_rebalancing: bool,
    /// Present while tasks are moved between zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalancing: Option<Rebalancing>,
    pub propagate_tags: PropagateTags,
    pub enable_ecs_managed_tags: bool,
    pub enable_execute_command: bool,
    pub created_at: Timestamp,
    pub created_by: Arc<str>,
    /// When it became INACTIVE; forgotten a retention later (SVC-17).
    pub inactive_at: Option<Timestamp>,
    /// The sequence number its next event takes.
    pub next_event_sequence: u64,
    /// What it has said of a cause that lasts, oldest first: said again only when it is old (EV).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Said>,
    pub tags: Tags,
    /// Members that are kept and described back but decide nothing here (`loadBalancers`, `networkConfiguration`,
    /// `serviceRegistries`, `role`, `platformVersion`, ...), by their ECS names.
    pub echo: serde_json::Map<String, serde_json::Value>,
}

/// What services had before there was a choice.
fn ecs_controller() -> DeploymentController {
    DeploymentController::Ecs
}

impl Service {
    /// The launch type to show: a service without a PRIMARY task set has none, and one with a strategy shows that instead
    /// (DEP-2).
    pub fn shown_launch_type(&self) -> Option<LaunchType> {
        let has_one = self.controller == DeploymentController::Ecs || self.definition.is_some();
        (has_one && self.capacity_provider_strategy.is_empty()).then_some(self.launch_type)
    }
}

/// An event whose cause lasts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// By which it is recognised, whatever instance or task the text names.
    pub cause: Arc<str>,
    pub at: Timestamp,
}

/// What a deployment fixes beside the definition: a change of it starts another deployment (SVC-13), a rollback brings
/// it back (DEP-45).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DeploymentSettings {
    pub launch_type: LaunchType,
    /// By which all its tasks are shared out (SVC-56). Empty: they run by launch type.
    #[serde(default)]
    pub capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    /// Members of [`Service::echo`] (`networkConfiguration`, `loadBalancers`, ...), by their ECS names.
    #[serde(default)]
    pub echo: serde_json::Map<String, serde_json::Value>,
}

/// The state of a deployment that is PRIMARY again because a later one was given up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RollingBack {
    /// The one that was given up.
    pub from: DeploymentId,
    pub started_at: Timestamp,
}

/// A task set is a deployment too, one with `task_set`: its tasks, counts and failures are kept in the same way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deployment {
    pub id: DeploymentId,
    pub service: ServiceName,
    pub status: DeploymentStatus,
    /// Invariant: never changes (I-10).
    pub definition: TaskDefinitionId,
    /// Absent in rows of before it was kept: a rollback then brings back the definition alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Arc<DeploymentSettings>>,
    /// For the PRIMARY the service's desiredCount, for older ones the tasks still wanted there (DEP-2), for a task set
    /// its share of the service's (SVC-51).
    pub desired_count: u32,
    pub rollout_state: RolloutState,
    pub rollout_state_reason: Arc<str>,
    /// When it last was COMPLETED. A rollback reopens it and keeps this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// While it is PRIMARY for the second time and not COMPLETED yet: it is then no way back itself (DEP-46).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolling_back: Option<RollingBack>,
    /// Failures that count for the circuit breaker (DEP-41..43).
    pub failed_tasks: u32,
    /// A task of it has been RUNNING since it became PRIMARY: failures to start count no more (DEP-42).
    #[serde(default)]
    pub has_run: bool,
    /// Start failures since the last task that reached RUNNING (SVC-23).
    pub consecutive_start_failures: u32,
    /// No task of this deployment starts before this instant (SVC-23).
    pub next_start_at: Option<Timestamp>,
    /// A round that finds no place for any task counts as a failure again from this instant on (DEP-41).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_round_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Invariant: there exactly if the service has an EXTERNAL controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_set: Option<TaskSet>,
}

impl Deployment {
    /// The PRIMARY deployment of a service, of which nothing has happened yet and nothing is wanted.
    pub fn new(id: DeploymentId, service: ServiceName, definition: TaskDefinitionId, now: Timestamp) -> Self {
        Deployment {
            id,
            service,
            status: DeploymentStatus::Primary,
            definition,
            settings: None,
            desired_count: 0,
            rollout_state: RolloutState::InProgress,
            rollout_state_reason: "".into(),
            completed_at: None,
            rolling_back: None,
            failed_tasks: 0,
            has_run: false,
            consecutive_start_failures: 0,
            next_start_at: None,
            next_round_at: None,
            created_at: now,
            updated_at: now,
            task_set: None,
        }
    }

    /// Empty: its tasks run by launch type.
    pub fn capacity_provider_strategy(&self) -> &[CapacityProviderStrategyItem] {
        match (&self.task_set, &self.settings) {
            (Some(set), _) => &set.capacity_provider_strategy,
            (None, Some(settings)) => &settings.capacity_provider_strategy,
            (None, None) => &[],
        }
    }

    /// When it reached what was asked for, if it ever did and has not failed since: a rollback may go there.
    pub fn proven_at(&self) -> Option<Timestamp> {
        match self.rollout_state {
            RolloutState::Failed => None,
            RolloutState::Completed => Some(self.completed_at.unwrap_or(self.updated_at)),
            RolloutState::InProgress => self.completed_at,
        }
    }
}
