//! Account settings (ACC-1, ACC-2): which there are, what values each takes, and what holds where nobody has set it.
//! Only `containerInsights` decides something here, at the creation of a cluster; the others are kept and given back.

use super::input::invalid;
use crate::Context;
use plimsoll_ecs_api::{ApiError, types};
use std::collections::BTreeMap;

pub(super) struct Known {
    pub(super) name: &'static str,
    /// What it may be set to; empty for what is not the user's to set.
    values: &'static [&'static str],
    pub(super) default: &'static str,
}

const SWITCH: &[&str] = &["enabled", "disabled"];
/// ARN-3: there is no way back to the short format.
const LONG_ARN: &[&str] = &["enabled"];

/// Ascending by name.
pub(super) static KNOWN: &[Known] = &[
    Known { name: "awsvpcTrunking", values: SWITCH, default: "disabled" },
    Known { name: "containerInsights", values: &["enabled", "disabled", "enhanced"], default: "disabled" },
    Known { name: "containerInstanceLongArnFormat", values: LONG_ARN, default: "enabled" },
    // What the container engine does when nobody tells it otherwise.
    Known { name: "defaultLogDriverMode", values: &["blocking", "non-blocking"], default: "blocking" },
    Known { name: "fargateEventWindows", values: SWITCH, default: "disabled" },
    Known { name: "fargateFIPSMode", values: SWITCH, default: "disabled" },
    Known { name: "fargateTaskRetirementWaitPeriod", values: &["0", "7", "14"], default: "7" },
    Known { name: "guardDutyActivate", values: &[], default: "off" },
    Known { name: "serviceLongArnFormat", values: LONG_ARN, default: "enabled" },
    Known { name: "tagResourceAuthorization", values: &["on", "off"], default: "off" },
    Known { name: "taskLongArnFormat", values: LONG_ARN, default: "enabled" },
];

pub(super) fn named(name: &str) -> Result<&'static Known, ApiError> {
    let names = || KNOWN.iter().map(|known| known.name).collect::<Vec<_>>().join(",");
    KNOWN
        .iter()
        .find(|known| known.name == name)
        .ok_or_else(|| invalid(format!("name should be one of [{}], was {name:?}", names())))
}

impl Known {
    pub(super) fn check(&self, value: &str) -> Result<(), ApiError> {
        let name = self.name;
        match self.values {
            [] => Err(invalid(format!("The account setting {name} can be read and not set."))),
            values if values.contains(&value) => Ok(()),
            values => Err(invalid(format!("{name} should be one of [{}], was {value:?}", values.join(",")))),
        }
    }

    pub(super) fn render(&self, principal: &str, value: &str) -> types::Setting {
        let kind = if self.values.is_empty() { "aws_managed" } else { "user" };
        types::Setting {
            name: Some(self.name.into()),
            value: Some(value.into()),
            principal_arn: Some(principal.into()),
            r#type: Some(kind.into()),
        }
    }
}

/// Whose settings the account's defaults are.
pub(super) fn root(context: &Context) -> String {
    format!("arn:aws:iam::{}:root", context.namespace.account)
}

/// The principal a request is about: the caller unless it names another one of the same account.
pub(super) fn principal(context: &Context, given: Option<String>) -> Result<String, ApiError> {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(context.caller_arn.to_string()) };
    let own = format!("arn:aws:iam::{}:", context.namespace.account);
    let fits = given.strip_prefix(&own).is_some_and(|rest| {
        rest == "root" || ["user/", "role/"].iter().any(|kind| rest.strip_prefix(kind).is_some_and(|n| !n.is_empty()))
    });
    if fits && given.len() <= PRINCIPAL_CHARACTERS_MAX {
        return Ok(given);
    }
    Err(invalid(format!("principalArn must be the ARN of the root, a user or a role of the account: {own}root")))
}

/// The longest path and name of a role make an ARN of some 600.
const PRINCIPAL_CHARACTERS_MAX: usize = 1024;

/// The value that holds for the caller (ACC-2).
pub(super) fn value_of(known: &Known, settings: &BTreeMap<String, String>) -> String {
    settings.get(known.name).map_or(known.default, String::as_str).to_owned()
}
