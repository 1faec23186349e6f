//! ListAccountSettings (ACC-2): with `effectiveSettings` what holds for every name, else what the principal itself set.

use super::account_setting::{KNOWN, named, principal, root, value_of};
use super::input::invalid;
use crate::Context;
use crate::error_map::store_error;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use serde_json::Value;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListAccountSettingsResponse, ApiError> {
    let pager = Pager::<String>::of(operation, &input)?;
    let request: types::ListAccountSettingsRequest = parse(input)?;
    let name = request.name.map(|name| named(&name)).transpose()?;
    let value = request.value.filter(|value| !value.is_empty());
    if value.is_some() && name.is_none() {
        return Err(invalid("value needs a name."));
    }
    let principal = principal(context, request.principal_arn)?;
    let settings = context.control.account_settings();
    let effective = request.effective_settings == Some(true);
    let set = match effective {
        true => settings.effective(&context.namespace, &principal, &root(context)).await,
        false => settings.explicit(&context.namespace, &principal).await,
    };
    let set = set.map_err(|error| store_error(&error))?;
    let shown = KNOWN
        .iter()
        .filter(|known| name.is_none_or(|name| name.name == known.name))
        .filter(|known| effective || set.contains_key(known.name))
        .map(|known| (known, value_of(known, &set)))
        .filter(|(_, found)| value.as_ref().is_none_or(|wanted| wanted == found));
    let page = pager.page(shown, |(known, _)| known.name.to_owned());
    let settings = page.items.iter().map(|(known, value)| known.render(&principal, value)).collect();
    Ok(types::ListAccountSettingsResponse { settings: Some(settings), next_token: page.next_token })
}
