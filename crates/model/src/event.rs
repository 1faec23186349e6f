use crate::{ServiceName, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One line of a service's `events` (EV rules).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServiceEvent {
    pub service: ServiceName,
    /// Counts up within the service; the newest has the highest.
    pub sequence: u64,
    /// Shown as a UUID.
    pub id: u128,
    pub created_at: Timestamp,
    pub message: Arc<str>,
}
