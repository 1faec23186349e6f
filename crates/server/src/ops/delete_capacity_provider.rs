//! DeleteCapacityProvider (SVC-57): one that a cluster has is refused, and with it one that a service or task uses: a
//! cluster does not let go of a provider before they have (CL-11).

use super::capacity::{check_not_built_in, does_not_exist};
use crate::Context;
use crate::error_map::store_error;
use crate::render::{self, ShowTags};
use crate::resolve;
use plimsoll_ecs_api::{ApiError, types};
use plimsoll_model::{CapacityProvider, CapacityProviderUpdate};
use plimsoll_store::ProviderDeletion;

pub(super) async fn run(
    context: &Context,
    request: types::DeleteCapacityProviderRequest,
) -> Result<types::DeleteCapacityProviderResponse, ApiError> {
    let name = resolve::capacity_provider_name(context, request.capacity_provider.as_deref().unwrap_or_default())?;
    check_not_built_in(&name)?;
    let deleted = context.control.capacity_providers().delete(&context.namespace, &name).await;
    match deleted.map_err(|error| store_error(&error))? {
        ProviderDeletion::Deleted(row) => {
            let mut row = CapacityProvider::clone(&row);
            row.update = Some(CapacityProviderUpdate::DeleteComplete);
            let shown = render::capacity_provider(&context.namespace, &row, ShowTags::Yes);
            Ok(types::DeleteCapacityProviderResponse { capacity_provider: Some(shown) })
        }
        ProviderDeletion::Missing => Err(does_not_exist()),
        ProviderDeletion::Associated(cluster) => Err(ApiError::client(format!(
            "The capacity provider cannot be deleted because it is associated with cluster: {cluster}. Remove the \
             capacity provider from the cluster and try again."
        ))),
    }
}
