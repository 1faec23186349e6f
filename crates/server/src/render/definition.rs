//! A task definition as ECS shows it: its document and what registration derived (TD-60, TD-61).

use super::{seconds, text};
use crate::resolve::definition_arn;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{Namespace, TaskDefinition};
use serde::Deserialize;

pub(crate) fn definition(namespace: &Namespace, row: &TaskDefinition) -> Result<types::TaskDefinition, ApiError> {
    let mut shown = types::TaskDefinition::deserialize(&*row.document).map_err(|error| {
        tracing::error!(definition = %row.id, %error, "a stored task definition cannot be shown");
        ApiError::server(format!("task definition {} cannot be shown", row.id))
    })?;
    let name_only = |name| types::Attribute { name: text(name), ..Default::default() };
    shown.task_definition_arn = Some(definition_arn(namespace, &row.id));
    shown.family = Some(row.id.family.to_string());
    shown.revision = i32::try_from(row.id.revision).unwrap_or(i32::MAX);
    shown.status = Some(row.status.as_str().into());
    shown.registered_at = seconds(row.registered_at);
    shown.deregistered_at = row.deregistered_at.and_then(seconds);
    shown.delete_requested_at = row.delete_requested_at.and_then(seconds);
    shown.registered_by = text(&row.registered_by);
    shown.requires_attributes = Some(row.requires_attributes.iter().map(name_only).collect());
    shown.compatibilities = Some(row.compatibilities.iter().map(|one| one.as_str().into()).collect());
    shown.volumes.get_or_insert_default();
    shown.placement_constraints.get_or_insert_default();
    Ok(shown)
}
