//! The wire of the ECS API: awsJson 1.1 shapes, validation, errors, ARNs, page tokens and SigV4.
//!
//! A request takes this way: [`sigv4::verify`] over the received bytes, [`Operation::lookup`] of the target header,
//! [`validate`] of the body against the operation's table (syntax, required members, enums, bounds), [`parse`] into a
//! struct of [`types`]. What a request *means* is decided elsewhere: this crate knows nothing of clusters, instances
//! or placement, does no I/O, and takes the time as a parameter.
//!
//! The tables and types come from the model file of botocore through `cargo xtask codegen`; `generated` is never
//! edited. ECS bounds that the model file does not carry are in `bounds`, one line each.
//!
//! To add an operation: one line in the generator's list, `cargo xtask codegen`, and, where it has bounds of its own,
//! lines in `bounds`.

pub mod arn;
mod bounds;
mod error;
mod generated;
mod json;
mod operation;
pub mod page;
mod shape;
pub mod sigv4;
mod timestamp;
mod validate;

pub use error::{ApiError, code};
pub use generated::operations::{Call, OPERATIONS, TARGET_PREFIX};
pub use generated::types;
pub use operation::{Operation, lacking, not_implemented};
pub use shape::{Member, Shape, Structure};
pub use timestamp::seconds;
pub use validate::{BODY_BYTES_MAX, DEPTH_MAX, parse, validate};
