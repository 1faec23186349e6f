//! ListServicesByNamespace (OP-2): there is no Service Connect here, so there is no namespace either.

use plimsoll_ecs_api::{ApiError, code, types};

pub(super) fn run(
    request: &types::ListServicesByNamespaceRequest,
) -> Result<types::ListServicesByNamespaceResponse, ApiError> {
    let given = request.namespace.as_deref().unwrap_or_default();
    let shown: String = given.chars().take(128).collect();
    Err(ApiError::new(
        code::NAMESPACE_NOT_FOUND,
        format!("The namespace {shown:?} was not found: this server keeps no service discovery namespaces."),
    ))
}
