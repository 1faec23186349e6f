//! The only place that turns what a command refused into an ECS error code and text.
//!
//! Codes that the ECS model does not declare for an operation are still what its clients handle: SDKs surface them by
//! name. There is no catch-all arm: a new refusal has to choose its code here.

use crate::resolve::Arns;
use plimsoll_control::SubmitError;
use plimsoll_core::CommandError;
use plimsoll_core::task_definition::DefinitionError;
use plimsoll_ecs_api::{ApiError, code};

/// `arns` names the cluster the command was for.
pub(crate) fn submit_error(arns: &Arns, error: SubmitError) -> ApiError {
    match error {
        SubmitError::Refused(refusal) => command_error(arns, refusal),
        SubmitError::Throttled { .. } => ApiError::new(code::THROTTLING, "Rate exceeded"),
        SubmitError::Unavailable { cluster } => {
            ApiError::server(format!("cluster {cluster} is not available at the moment"))
        }
    }
}

/// SDKs repeat the request by themselves on a 500.
pub(crate) fn store_error(error: &plimsoll_store::Error) -> ApiError {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "a request failed in the store");
    ApiError::server("The store did not carry out the request; try again.")
}

/// TD: nearly all are client exceptions.
pub(crate) fn definition_error(error: DefinitionError) -> ApiError {
    match error {
        DefinitionError::Client(message) => ApiError::client(message),
    }
}

pub(crate) fn command_error(arns: &Arns, error: CommandError) -> ApiError {
    let invalid = |message: String| ApiError::invalid_parameter(message);
    match error {
        // CL-4
        CommandError::ClusterNotFound { .. } => ApiError::cluster_not_found(),
        CommandError::ClusterInactive { .. } => {
            ApiError::new(code::CLUSTER_NOT_FOUND, "The referenced cluster was inactive.")
        }
        // CL-8
        CommandError::ClusterContainsContainerInstances { .. } => ApiError::new(
            code::CLUSTER_CONTAINS_CONTAINER_INSTANCES,
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        ),
        CommandError::ClusterContainsServices { .. } => {
            ApiError::new(code::CLUSTER_CONTAINS_SERVICES, "The Cluster cannot be deleted while Services are active.")
        }
        CommandError::ClusterContainsTasks { .. } => {
            ApiError::new(code::CLUSTER_CONTAINS_TASKS, "The Cluster cannot be deleted while Tasks are active.")
        }

        CommandError::InstanceNotFound { instance } => {
            invalid(format!("The referenced container instance was not found: {}", arns.instance(instance)))
        }
        // CI-8
        CommandError::InstanceHasTasks { .. } => invalid("Found running tasks on the instance.".into()),
        // CI-3: the agent recognises this text.
        CommandError::InstanceTypeChanged { .. } => {
            ApiError::new(code::CLIENT, "Container instance type changes are not supported.")
        }
        // ATTR-3
        CommandError::AttributeTargetNotFound { instance } => {
            ApiError::new(code::TARGET_NOT_FOUND, format!("Could not find {instance}"))
        }
        // ATTR-2
        CommandError::AttributeLimitExceeded { instance, count, limit } => ApiError::new(
            code::ATTRIBUTE_LIMIT_EXCEEDED,
            format!("{instance} would have {count} custom attributes; the limit is {limit}."),
        ),

        // TAG-2
        CommandError::TagTargetNotFound { .. } => {
            ApiError::new(code::RESOURCE_NOT_FOUND, "The specified resource was not found.")
        }
        // TAG-1
        CommandError::TooManyTags { count, limit } => {
            ApiError::new(code::LIMIT_EXCEEDED, format!("{count} tags; the limit is {limit}."))
        }

        // SVC-3
        CommandError::ServiceExists { .. } => invalid("Creation of service was not idempotent.".into()),
        CommandError::ServiceDraining { .. } => invalid("Unable to Start a service that is still Draining.".into()),
        // SVC-12
        CommandError::ServiceNotFound { .. } => ApiError::new(code::SERVICE_NOT_FOUND, "Service not found."),
        CommandError::ServiceNotActive { .. } => ApiError::new(code::SERVICE_NOT_ACTIVE, "Service was not ACTIVE."),
        // SVC-16
        CommandError::ServiceScaledAboveZero { .. } => {
            invalid("The service cannot be stopped while it is scaled above 0.".into())
        }
        // DEP-53
        CommandError::ServiceDeploymentNotFound { .. } => {
            ApiError::new(code::SERVICE_DEPLOYMENT_NOT_FOUND, "The service deployment was not found.")
        }
        CommandError::ServiceDeploymentFinished { status, .. } => {
            ApiError::new(code::CONFLICT, format!("The service deployment is {} already.", status.as_str()))
        }
        // SVC-50
        CommandError::ServiceWithoutTaskSets { .. } => {
            invalid("The service does not use the EXTERNAL deployment controller, so it has no task sets.".into())
        }
        CommandError::TooManyTaskSets { limit, .. } => {
            ApiError::new(code::LIMIT_EXCEEDED, format!("A service can have {limit} task sets."))
        }
        // SVC-54
        CommandError::TaskSetNotFound { .. } => {
            ApiError::new(code::TASK_SET_NOT_FOUND, "The specified task set does not exist.")
        }
        CommandError::TaskSetDraining { .. } => invalid("The task set is being deleted.".into()),
        CommandError::TaskSetScaledAboveZero { .. } => {
            invalid("The task set cannot be deleted while it is scaled above 0: scale it to 0 or use force.".into())
        }
        // RUN-6, PL-9
        CommandError::TooManyConstraints { count, limit } => {
            invalid(format!("{count} placement constraints with those of the task definition; the limit is {limit}."))
        }
        // CQL-4
        CommandError::InvalidExpression { message, .. } => invalid(format!("Invalid expression. {message}")),
        CommandError::InvalidParameter(message) => invalid(message),
        CommandError::Unsupported(message) => ApiError::new(code::UNSUPPORTED_FEATURE, message),

        // RUN-13
        CommandError::TaskNotFound { .. } => invalid("The referenced task was not found.".into()),
        // SVC-55
        CommandError::CapacityProviderNotAssociated { .. } => invalid(
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with \
             the cluster. Associate the capacity provider with the cluster and try again."
                .into(),
        ),
        // CL-11
        CommandError::CapacityProviderInUse { .. } => {
            ApiError::new(code::RESOURCE_IN_USE, "The specified capacity provider is in use and cannot be removed.")
        }
        // SVC-13
        CommandError::StrategyNeedsNewDeployment { .. } => invalid(
            "When switching from launch type to capacity provider strategy on an existing service, or making a change \
             to a capacity provider strategy on a service that is already using one, you must force a new deployment."
                .into(),
        ),
        CommandError::NoInstancesOfCapacityProvider { .. } => {
            invalid("No Container Instances were found in your capacity provider.".into())
        }
        // RUN-7
        CommandError::NoContainerInstances => invalid("No Container Instances were found in your cluster.".into()),
        // RUN-12
        CommandError::TooManyProvisioningTasks { count, limit } => ApiError::client(format!(
            "The request would leave {count} tasks of the cluster in PROVISIONING; the limit is {limit}. Wait until \
             some of them have been placed, and try again."
        )),
        // RUN-4
        CommandError::OverrideForUnknownContainer { name } => {
            invalid(format!("Override for container named {name} is not a container in the TaskDefinition."))
        }
        // SVC-3, W-16: a token that led to no tasks led to a service, and CreateService declares no conflict.
        CommandError::TokenConflict { tasks, .. } if tasks.is_empty() => {
            invalid("Creation of service was not idempotent.".into())
        }
        CommandError::TaskSetTokenConflict { .. } => invalid("Creation of task set was not idempotent.".into()),
        CommandError::TokenConflict { token, tasks } => {
            let resource_ids: Vec<String> = tasks.into_iter().map(|task| arns.task(task)).collect();
            let message = format!("The client token {token} was used before with other parameters.");
            ApiError::new(code::CONFLICT, message).with("resourceIds", resource_ids)
        }
    }
}
