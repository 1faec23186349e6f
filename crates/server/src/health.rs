//! `GET /healthz`: can this process do its work?

use crate::server::Shell;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;

/// A cluster without a writer does not make the process unhealthy: the others are served, and restarting would not
/// help it.
pub(crate) async fn handle(State(shell): State<Arc<Shell>>) -> (StatusCode, String) {
    let health = shell.control.health().await;
    let status = if health.store_answers { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let store = if health.store_answers { "answers" } else { "does not answer" };
    (status, format!("store {store}; {} of {} clusters served\n", health.serving, health.clusters))
}
