//! The cluster query language, placement constraints and strategies, and why a placement was made.
//!
//! A [`Fleet`] is the scheduler's own picture of a cluster: ordinals and integers, kept up to date task by task. Plans,
//! refusals and explanations are values computed from it; computing one never changes it. This crate knows neither
//! services nor deployments, no clock and no source of entropy but the generator it is handed.
//!
//! The README beside this crate names the phases of planning as the code does.

mod branches;
mod chain;
mod check;
mod demand;
mod draft;
#[cfg(any(test, feature = "oracle"))]
pub mod equality;
mod explain;
mod fleet;
#[cfg(any(test, feature = "oracle"))]
mod fuzz;
mod groups;
mod holding;
mod hot;
pub mod journal;
mod kept;
mod key;
mod labels;
mod ladder;
pub mod mutants;
pub mod policy;

mod node;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod order;
mod overlay;
#[cfg(any(test, feature = "oracle"))]
mod pair;
mod plan;
#[cfg(test)]
mod properties;
mod query;
mod ranks;
mod reason;
mod request;
mod room;
#[cfg(test)]
mod scenarios;
mod strategy;
mod tasks;
mod terms;
mod values;
mod victims;
mod view;
mod views;
mod wants;
mod words;

pub use demand::demand;
pub use explain::{Candidate, Check, Closest, Explanation, Obstacle};
pub use fleet::{Fleet, InstanceIdx};
pub use groups::GroupIdx;
pub use node::NodeSpec;
pub use query::{Expression, ParseError};
pub use reason::Reason;
pub use request::{Demand, Plan, Rejection, Request};
pub use strategy::{
    ConstraintError, EXPRESSION_CHARS_MAX, STRATEGIES_MAX, StrategyError, parse_constraint, parse_strategy,
};
pub use tasks::TaskWasLive;
pub use terms::Terms;
pub use victims::{Victim, pick_victims};
