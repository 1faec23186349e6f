//! Which entry of a service's history an ARN means. Unlike other names these carry their cluster, so a request may ask
//! for entries of several.

use crate::Context;
use crate::resolve::{ActiveCluster, Arns, active_cluster};
use plimsoll_ecs_api::arn::{HistoryKind, InService};
use plimsoll_ecs_api::{ApiError, code};
use plimsoll_model::{ClusterName, DeploymentId, Image, ServiceDeployment, ServiceName};
use std::sync::Arc;

/// A well-formed ARN; what it names may not exist.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct HistoryEntry {
    pub(crate) arn: String,
    pub(crate) arns: Arns,
    pub(crate) service: ServiceName,
    /// `None` when it is none that we give.
    pub(crate) id: Option<DeploymentId>,
}

impl HistoryEntry {
    fn read(context: &Context, arn: &str, kind: HistoryKind) -> Result<Self, ApiError> {
        let scope = crate::resolve::scope(&context.namespace);
        let InService { cluster, service, id } = scope.history(kind, arn)?;
        let cluster = ClusterName::parse(&cluster).map_err(crate::resolve::not_an_id)?;
        Ok(HistoryEntry {
            arn: arn.to_owned(),
            arns: Arns::new(&context.namespace, cluster),
            service: ServiceName::parse(&service).map_err(crate::resolve::not_an_id)?,
            id: read_id(&id),
        })
    }

    /// The cluster it names, if there is one.
    pub(crate) fn cluster(&self, context: &Context) -> Result<Option<ActiveCluster>, ApiError> {
        match active_cluster(context, self.arns.clone()) {
            Ok(cluster) => Ok(Some(cluster)),
            Err(error) if error.code == code::CLUSTER_NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What `see` makes of the entry, if it exists.
    pub(crate) fn look<T>(
        &self,
        context: &Context,
        see: impl FnOnce(&Image, &Arc<ServiceDeployment>) -> T,
    ) -> Result<Option<T>, ApiError> {
        let Some(id) = self.id else { return Ok(None) };
        let Some(cluster) = self.cluster(context)? else { return Ok(None) };
        cluster.read(|image| {
            let row = image.service_deployments.get(&id).filter(|row| row.service == self.service)?;
            Some(see(image, row))
        })
    }
}

/// As [`write_id`] writes them.
fn read_id(digits: &str) -> Option<DeploymentId> {
    let id = DeploymentId::from_u64(digits.parse().ok()?);
    (write_id(id) == digits).then_some(id)
}

/// The digits of the deployment's own id.
pub(crate) fn write_id(id: DeploymentId) -> String {
    format!("{:019}", id.as_u64())
}

pub(crate) fn service_deployment(context: &Context, arn: &str) -> Result<HistoryEntry, ApiError> {
    HistoryEntry::read(context, arn, HistoryKind::Deployment)
}

pub(crate) fn service_revision(context: &Context, arn: &str) -> Result<HistoryEntry, ApiError> {
    HistoryEntry::read(context, arn, HistoryKind::Revision)
}
