//! A service deployment and a service revision as ECS shows them (DEP-50, DEP-51).
//!
//! What changes with every task (counts, failures) is read from the deployments and tasks of now, and kept in the
//! history only when a deployment ends.

use super::capacity_provider::{by_launch_type, by_strategy};
use super::service::{deployment_configuration, echoed};
use super::{count, seconds, text};
use crate::resolve::Arns;
use plimsoll_ecs_api::types;
use plimsoll_model::{Counts, DeploymentConfiguration, DeploymentId, Image, ServiceDeployment, ServiceName};
use std::sync::Arc;

pub(crate) struct ServiceDeploymentView {
    row: Arc<ServiceDeployment>,
    configuration: DeploymentConfiguration,
    failed_tasks: u32,
    threshold: u32,
    sources: Vec<RevisionCounts>,
    target: RevisionCounts,
}

/// The tasks of a revision: none once its deployment has left the list.
#[derive(Clone, Copy)]
pub(super) struct RevisionCounts {
    id: DeploymentId,
    requested: u32,
    counts: Counts,
}

impl RevisionCounts {
    fn of(image: &Image, id: DeploymentId) -> Self {
        let requested = image.deployments.get(&id).map_or(0, |row| row.desired_count);
        RevisionCounts::new(id, requested, image.deployment_counts(id))
    }

    pub(super) fn new(id: DeploymentId, requested: u32, counts: Counts) -> Self {
        RevisionCounts { id, requested, counts }
    }

    pub(super) fn current(self, arns: &Arns, service: &ServiceName) -> types::ServiceCurrentRevisionSummary {
        types::ServiceCurrentRevisionSummary {
            arn: Some(arns.service_revision(service, self.id)),
            requested_task_count: count(self.requested),
            running_task_count: count(self.counts.running),
            pending_task_count: count(self.counts.pending),
        }
    }

    fn summary(self, arns: &Arns, service: &ServiceName) -> types::ServiceRevisionSummary {
        types::ServiceRevisionSummary {
            arn: Some(arns.service_revision(service, self.id)),
            requested_task_count: count(self.requested),
            running_task_count: count(self.counts.running),
            pending_task_count: count(self.counts.pending),
            ..Default::default()
        }
    }
}

impl ServiceDeploymentView {
    pub(crate) fn collect(image: &Image, row: &Arc<ServiceDeployment>) -> Self {
        let mut view = ServiceDeploymentView {
            configuration: row.configuration,
            failed_tasks: row.failed_tasks,
            threshold: row.threshold,
            sources: row.sources.iter().map(|id| RevisionCounts::of(image, *id)).collect(),
            target: RevisionCounts::of(image, row.id),
            row: Arc::clone(row),
        };
        if row.status.is_under_way()
            && let (Some(service), Some(deployment)) =
                (image.services.get(&row.service), image.deployments.get(&row.id))
        {
            view.configuration = service.deployment_configuration;
            view.failed_tasks = deployment.failed_tasks;
            view.threshold = view.configuration.circuit_breaker.threshold.failures(service.desired_count);
        }
        view
    }

    pub(crate) fn render(&self, arns: &Arns) -> types::ServiceDeployment {
        let row = &*self.row;
        let name = &row.service;
        types::ServiceDeployment {
            service_deployment_arn: Some(arns.service_deployment(name, row.id)),
            service_arn: Some(arns.service(name)),
            cluster_arn: Some(arns.cluster()),
            created_at: seconds(row.created_at),
            started_at: row.started_at.and_then(seconds),
            finished_at: row.finished_at.and_then(seconds),
            stopped_at: row.stopped_at.and_then(seconds),
            updated_at: seconds(row.updated_at),
            source_service_revisions: Some(self.sources.iter().map(|one| one.summary(arns, name)).collect()),
            target_service_revision: Some(self.target.summary(arns, name)),
            status: Some(row.status.as_str().into()),
            status_reason: row.status_reason.as_ref().and_then(text),
            deployment_configuration: Some(deployment_configuration(self.configuration)),
            rollback: row.rollback.as_ref().map(|rollback| types::Rollback {
                reason: text(&rollback.reason),
                started_at: seconds(rollback.started_at),
                service_revision_arn: Some(arns.service_revision(name, rollback.target)),
            }),
            deployment_circuit_breaker: Some(types::ServiceDeploymentCircuitBreaker {
                status: Some(row.monitor(self.configuration.circuit_breaker.enable).as_str().into()),
                failure_count: count(self.failed_tasks),
                threshold: count(self.threshold),
            }),
            ..Default::default()
        }
    }
}

/// One line of ListServiceDeployments.
pub(crate) fn service_deployment_brief(arns: &Arns, row: &ServiceDeployment) -> types::ServiceDeploymentBrief {
    types::ServiceDeploymentBrief {
        service_deployment_arn: Some(arns.service_deployment(&row.service, row.id)),
        service_arn: Some(arns.service(&row.service)),
        cluster_arn: Some(arns.cluster()),
        created_at: seconds(row.created_at),
        started_at: row.started_at.and_then(seconds),
        finished_at: row.finished_at.and_then(seconds),
        target_service_revision_arn: Some(arns.service_revision(&row.service, row.id)),
        status: Some(row.status.as_str().into()),
        status_reason: row.status_reason.as_ref().and_then(text),
    }
}

pub(crate) fn service_revision(arns: &Arns, row: &ServiceDeployment) -> types::ServiceRevision {
    let revision = &row.revision;
    let echo = &revision.settings.echo;
    let images = revision.images.iter().map(|(name, image)| types::ContainerImage {
        container_name: text(name),
        image: text(image),
        image_digest: None,
    });
    types::ServiceRevision {
        service_revision_arn: Some(arns.service_revision(&row.service, row.id)),
        service_arn: Some(arns.service(&row.service)),
        cluster_arn: Some(arns.cluster()),
        task_definition: Some(arns.definition(&revision.definition)),
        launch_type: by_launch_type(&revision.settings.capacity_provider_strategy, revision.settings.launch_type),
        capacity_provider_strategy: by_strategy(&revision.settings.capacity_provider_strategy),
        network_configuration: echoed(echo, "networkConfiguration"),
        load_balancers: echoed(echo, "loadBalancers"),
        service_registries: echoed(echo, "serviceRegistries"),
        service_connect_configuration: echoed(echo, "serviceConnectConfiguration"),
        volume_configurations: echoed(echo, "volumeConfigurations"),
        platform_version: echoed(echo, "platformVersion"),
        container_images: Some(images.collect()),
        created_at: seconds(row.created_at),
        ..Default::default()
    }
}
