//! Client tokens: the same request sent twice has one effect (W-16, I-25).

use crate::{DeploymentId, ServiceName, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A token as it came with a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ClientToken {
    /// The operation's name: the same text in two operations is two tokens.
    pub operation: Arc<str>,
    pub token: Arc<str>,
    /// SHA-256 over the request with nulls removed and keys sorted, in hex: equal means the same parameters.
    pub fingerprint: Arc<str>,
}

/// What the first request with a token led to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TokenRecord {
    pub token: ClientToken,
    pub created_at: Timestamp,
    pub result: TokenResult,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TokenResult {
    Tasks(Vec<TaskId>),
    Service(ServiceName),
    TaskSet(DeploymentId),
}
