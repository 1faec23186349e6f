//! The writer of a cluster over a store that fails, waits and answers late.
#![allow(clippy::unwrap_used, reason = "in a test it is an assertion, in its helpers too")]

mod common;
mod durability;
mod leadership;
mod load;
