//! DeleteAccountSetting (ACC-2): what the principal set is forgotten, and given back.

use super::account_setting::{named, principal};
use super::input::invalid;
use crate::Context;
use crate::error_map::store_error;
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::DeleteAccountSettingRequest,
) -> Result<types::DeleteAccountSettingResponse, ApiError> {
    let known = named(request.name.as_deref().unwrap_or_default())?;
    let principal = principal(context, request.principal_arn)?;
    let settings = context.control.account_settings();
    let failed = |error| store_error(&error);
    let explicit = settings.explicit(&context.namespace, &principal).await.map_err(failed)?;
    let Some(value) = explicit.get(known.name) else {
        return Err(invalid(format!("{principal} has not set {}.", known.name)));
    };
    settings.set(&context.namespace, &principal, known.name, None).await.map_err(failed)?;
    Ok(types::DeleteAccountSettingResponse { setting: Some(known.render(&principal, value)) })
}
