//! The operations of the model, looked up by the target header.

use crate::error::{ApiError, code};
use crate::generated::operations::{Call, OPERATIONS, TARGET_PREFIX};
use crate::shape::Shape;
use std::fmt;

/// One row of the operation table. Compare and print by name; there is one static row per operation.
pub struct Operation {
    pub name: &'static str,
    /// Set for the operations that have types; an exhaustive `match` on it is the dispatcher.
    pub call: Option<Call>,
    pub input: &'static Shape,
    pub output: &'static Shape,
    /// Exception names the model declares, ascending.
    pub errors: &'static [&'static str],
}

impl Operation {
    /// The operation an `X-Amz-Target` header names. Missing, foreign and misspelt targets are one case (W-5): pass ""
    /// for a missing header.
    pub fn lookup(x_amz_target: &str) -> Result<&'static Operation, ApiError> {
        x_amz_target
            .strip_prefix(TARGET_PREFIX)
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(Self::named)
            .ok_or_else(|| ApiError::unknown_operation(x_amz_target))
    }

    pub fn named(name: &str) -> Option<&'static Operation> {
        let at = OPERATIONS.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        Some(&OPERATIONS[at])
    }

    /// Whether clients know this exception as one the operation can answer.
    pub fn declares(&self, code: &str) -> bool {
        self.errors.binary_search(&code).is_ok()
    }
}

impl PartialEq for Operation {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Operation {}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operation").field(&self.name).finish()
    }
}

/// The answer to an operation of the model that the server does not have (OP-1).
pub fn not_implemented(operation: &Operation) -> ApiError {
    let code = if operation.declares(code::UNSUPPORTED_FEATURE) { code::UNSUPPORTED_FEATURE } else { code::CLIENT };
    ApiError::new(code, format!("{} is not supported by this server: {}", operation.name, lacking(operation.name)))
}

/// What an operation would need and is not here, as half a sentence.
pub fn lacking(name: &str) -> &'static str {
    if name.contains("ExpressGateway") {
        "Express services need load balancers and certificates that it does not have."
    } else if name.contains("Gateway") {
        "gateways need a network of the cloud's that it does not have."
    } else if name.contains("Daemon") {
        "managed daemons run on managed instances, which it does not have; a service with the scheduling strategy \
         DAEMON runs one task on each instance."
    } else {
        "it has no equivalent of what that needs."
    }
}
