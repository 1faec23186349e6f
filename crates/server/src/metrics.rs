//! `GET /metrics`: what the listeners count, followed by what the writers count.

use crate::server::Shell;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Duration;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<OperationLabels, Histogram>,
    connections: Gauge,
    streams: Gauge,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    /// Empty for success.
    error: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

impl Metrics {
    pub fn new() -> Self {
        // From a quarter of a millisecond to about 16 seconds.
        let seconds = || Histogram::new(exponential_buckets(0.000_25, 4.0, 9));
        let requests = Family::default();
        let request_seconds = Family::new_with_constructor(seconds as fn() -> Histogram);
        let (connections, streams) = (Gauge::default(), Gauge::default());
        let mut registry = Registry::with_prefix("plimsoll");
        registry.register("api_requests", "Requests by operation and error", requests.clone());
        registry.register_with_unit("api_request", "Time of a request", Unit::Seconds, request_seconds.clone());
        registry.register("open_connections", "Open network connections", connections.clone());
        registry.register("agent_streams", "Open streams of agents", streams.clone());
        Metrics { registry, requests, request_seconds, connections, streams }
    }

    /// `operation` and `error` are empty when there is none.
    pub fn request(&self, operation: &'static str, error: &'static str, took: Duration) {
        self.requests.get_or_create(&RequestLabels { operation, error }).inc();
        self.request_seconds.get_or_create(&OperationLabels { operation }).observe(took.as_secs_f64());
    }

    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    pub fn stream_opened(&self) {
        self.streams.inc();
    }

    pub fn stream_closed(&self) {
        self.streams.dec();
    }
}

pub(crate) async fn handle(State(shell): State<Arc<Shell>>) -> Response {
    match encode(&shell) {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn encode(shell: &Shell) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    text::encode_registry(&mut text, &shell.metrics.registry)?;
    shell.control.encode_metrics(&mut text)?;
    text::encode_eof(&mut text)?;
    Ok(text)
}
