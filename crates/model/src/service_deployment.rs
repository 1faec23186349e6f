//! The history of a service: what each deployment was to bring, and what became of it (DEP-50, DEP-51).
//!
//! One row holds both things ECS names apart, the service deployment and the service revision it brings: they are made
//! together, and share the id of the [`crate::Deployment`] that carries them out. The row outlives that one.

use crate::{
    DeploymentConfiguration, DeploymentId, DeploymentSettings, ServiceName, TaskDefinitionId, Timestamp, task::ecs_enum,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

ecs_enum!(
    /// DEP-51.
    ServiceDeploymentStatus {
        Pending = "PENDING",
        Successful = "SUCCESSFUL",
        Stopped = "STOPPED",
        StopRequested = "STOP_REQUESTED",
        InProgress = "IN_PROGRESS",
        RollbackRequested = "ROLLBACK_REQUESTED",
        RollbackInProgress = "ROLLBACK_IN_PROGRESS",
        RollbackSuccessful = "ROLLBACK_SUCCESSFUL",
        RollbackFailed = "ROLLBACK_FAILED",
    }
);

impl ServiceDeploymentStatus {
    pub const fn is_finished(self) -> bool {
        use ServiceDeploymentStatus::{RollbackFailed, RollbackSuccessful, Stopped, Successful};
        matches!(self, Successful | Stopped | RollbackSuccessful | RollbackFailed)
    }

    /// Its own tasks are still what the service is to become.
    pub const fn is_under_way(self) -> bool {
        use ServiceDeploymentStatus::{InProgress, Pending, RollbackRequested, StopRequested};
        matches!(self, Pending | InProgress | StopRequested | RollbackRequested)
    }
}

ecs_enum!(
    /// What the circuit breaker does about a deployment.
    MonitorStatus {
        Triggered = "TRIGGERED",
        Monitoring = "MONITORING",
        MonitoringComplete = "MONITORING_COMPLETE",
        Disabled = "DISABLED",
    }
);

/// What a deployment brings; never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceRevision {
    /// Named, not referenced: it may be gone when the history is read.
    pub definition: TaskDefinitionId,
    pub settings: Arc<DeploymentSettings>,
    /// Container name and image, in the definition's order.
    pub images: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rollback {
    pub reason: Arc<str>,
    pub started_at: Timestamp,
    pub target: DeploymentId,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceDeployment {
    pub id: DeploymentId,
    pub service: ServiceName,
    pub revision: ServiceRevision,
    /// What was deployed when it began.
    pub sources: Vec<DeploymentId>,
    pub status: ServiceDeploymentStatus,
    pub status_reason: Option<Arc<str>>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    /// While it is under way the service's own counts; its last word is kept here.
    pub configuration: DeploymentConfiguration,
    /// The deployment's count of failures and the threshold for them when it ended; while it is under way they are
    /// those of the deployment, so that a failure does not write this row.
    pub failed_tasks: u32,
    pub threshold: u32,
    /// The circuit breaker ended it.
    pub triggered: bool,
    pub rollback: Option<Rollback>,
}

impl ServiceDeployment {
    pub fn monitor(&self, breaker_enabled: bool) -> MonitorStatus {
        match (self.triggered, breaker_enabled, self.status.is_under_way()) {
            (true, _, _) => MonitorStatus::Triggered,
            (false, false, _) => MonitorStatus::Disabled,
            (false, true, true) => MonitorStatus::Monitoring,
            (false, true, false) => MonitorStatus::MonitoringComplete,
        }
    }
}
