//! Attributes of container instances as PutAttributes and DeleteAttributes name them (ATTR-2, ATTR-3).

use super::input::{invalid, shared};
use crate::resolve::Arns;
use plimsoll_core::command::AttributeTarget;
use plimsoll_ecs_api::{ApiError, types};

/// Beginnings of names that belong to the platform and its agents.
const RESERVED_PREFIXES: [&str; 2] = ["ecs.", "com.amazonaws.ecs."];

pub(super) fn read(arns: &Arns, given: Vec<types::Attribute>) -> Result<Vec<AttributeTarget>, ApiError> {
    given.into_iter().map(|one| target(arns, one)).collect()
}

fn target(arns: &Arns, given: types::Attribute) -> Result<AttributeTarget, ApiError> {
    let name = given.name.unwrap_or_default();
    if RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(invalid(format!("Attribute {name} begins with a reserved prefix: ecs. or com.amazonaws.ecs.")));
    }
    let id = given.target_id.unwrap_or_default();
    if id.is_empty() {
        return Err(invalid(format!("Attribute {name} needs a targetId.")));
    }
    if !id.starts_with("arn:") && given.target_type.as_deref() != Some("container-instance") {
        return Err(invalid(format!("Attribute {name} needs targetType container-instance with a short targetId.")));
    }
    Ok(AttributeTarget { instance: arns.instance_id(&id)?, name: name.into(), value: shared(given.value) })
}

pub(super) fn render(arns: &Arns, targets: &[AttributeTarget]) -> Vec<types::Attribute> {
    let shown = |target: &AttributeTarget| types::Attribute {
        name: Some(target.name.to_string()),
        value: target.value.as_ref().map(|value| value.to_string()),
        target_id: Some(arns.instance(target.instance)),
        target_type: Some("container-instance".into()),
    };
    targets.iter().map(shown).collect()
}
