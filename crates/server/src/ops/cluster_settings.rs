//! The settings of a cluster (CL-9): the one of the model, with three values, and one of our own; the model bounds only
//! the names.

use super::input::invalid;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{NO_PLACEMENT_POLICY, PLACEMENT_POLICY};
use plimsoll_placement::policy::{self, PolicyError, PolicySpec};

pub(super) const CONTAINER_INSIGHTS: &str = "containerInsights";
const VALUES: [&str; 3] = ["enabled", "disabled", "enhanced"];

pub(super) fn check(settings: &[types::ClusterSetting]) -> Result<(), ApiError> {
    if let Some(nameless) = settings.iter().position(|setting| setting.name.is_none()) {
        return Err(invalid(format!("settings[{nameless}].name cannot be empty.")));
    }
    for (nth, setting) in settings.iter().enumerate() {
        let name = setting.name.as_deref().unwrap_or_default();
        if settings[..nth].iter().any(|earlier| earlier.name == setting.name) {
            return Err(invalid(format!("settings has {name} more than once")));
        }
        let value = setting.value.as_deref().unwrap_or_default();
        match name {
            PLACEMENT_POLICY => check_policy(value)?,
            _ if VALUES.contains(&value) => {}
            _ => return Err(invalid(format!("{name} should be one of [{}], was {value:?}", VALUES.join(",")))),
        }
    }
    Ok(())
}

fn check_policy(value: &str) -> Result<(), ApiError> {
    if value == NO_PLACEMENT_POLICY {
        return Ok(());
    }
    let refusal = match PolicySpec::parse(value) {
        Ok(_) => return Ok(()),
        Err(PolicyError::Policy { given, .. }) => {
            let names = policy::describe().map(|one| one.name).collect::<Vec<_>>().join(",");
            format!("should be one of [{NO_PLACEMENT_POLICY},{names}], was {given:?}")
        }
        Err(error) => format!("cannot be used: {error}"),
    };
    Err(invalid(format!("{PLACEMENT_POLICY} {refusal}")))
}

/// Whether a request says nothing about container insights.
pub(super) fn leaves_insights(settings: &[types::ClusterSetting]) -> bool {
    settings.iter().all(|setting| setting.name.as_deref() != Some(CONTAINER_INSIGHTS))
}
