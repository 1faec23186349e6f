//! Listeners: the ECS API and the agent gateway on one port.
//!
//! The server reads the wire, asks `plimsoll_control`, and renders what it hears. It decides nothing about tasks.

mod api;
mod auth;
mod body;
mod error_map;
mod gateway;
mod health;
mod listener;
mod metrics;
mod neighbours;
mod operator;
mod ops;
mod render;
mod resolve;
mod resolve_history;
mod server;
mod settings;

pub use api::Context;
pub use server::{Error, RunningServer, Server};
pub use settings::{Auth, Credentials, Limits, ServerSettings};
