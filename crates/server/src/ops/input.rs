//! Refusals and readings that many operations share. Types, enums, lengths and characters were checked before, against
//! the model's tables; what is left depends on several members at once.

use plimsoll_core::Output;
use plimsoll_ecs_api::{ApiError, code};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::invalid_parameter(message)
}

/// Part of ECS, not of this server: said plainly instead of being ignored.
pub(super) fn unsupported(message: impl Into<String>) -> ApiError {
    ApiError::new(code::UNSUPPORTED_FEATURE, message)
}

pub(super) fn non_empty<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// An empty text where a name may be left out means that it was left out.
pub(super) fn shared(given: Option<String>) -> Option<Arc<str>> {
    given.filter(|text| !text.is_empty()).map(Arc::from)
}

/// A number that the model's bounds keep from being negative.
pub(super) fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Results follow the order of the request, duplicates collapse (W-17).
pub(super) fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// Keeps a member that is described back as it was sent.
pub(super) fn echo<T: Serialize>(kept: &mut Map<String, Value>, member: &str, given: Option<&T>) {
    if let Some(given) = given {
        let value = serde_json::to_value(given).expect("wire types have text keys and finite numbers");
        kept.insert(member.to_owned(), value);
    }
}

/// The core answered a command with the output of another one: a bug, and no reason to fall over.
pub(super) fn unexpected(operation: &str, output: &Output) -> ApiError {
    tracing::error!(operation, ?output, "unexpected output of a command");
    ApiError::server("The request was carried out, but its result cannot be shown.")
}
