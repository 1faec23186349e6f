//! What the `resourceArn` of TagResource, UntagResource and ListTagsForResource names (TAG-2).

use super::input::invalid;
use crate::Context;
use crate::resolve::{self, Arns};
use plimsoll_core::command::TagTarget;
use plimsoll_ecs_api::ApiError;
use plimsoll_ecs_api::arn::Resource;
use plimsoll_model::{ClusterName, Family, ServiceName, TaskDefinitionId};

pub(super) enum Taggable {
    /// `None` when no revision can have that number.
    Definition(Option<TaskDefinitionId>),
    CapacityProvider(String),
    InCluster(Arns, TagTarget),
}

pub(super) fn read(context: &Context, given: Option<&str>) -> Result<Taggable, ApiError> {
    let resource = resolve::scope(&context.namespace).resource(given.unwrap_or_default())?;
    let arns = |cluster: Option<String>| match cluster {
        Some(name) => Ok(Arns::new(&context.namespace, ClusterName::parse(&name).map_err(resolve::not_an_id)?)),
        None => Err(invalid("Long arn format must be used for tagging operations")),
    };
    Ok(match resource {
        Resource::TaskDefinition { family, revision } => {
            let family = Family::parse(&family).map_err(resolve::not_an_id)?;
            let revision = u32::try_from(revision).ok();
            Taggable::Definition(revision.map(|revision| TaskDefinitionId { family, revision }))
        }
        Resource::CapacityProvider { name } => Taggable::CapacityProvider(name),
        Resource::Cluster { name } => Taggable::InCluster(arns(Some(name))?, TagTarget::Cluster),
        Resource::Service { cluster, name } => {
            let name = ServiceName::parse(&name).map_err(resolve::not_an_id)?;
            Taggable::InCluster(arns(cluster)?, TagTarget::Service(name))
        }
        Resource::Task { cluster, id } => {
            let id = id.parse().map_err(resolve::not_an_id)?;
            Taggable::InCluster(arns(cluster)?, TagTarget::Task(id))
        }
        Resource::ContainerInstance { cluster, id } => {
            let id = id.parse().map_err(resolve::not_an_id)?;
            Taggable::InCluster(arns(cluster)?, TagTarget::Instance(id))
        }
        Resource::TaskSet { .. } | Resource::Container { .. } | Resource::History(..) => {
            return Err(invalid(
                "Tags are kept of clusters, services, tasks, task definitions, container instances and capacity providers.",
            ));
        }
    })
}
