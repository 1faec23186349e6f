//! The rules of the scheduler, driven from outside: one binary, so that the harness and the cores are built once.

// A test that cannot go on should say where.
#![allow(clippy::unwrap_used)]

mod daemons;
mod decisions;
mod explain;
mod found_by_simulation;
mod harness;
mod history;
mod policy;
mod provisioning;
mod rehearsal;
mod rollout_model;
mod rollout_table;
mod rollouts;
mod scale_in_table;
mod scenarios;
mod sessions;
mod simulation;
mod steady_state;
mod task_life;
mod upkeep;
