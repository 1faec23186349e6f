//! The settings of a cluster (CL-9): one there is, with three values; the model bounds only its name.

use super::input::invalid;
use plimsoll_ecs_api::{ApiError, types};

pub(super) const CONTAINER_INSIGHTS: &str = "containerInsights";
const VALUES: [&str; 3] = ["enabled", "disabled", "enhanced"];

pub(super) fn check(settings: &[types::ClusterSetting]) -> Result<(), ApiError> {
    if let Some(nameless) = settings.iter().position(|setting| setting.name.is_none()) {
        return Err(invalid(format!("settings[{nameless}].name cannot be empty.")));
    }
    if settings.len() > 1 {
        return Err(invalid(format!("settings has {CONTAINER_INSIGHTS} more than once")));
    }
    let given = settings.iter().map(|setting| setting.value.as_deref().unwrap_or_default());
    match given.into_iter().find(|value| !VALUES.contains(value)) {
        None => Ok(()),
        Some(value) => {
            Err(invalid(format!("{CONTAINER_INSIGHTS} should be one of [{}], was {value:?}", VALUES.join(","))))
        }
    }
}
