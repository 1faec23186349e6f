//! PutAccountSetting, and PutAccountSettingDefault for everybody of the account who has not set it (ACC-2).

use super::account_setting::{named, principal, root};
use crate::Context;
use crate::error_map::store_error;
use plimsoll_ecs_api::{ApiError, types};

pub(super) async fn run(
    context: &Context,
    request: types::PutAccountSettingRequest,
) -> Result<types::PutAccountSettingResponse, ApiError> {
    let principal = principal(context, request.principal_arn)?;
    let setting = put(context, &principal, request.name, request.value).await?;
    Ok(types::PutAccountSettingResponse { setting: Some(setting) })
}

pub(super) async fn run_default(
    context: &Context,
    request: types::PutAccountSettingDefaultRequest,
) -> Result<types::PutAccountSettingDefaultResponse, ApiError> {
    let setting = put(context, &root(context), request.name, request.value).await?;
    Ok(types::PutAccountSettingDefaultResponse { setting: Some(setting) })
}

async fn put(
    context: &Context,
    principal: &str,
    name: Option<String>,
    value: Option<String>,
) -> Result<types::Setting, ApiError> {
    let known = named(name.as_deref().unwrap_or_default())?;
    let value = value.unwrap_or_default();
    known.check(&value)?;
    let done = context.control.account_settings().set(&context.namespace, principal, known.name, Some(&value)).await;
    done.map_err(|error| store_error(&error))?;
    Ok(known.render(principal, &value))
}
