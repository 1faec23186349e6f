//! Rows as the ECS API shows them.
//!
//! Each kind has a view: the rows and derived counters of one object, collected under the image's read lock by cloning
//! `Arc`s, and rendered after the lock is gone. Lists that ECS always shows are `Some(vec![])` here (W-12); scalars
//! that are not boxed are always there because the generated types say so (W-11).

mod capacity_provider;
mod cluster;
mod definition;
mod instance;
mod resources;
mod service;
mod service_deployment;
mod task;
mod task_set;

pub(crate) use capacity_provider::{built_in_capacity_provider, capacity_provider};
pub(crate) use cluster::{ClusterInclude, ClusterView};
pub(crate) use definition::definition;
pub(crate) use instance::InstanceView;
pub(crate) use service::ServiceView;
pub(crate) use service_deployment::{ServiceDeploymentView, service_deployment_brief, service_revision};
pub(crate) use task::TaskView;
pub(crate) use task_set::TaskSetView;

use crate::resolve::Arns;
use plimsoll_core::{Failure, FailureReason};
use plimsoll_ecs_api::types;
use plimsoll_model::{Tags, Task, Timestamp};
use std::sync::Arc;

/// Describe calls show tags only when asked to (W-12); answers to changes always do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ShowTags {
    Yes,
    No,
}

impl ShowTags {
    /// From the `include` member of a describe call.
    pub(crate) fn included(include: Option<&Vec<String>>) -> Self {
        if include.is_some_and(|include| include.iter().any(|one| one == "TAGS")) {
            ShowTags::Yes
        } else {
            ShowTags::No
        }
    }

    pub(crate) fn of(self, tags: &Tags) -> Vec<types::Tag> {
        match self {
            ShowTags::Yes => render_tags(tags),
            ShowTags::No => Vec::new(),
        }
    }
}

pub(crate) fn render_tags(tags: &Tags) -> Vec<types::Tag> {
    tags.iter().map(|(key, value)| types::Tag { key: Some(key.to_string()), value: Some(value.to_string()) }).collect()
}

/// Epoch seconds with milliseconds (W-10).
fn seconds(at: Timestamp) -> Option<f64> {
    Some(at.as_epoch_seconds())
}

fn text(shared: &Arc<str>) -> Option<String> {
    Some(shared.to_string())
}

/// Counters of ECS are signed 32-bit numbers.
fn count(tasks: u32) -> i32 {
    i32::try_from(tasks).unwrap_or(i32::MAX)
}

/// PROT-1.
pub(crate) fn protected_task(arns: &Arns, row: &Task) -> types::ProtectedTask {
    types::ProtectedTask {
        task_arn: Some(arns.task(row.id)),
        protection_enabled: row.is_protected(),
        expiration_date: row.protected_until.and_then(seconds),
    }
}

/// An item of a batch that is not there (W-17).
pub(crate) fn missing(arn: String) -> types::Failure {
    types::Failure { arn: Some(arn), reason: Some("MISSING".into()), detail: None }
}

pub(crate) fn failures(arns: &Arns, failures: &[Failure]) -> Vec<types::Failure> {
    failures.iter().map(|one| failure(arns, one)).collect()
}

/// RUN-9
fn failure(arns: &Arns, failure: &Failure) -> types::Failure {
    let reason = match failure.reason {
        FailureReason::Missing => "MISSING",
        FailureReason::Inactive => "INACTIVE",
        FailureReason::Draining => "DRAINING",
        FailureReason::Placement(reason) => reason.as_str(),
    };
    types::Failure {
        arn: failure.instance.map(|instance| arns.instance(instance)),
        reason: Some(reason.into()),
        detail: failure.detail.as_ref().map(|detail| detail.to_string()),
    }
}
