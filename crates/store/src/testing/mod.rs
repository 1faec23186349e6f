//! What tests of this and other crates need of a database: a private PostgreSQL, and databases of their own in it.

mod database;
mod server;

pub use database::TestDatabase;
pub use server::{StartError, TestPostgres};
