//! What a refused request is answered with: `{"__type": code, "message": text}` and an HTTP status (W-4).

use serde_json::{Map, Value};
use std::fmt;

/// Exception names. Those of the model are generated; the rest belong to the protocol and its authentication.
pub mod code {
    pub use crate::generated::codes::*;

    pub const UNKNOWN_OPERATION: &str = "UnknownOperationException";
    pub const SERIALIZATION: &str = "SerializationException";
    pub const THROTTLING: &str = "ThrottlingException";
    pub const MISSING_AUTHENTICATION_TOKEN: &str = "MissingAuthenticationTokenException";
    pub const INCOMPLETE_SIGNATURE: &str = "IncompleteSignatureException";
    pub const UNRECOGNIZED_CLIENT: &str = "UnrecognizedClientException";
    pub const INVALID_SIGNATURE: &str = "InvalidSignatureException";
}

#[derive(Clone, PartialEq, Debug)]
pub struct ApiError {
    pub code: &'static str,
    pub message: String,
    pub status: u16,
    /// Members beside the message, such as `resourceIds` of a ConflictException.
    pub extra: Map<String, Value>,
}

impl ApiError {
    /// Every modelled error is a 400, the server's own faults are a 500.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let status = if code::FAULTS.contains(&code) { 500 } else { 400 };
        Self { code, message: message.into(), status, extra: Map::new() }
    }

    pub fn client(message: impl Into<String>) -> Self {
        Self::new(code::CLIENT, message)
    }

    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(code::INVALID_PARAMETER, message)
    }

    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(code::SERIALIZATION, message)
    }

    pub fn server(message: impl Into<String>) -> Self {
        Self::new(code::SERVER, message)
    }

    pub fn cluster_not_found() -> Self {
        Self::new(code::CLUSTER_NOT_FOUND, "Cluster not found.")
    }

    pub fn unknown_operation(target: &str) -> Self {
        let message = if target.is_empty() {
            "the X-Amz-Target header is missing".to_owned()
        } else {
            format!("target {} is not an operation of this service", excerpt(target))
        };
        Self::new(code::UNKNOWN_OPERATION, message)
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(member.to_owned(), value.into());
        self
    }

    /// The awsJson body.
    pub fn body(&self) -> Value {
        let mut body = self.extra.clone();
        body.insert("__type".to_owned(), self.code.into());
        body.insert("message".to_owned(), self.message.as_str().into());
        Value::Object(body)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// What was given, quoted and short enough for a message; hostile input must not be echoed by the megabyte.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
