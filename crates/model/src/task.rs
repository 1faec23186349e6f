//! A task: the fixed part is written once when it is created, what follows from its place when it has one, the observed
//! part with every report that changes it.

use crate::{
    DeploymentId, InstanceId, PlacementConstraint, PlacementStrategy, Protocol, Reserved, ServiceName, Tags,
    TaskDefinitionId, TaskId, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Declares an enum with its ECS spelling, in the order ECS gives it.
macro_rules! ecs_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word ECS uses on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text),+
                }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some($name::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use ecs_enum;

ecs_enum!(
    /// What is wanted of a task. Goes to STOPPED once and never back (TL-2).
    DesiredStatus { Running = "RUNNING", Stopped = "STOPPED" }
);

ecs_enum!(
    /// What is known of a task or container. Only ever moves forward in this order (TL-1).
    TaskStatus {
        Provisioning = "PROVISIONING",
        Pending = "PENDING",
        Activating = "ACTIVATING",
        Running = "RUNNING",
        Deactivating = "DEACTIVATING",
        Stopping = "STOPPING",
        Deprovisioning = "DEPROVISIONING",
        Stopped = "STOPPED",
    }
);

impl TaskStatus {
    /// Counted in pendingCount (SVC-11, CI-11).
    pub const fn is_pending(self) -> bool {
        matches!(self, TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating)
    }
}

ecs_enum!(HealthStatus { Healthy = "HEALTHY", Unhealthy = "UNHEALTHY", Unknown = "UNKNOWN" });

ecs_enum!(
    /// Why a task stopped, as a code (TL-7).
    StopCode {
        TaskFailedToStart = "TaskFailedToStart",
        EssentialContainerExited = "EssentialContainerExited",
        UserInitiated = "UserInitiated",
        ServiceSchedulerInitiated = "ServiceSchedulerInitiated",
        SpotInterruption = "SpotInterruption",
        TerminationNotice = "TerminationNotice",
    }
);

ecs_enum!(LaunchType { Ec2 = "EC2", Fargate = "FARGATE", External = "EXTERNAL" });

/// A published port as the agent reported it (TL-13).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NetworkBinding {
    pub bind_ip: Arc<str>,
    pub container_port: u16,
    pub host_port: u16,
    pub protocol: Protocol,
}

/// One container of a task. What the definition says of it (image, cpu, ...) is not repeated here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Container {
    pub name: Arc<str>,
    pub last_status: TaskStatus,
    pub health: HealthStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<NetworkBinding>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Arc<str>>,
    /// How often its restart policy started it again (TD-50).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restart_count: u32,
}

// By reference, as serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Container {
    pub fn pending(name: Arc<str>) -> Self {
        Container {
            name,
            last_status: TaskStatus::Pending,
            health: HealthStatus::Unknown,
            exit_code: None,
            reason: None,
            runtime_id: None,
            image_digest: None,
            bindings: Vec::new(),
            gpus: Vec::new(),
            restart_count: 0,
        }
    }
}

/// What RunTask or StartTask changes about the definition for one task (RUN-4).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TaskOverrides {
    /// Task-level CPU units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_units: Option<u32>,
    /// Task-level memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerOverride>,
    /// The `overrides` member as sent, for describing it back in full.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub document: serde_json::Value,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ContainerOverride {
    pub name: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Merged over the definition's environment by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_units: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_reservation_mib: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
}

/// What a task that found no instance needs to be placed later, beside the rest of its row (RUN-12).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// Of the request; those of the definition come before them (RUN-10).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placement_constraints: Vec<PlacementConstraint>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placement_strategy: Vec<PlacementStrategy>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Task {
    // Fixed when it is created.
    pub id: TaskId,
    /// Where it was placed. None while it waits for a place, and for ever if it is STOPPED before it has one (RUN-12).
    /// Invariant: never changes once it is set (I-5).
    pub instance: Option<InstanceId>,
    /// Invariant: there as long as `instance` is not.
    pub waiting: Option<Arc<Waiting>>,
    /// Invariant: never changes (I-10).
    pub definition: TaskDefinitionId,
    pub service: Option<ServiceName>,
    pub deployment: Option<DeploymentId>,
    /// `service:<name>` for service tasks, else as given or `family:<family>` (RUN-5).
    pub group: Arc<str>,
    pub started_by: Option<Arc<str>>,
    pub launch_type: LaunchType,
    /// The provider whose share it is part of, where a strategy placed it.
    pub capacity_provider: Option<Arc<str>>,
    /// Nothing as long as it has no instance.
    pub reserved: Reserved,
    pub overrides: Option<Arc<TaskOverrides>>,
    pub enable_execute_command: bool,
    pub created_at: Timestamp,

    // Observed or decided later; every change of these raises `version`.
    pub version: u64,
    pub desired_status: DesiredStatus,
    pub last_status: TaskStatus,
    pub health: HealthStatus,
    pub stop_code: Option<StopCode>,
    pub stopped_reason: Option<Arc<str>>,
    pub pull_started_at: Option<Timestamp>,
    pub pull_stopped_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub stopping_at: Option<Timestamp>,
    pub execution_stopped_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    /// Until then the scheduler does not choose it to be stopped (PROT-1); absent when it is not protected.
    pub protected_until: Option<Timestamp>,
    pub containers: Vec<Container>,
    pub tags: Tags,
}

impl Task {
    /// Desired to run: counted against desiredCount.
    pub fn is_live(&self) -> bool {
        self.desired_status == DesiredStatus::Running && self.last_status != TaskStatus::Stopped
    }

    pub fn is_stopped(&self) -> bool {
        self.last_status == TaskStatus::Stopped
    }

    /// Told to stop, not yet confirmed.
    pub fn is_stopping(&self) -> bool {
        self.desired_status == DesiredStatus::Stopped && self.last_status != TaskStatus::Stopped
    }

    /// PROVISIONING: it has no instance yet and is to have one (RUN-12).
    pub fn is_waiting(&self) -> bool {
        self.last_status == TaskStatus::Provisioning
    }

    pub fn is_protected(&self) -> bool {
        self.protected_until.is_some()
    }

    /// Running as far as anybody knows: counted in runningCount (SVC-11).
    pub fn is_running(&self) -> bool {
        self.last_status == TaskStatus::Running
    }
}
