//! Between names on the wire and rows: which cluster, task, instance, service or definition a request means, and how
//! rows are named in answers (ARN-4 to ARN-6).
//!
//! Reading a name never looks anything up, so that a malformed one is refused before its cluster is (W-9).

use crate::Context;
use crate::error_map::{command_error, submit_error};
use crate::operator::Stage;
use crate::resolve_history;
use plimsoll_control::{ClusterHandle, SubmitError};
use plimsoll_core::{Command, CommandError, Output};
use plimsoll_ecs_api::ApiError;
use plimsoll_ecs_api::arn::{self, HistoryKind, InService, Resource, Scope};
use plimsoll_model::{
    ClusterKey, ClusterName, ClusterStatus, DeploymentId, Family, IdError, Image, InstanceId, Namespace, ServiceName,
    TaskDefinitionId, TaskId,
};
use std::sync::Arc;

/// Names rows of one cluster in ARNs, and reads such names.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Arns {
    scope: Scope,
    pub(crate) key: ClusterKey,
}

impl Arns {
    pub(crate) fn new(namespace: &Namespace, name: ClusterName) -> Self {
        Arns { scope: scope(namespace), key: ClusterKey { namespace: namespace.clone(), name } }
    }

    fn arn(&self, resource: Resource) -> String {
        self.scope.arn(resource).to_string()
    }

    fn within(&self) -> Option<String> {
        Some(self.key.name.to_string())
    }

    pub(crate) fn cluster(&self) -> String {
        self.arn(Resource::Cluster { name: self.key.name.to_string() })
    }

    pub(crate) fn instance(&self, id: InstanceId) -> String {
        self.arn(Resource::ContainerInstance { cluster: self.within(), id: id.to_string() })
    }

    pub(crate) fn task(&self, id: TaskId) -> String {
        self.arn(Resource::Task { cluster: self.within(), id: id.to_string() })
    }

    pub(crate) fn service(&self, name: &ServiceName) -> String {
        self.arn(Resource::Service { cluster: self.within(), name: name.to_string() })
    }

    pub(crate) fn task_set(&self, service: &ServiceName, id: DeploymentId) -> String {
        let (cluster, service) = (self.key.name.to_string(), service.to_string());
        self.arn(Resource::TaskSet { cluster, service, id: id.to_string() })
    }

    pub(crate) fn container(&self, task: TaskId, position: usize) -> String {
        let id = uuid::Uuid::from_u128(plimsoll_model::container_uuid(task, position)).to_string();
        self.arn(Resource::Container { cluster: self.within(), task: Some(task.to_string()), id })
    }

    pub(crate) fn service_deployment(&self, service: &ServiceName, id: DeploymentId) -> String {
        self.history(HistoryKind::Deployment, service, id)
    }

    pub(crate) fn service_revision(&self, service: &ServiceName, id: DeploymentId) -> String {
        self.history(HistoryKind::Revision, service, id)
    }

    fn history(&self, kind: HistoryKind, service: &ServiceName, id: DeploymentId) -> String {
        let (cluster, service) = (self.key.name.to_string(), service.to_string());
        self.arn(Resource::History(kind, InService { cluster, service, id: resolve_history::write_id(id) }))
    }

    pub(crate) fn definition(&self, id: &TaskDefinitionId) -> String {
        definition_arn(&self.key.namespace, id)
    }

    pub(crate) fn task_id(&self, given: &str) -> Result<TaskId, ApiError> {
        self.scope.task(self.key.name.as_str(), given)?.parse().map_err(not_an_id)
    }

    pub(crate) fn instance_id(&self, given: &str) -> Result<InstanceId, ApiError> {
        self.scope.container_instance(self.key.name.as_str(), given)?.parse().map_err(not_an_id)
    }

    pub(crate) fn task_set_id(&self, service: &ServiceName, given: &str) -> Result<DeploymentId, ApiError> {
        self.scope.task_set(self.key.name.as_str(), service.as_str(), given)?.parse().map_err(not_an_id)
    }

    pub(crate) fn service_name(&self, given: &str) -> Result<ServiceName, ApiError> {
        ServiceName::parse(&self.scope.service(self.key.name.as_str(), given)?).map_err(not_an_id)
    }
}

pub(crate) fn scope(namespace: &Namespace) -> Scope {
    Scope::aws(&*namespace.region, &*namespace.account)
}

/// The wire crate and the model agree on what an id looks like; where they did not, the request is refused.
pub(crate) fn not_an_id(error: IdError) -> ApiError {
    ApiError::invalid_parameter(error.to_string())
}

pub(crate) fn definition_arn(namespace: &Namespace, id: &TaskDefinitionId) -> String {
    let resource = Resource::TaskDefinition { family: id.family.to_string(), revision: id.revision.into() };
    scope(namespace).arn(resource).to_string()
}

pub(crate) fn capacity_provider_arn(namespace: &Namespace, name: &str) -> String {
    scope(namespace).arn(Resource::CapacityProvider { name: name.to_owned() }).to_string()
}

/// By short name or ARN.
pub(crate) fn capacity_provider_name(context: &Context, given: &str) -> Result<Arc<str>, ApiError> {
    scope(&context.namespace).capacity_provider(given).map(Arc::from)
}

/// A task definition as a request names it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum DefinitionReference {
    /// Its latest ACTIVE revision.
    Family(Family),
    Revision(TaskDefinitionId),
}

/// `None` when it is well-formed but beyond any revision there can be.
pub(crate) fn definition_reference(
    namespace: &Namespace,
    given: &str,
) -> Result<Option<DefinitionReference>, ApiError> {
    let family = |name: &str| Family::parse(name).map_err(not_an_id);
    Ok(match scope(namespace).task_definition(given)? {
        arn::DefinitionReference::Family(name) => Some(DefinitionReference::Family(family(&name)?)),
        arn::DefinitionReference::Revision { family: name, revision } => {
            let family = family(&name)?;
            let revision = u32::try_from(revision).ok();
            revision.map(|revision| DefinitionReference::Revision(TaskDefinitionId { family, revision }))
        }
    })
}

/// The cluster a request names, by short name or ARN; absent or empty is `default` (ARN-4).
pub(crate) fn cluster_name(context: &Context, given: Option<&str>) -> Result<Arns, ApiError> {
    let name = scope(&context.namespace).cluster(given)?;
    Ok(Arns::new(&context.namespace, ClusterName::parse(&name).map_err(not_an_id)?))
}

/// A cluster that exists and is ACTIVE.
pub(crate) struct ActiveCluster {
    handle: ClusterHandle,
    stage: Option<Stage>,
    pub(crate) arns: Arns,
}

impl ActiveCluster {
    /// Keep it short: commits wait for readers.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Image) -> T) -> Result<T, ApiError> {
        self.handle.read(look).map_err(|error| submit_error(&self.arns, error))
    }

    pub(crate) async fn submit(&self, command: Command) -> Result<Output, ApiError> {
        if let Some(stage) = &self.stage {
            return Err(stage.perform(&self.handle, &self.arns, command).await);
        }
        self.try_submit(command).await.map_err(|error| submit_error(&self.arns, error))
    }

    /// For operations to which some refusals are answers. None of them has a plan.
    pub(crate) async fn try_submit(&self, command: Command) -> Result<Output, SubmitError> {
        self.handle.submit(command).await
    }

    pub(crate) fn handle(&self) -> &ClusterHandle {
        &self.handle
    }
}

/// The rule of every operation that works in a cluster (CL-4).
pub(crate) fn active_cluster(context: &Context, arns: Arns) -> Result<ActiveCluster, ApiError> {
    let refused = |error| Err(command_error(&arns, error));
    let cluster = arns.key.name.clone();
    let Some(handle) = context.control.cluster(&arns.key) else {
        return refused(CommandError::ClusterNotFound { cluster });
    };
    let status = handle.read(|image| image.cluster.as_ref().map(|row| row.status));
    match status.map_err(|error| submit_error(&arns, error))? {
        Some(ClusterStatus::Active) => Ok(ActiveCluster { handle, stage: context.stage.clone(), arns }),
        Some(ClusterStatus::Inactive) => refused(CommandError::ClusterInactive { cluster }),
        None => refused(CommandError::ClusterNotFound { cluster }),
    }
}

/// Both steps, for operations with no other names to read.
pub(crate) fn cluster(context: &Context, given: Option<&str>) -> Result<ActiveCluster, ApiError> {
    active_cluster(context, cluster_name(context, given)?)
}

/// The cluster of a registration: `default` comes into being with its first instance (CL-3).
pub(crate) async fn cluster_for_registration(context: &Context, arns: Arns) -> Result<ActiveCluster, ApiError> {
    if arns.key.name != ClusterName::default_cluster() {
        return active_cluster(context, arns);
    }
    let handle = context.control.cluster_or_start(&arns.key).await;
    Ok(ActiveCluster { handle, stage: context.stage.clone(), arns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arn4_names_read_back_as_they_are_written() {
        let namespace = Namespace { account: "123456789012".into(), region: "eu-west-1".into() };
        let arns = Arns::new(&namespace, ClusterName::parse("blue").unwrap());
        let (task, instance) = (TaskId::from_u128(0xfeed), InstanceId::from_u128(0xbee));
        let service = ServiceName::parse("web").unwrap();
        for given in [task.to_string(), arns.task(task)] {
            assert_eq!(arns.task_id(&given).unwrap(), task, "{given}");
        }
        for given in [instance.to_string(), arns.instance(instance)] {
            assert_eq!(arns.instance_id(&given).unwrap(), instance, "{given}");
        }
        for given in [service.to_string(), arns.service(&service)] {
            assert_eq!(arns.service_name(&given).unwrap(), service, "{given}");
        }
        let set = DeploymentId::from_u64(7);
        for given in [set.to_string(), arns.task_set(&service, set)] {
            assert_eq!(arns.task_set_id(&service, &given).unwrap(), set, "{given}");
        }
        let revision = TaskDefinitionId { family: Family::parse("web").unwrap(), revision: 7 };
        for given in ["web:7".to_owned(), arns.definition(&revision)] {
            let read = definition_reference(&namespace, &given).unwrap();
            assert_eq!(read, Some(DefinitionReference::Revision(revision.clone())), "{given}");
        }
        assert_eq!(definition_reference(&namespace, "web:99999999999").unwrap(), None);
    }
}
