//! UpdateCapacityProvider (SVC-57): the members that were sent replace those that were kept.

use super::capacity::{check_not_built_in, does_not_exist};
use super::input::{invalid, unsupported};
use crate::Context;
use crate::error_map::store_error;
use crate::render::{self, ShowTags};
use crate::resolve;
use plimsoll_control::ProviderChange;
use plimsoll_ecs_api::{ApiError, code, types};
use plimsoll_model::{CapacityProvider, CapacityProviderUpdate};
use serde_json::Value;

pub(super) async fn run(
    context: &Context,
    request: types::UpdateCapacityProviderRequest,
) -> Result<types::UpdateCapacityProviderResponse, ApiError> {
    let name = resolve::capacity_provider_name(context, request.name.as_deref().unwrap_or_default())?;
    if request.managed_instances_provider.is_some() {
        return Err(unsupported("managedInstancesProvider is not supported by this server: it starts no machines."));
    }
    let Some(group) = request.auto_scaling_group_provider else {
        return Err(invalid("An update of a capacity provider needs an autoScalingGroupProvider."));
    };
    check_not_built_in(&name)?;
    let sent = serde_json::to_value(group).expect("wire types have text keys and finite numbers");
    let edit = |row: &mut CapacityProvider| {
        merge(&mut row.auto_scaling_group, &sent);
        row.update = Some(CapacityProviderUpdate::UpdateComplete);
    };
    let changed = context.control.capacity_providers().change(&context.namespace, &name, edit).await;
    match changed.map_err(|error| store_error(&error))? {
        ProviderChange::Done(row) => {
            let shown = render::capacity_provider(&context.namespace, &row, ShowTags::Yes);
            Ok(types::UpdateCapacityProviderResponse { capacity_provider: Some(shown) })
        }
        ProviderChange::Missing => Err(does_not_exist()),
        ProviderChange::Overtaken => {
            Err(ApiError::new(code::UPDATE_IN_PROGRESS, "The capacity provider is being updated; try again."))
        }
    }
}

/// Absent members keep their value, those of `managedScaling` too.
fn merge(kept: &mut Value, sent: &Value) {
    match (kept, sent) {
        (Value::Object(kept), Value::Object(sent)) => {
            for (member, value) in sent {
                merge(kept.entry(member).or_insert(Value::Null), value);
            }
        }
        (kept, sent) => *kept = sent.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn svc_57_an_update_changes_what_it_names() {
        let mut kept =
            json!({"autoScalingGroupArn": "a", "managedScaling": {"status": "DISABLED", "targetCapacity": 9}});
        merge(&mut kept, &json!({"managedScaling": {"status": "ENABLED"}, "managedDraining": "ENABLED"}));
        let expected = json!({
            "autoScalingGroupArn": "a", "managedScaling": {"status": "ENABLED", "targetCapacity": 9},
            "managedDraining": "ENABLED",
        });
        assert_eq!(kept, expected);
    }
}
